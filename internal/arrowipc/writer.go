package arrowipc

import (
	"bufio"
	"encoding/binary"
	"io"

	flatbuffers "github.com/google/flatbuffers/go"

	"stoker/internal/errs"
)

const (
	magic        = "ARROW1"
	magicBytes   = 8 // the magic padded, before the first message
	continuation = 0xFFFFFFFF
	prefixBytes  = 8 // continuation marker and metadata length

	// writeBuffer gathers the small buffers of a batch into few writes; larger
	// ones, the blobs, go straight to the file.
	writeBuffer = 64 << 10
)

var zeros [4096]byte

// Writer writes one Arrow IPC file. What it writes depends only on the schema,
// the alignment and the batches.
type Writer struct {
	w      *bufio.Writer
	schema *Schema
	align  int
	offset int64 // of the next byte
	blocks []Block
	fb     *flatbuffers.Builder
	bufs   [][]byte // scratch
}

// NewWriter begins a file: it writes the magic and the schema. Every record
// batch body will start at a multiple of align, which is itself a multiple of
// BufferAlign and at most 4096.
func NewWriter(w io.Writer, schema *Schema, align int) (*Writer, error) {
	f := newWriter(w, schema, align)
	f.write([]byte(magic + "\x00\x00"))
	f.writeMessage(schemaMessage(schema), BufferAlign)
	return f, f.w.Flush()
}

// ResumeWriter continues a file that NewWriter began and that ends behind the
// last of the given batches, or behind the schema where there are none. w must
// write at that place.
func ResumeWriter(w io.Writer, schema *Schema, align int, blocks []Block) *Writer {
	f := newWriter(w, schema, align)
	f.blocks = blocks
	f.offset = SchemaEnd(schema)
	if n := len(blocks); n > 0 {
		f.offset = blocks[n-1].End()
	}
	return f
}

// SchemaEnd returns the offset of the first batch in a file of the schema.
func SchemaEnd(schema *Schema) int64 {
	return int64(padded(magicBytes+prefixBytes+len(schemaMessage(schema)), BufferAlign))
}

func newWriter(w io.Writer, schema *Schema, align int) *Writer {
	return &Writer{w: bufio.NewWriterSize(w, writeBuffer), schema: schema, align: align,
		fb: flatbuffers.NewBuilder(4096)}
}

// WriteBatch writes the builder's rows as one record batch. When it returns nil
// all bytes have gone to the underlying writer. After an error the file is
// undefined from the last complete batch on.
func (f *Writer) WriteBatch(b *Builder) (Block, error) {
	f.bufs = f.bufs[:0]
	for i := range b.columns {
		if len(b.columns[i].values) > MaxVariableBytes {
			return Block{}, errs.New(errs.Internal, "column %q has more than 2 GiB in one record batch", f.schema.Fields[i].Name)
		}
		f.bufs = b.columns[i].buffers(f.bufs)
	}
	start := f.offset
	meta, bodyLen := batchMessage(f.fb, b.columns, f.bufs)
	f.writeMessage(meta, f.align)
	block := Block{Offset: start, MetaLen: int32(f.offset - start), BodyLen: bodyLen}
	for _, buf := range f.bufs {
		f.write(buf)
		f.pad(BufferAlign)
	}
	if err := f.w.Flush(); err != nil {
		return Block{}, err
	}
	f.blocks = append(f.blocks, block)
	return block, nil
}

// BatchEnd returns the offset that the file would have after WriteBatch(b).
func (f *Writer) BatchEnd(b *Builder) int64 {
	f.bufs = f.bufs[:0]
	for i := range b.columns {
		f.bufs = b.columns[i].buffers(f.bufs)
	}
	meta, bodyLen := batchMessage(f.fb, b.columns, f.bufs)
	align := int64(f.align)
	body := (f.offset + prefixBytes + int64(len(meta)) + align - 1) / align * align
	return body + bodyLen
}

// Finish writes the end-of-stream marker and the footer.
func (f *Writer) Finish() error {
	eos := prefix(0)
	f.write(eos[:])
	foot := footer(f.schema, f.blocks)
	f.write(foot)
	f.write(binary.LittleEndian.AppendUint32(nil, uint32(len(foot))))
	f.write([]byte(magic))
	return f.w.Flush()
}

// writeMessage writes prefix and metadata, padded so that they end at a
// multiple of align in the file. The length in the prefix counts the padding.
func (f *Writer) writeMessage(meta []byte, align int) {
	end := f.offset + prefixBytes + int64(len(meta))
	pad := (int64(align) - end%int64(align)) % int64(align)
	p := prefix(len(meta) + int(pad))
	f.write(p[:])
	f.write(meta)
	f.write(zeros[:pad])
}

// write writes to the buffer, whose error is sticky and returned by Flush.
func (f *Writer) write(p []byte) {
	f.offset += int64(len(p))
	_, _ = f.w.Write(p)
}

// pad writes zeros up to the next multiple of align, at most 4096.
func (f *Writer) pad(align int64) {
	f.write(zeros[:(align-f.offset%align)%align])
}
