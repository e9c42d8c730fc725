package arrowipc

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"stoker/internal/errs"
)

// Encoding says that a column holds numbers of values, which come in dictionary
// batches. Only Stream reads such columns.
type Encoding struct {
	ID    int64 // of the dictionary
	Index Type  // of the numbers
}

// Slots of the tables that only files of others have.
const (
	headerDictionaryBatch = 2

	encodingID, encodingIndex                       = 0, 1
	dictionaryID, dictionaryData, dictionaryIsDelta = 0, 1, 2
	compressionCodec                                = 0

	codecLZ4  = 0 // LZ4 frames
	codecZSTD = 1
)

// maxPlain bounds the bytes of a batch once it is decompressed, so that a small file
// cannot fill the memory. The usual batches have some megabytes.
const maxPlain = 512 << 20

// readEncoding reads the dictionary of a Field table; ok is false for other numbers
// than integers.
func readEncoding(ft table) (*Encoding, bool) {
	t := ft.table(fieldDictionary)
	e := &Encoding{ID: t.int64(encodingID), Index: Int32}
	if !t.has(encodingIndex) {
		return e, true
	}
	index := t.table(encodingIndex)
	for kind, info := range types {
		if info.union == unionInt && int(index.int32(intBitWidth)) == info.bits && (index.byte(intSigned) != 0) == info.signed {
			e.Index = Type(kind)
			return e, true
		}
	}
	return e, false
}

// encoded reports whether a column of the schema has a dictionary.
func (s *Schema) encoded() bool {
	for i := range s.Fields {
		if s.Fields[i].Encoding != nil {
			return true
		}
	}
	return false
}

// stored returns the field as record batches hold it.
func (f *Field) stored() Field {
	if f.Encoding == nil {
		return *f
	}
	return Field{Name: f.Name, Type: f.Encoding.Index, Nullable: f.Nullable}
}

// body returns the buffers of a batch, decompressed.
func (s *Stream) body(f *File, header table) (bodyReader, error) {
	block := f.blocks[0]
	buffers, _, _ := header.vector(batchBuffers, bufferBytes)
	b := bodyReader{data: f.data[block.Body():block.End()], buffers: buffers}
	if !header.has(batchCompression) {
		return b, nil
	}
	// An enumeration's default, LZ4, is left out of the table.
	codec := header.table(batchCompression).byte(compressionCodec)
	if codec > codecZSTD {
		return b, errs.New(errs.Unsupported, "the Arrow file is compressed in a way that Stoker does not know (%d)", codec)
	}
	return s.inflate(b, codec)
}

// inflate decompresses the buffers of a body. Each begins with its size, or with -1
// where it is as it was.
func (s *Stream) inflate(b bodyReader, codec byte) (bodyReader, error) {
	damaged := errs.New(errs.Corrupt, "a compressed batch of the Arrow file is damaged")
	s.plain.Reset()
	var places []byte
	for len(b.buffers) > 0 {
		buf, _, ok := b.next()
		if !ok || len(buf) > 0 && len(buf) < 8 {
			return b, damaged
		}
		start := s.plain.Len()
		if len(buf) > 0 {
			size := int64(binary.LittleEndian.Uint64(buf))
			switch {
			case size == -1:
				s.plain.Write(buf[8:])
			case size < 0 || size > maxPlain-int64(start):
				return b, errs.New(errs.Unsupported, "a batch of the Arrow file has more than %d MiB", maxPlain>>20).
					WithHint("write smaller record batches")
			case !s.inflateOne(buf[8:], size, codec):
				return b, damaged
			}
		}
		places = binary.LittleEndian.AppendUint64(places, uint64(start))
		places = binary.LittleEndian.AppendUint64(places, uint64(s.plain.Len()-start))
	}
	return bodyReader{data: s.plain.Bytes(), buffers: places}, nil
}

// inflateOne appends size bytes to the plain body, which grows with what is there,
// not with what the file claims.
func (s *Stream) inflateOne(buf []byte, size int64, codec byte) bool {
	var in io.Reader
	if codec == codecLZ4 {
		in = lz4.NewReader(bytes.NewReader(buf))
	} else {
		if s.zstd == nil {
			var err error
			if s.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20)); err != nil {
				return false
			}
		}
		if s.zstd.Reset(bytes.NewReader(buf)) != nil {
			return false
		}
		in = s.zstd
	}
	got, err := io.CopyN(&s.plain, in, size)
	return err == nil && got == size
}

// dictionary keeps the values of a dictionary batch.
func (s *Stream) dictionary(f *File, m message) error {
	id := m.header.int64(dictionaryID)
	if m.header.byte(dictionaryIsDelta) != 0 {
		return errs.New(errs.Unsupported, "the Arrow file adds to its dictionaries").
			WithHint("write it as a file instead of a stream, or as Parquet")
	}
	for i := range s.schema.Fields {
		field := s.schema.Fields[i]
		if field.Encoding == nil || field.Encoding.ID != id {
			continue
		}
		field.Encoding = nil
		header := m.header.table(dictionaryData)
		body, err := s.body(f, header)
		if err != nil {
			return err
		}
		body.data = bytes.Clone(body.data) // the buffers go on
		values, ok := decode(header, &Schema{Fields: []Field{field}}, body)
		if !ok {
			return errs.New(errs.Corrupt, "a dictionary of the Arrow file is damaged")
		}
		if s.dictionaries == nil {
			s.dictionaries = make(map[int64]*Column)
		}
		s.dictionaries[id] = &values.Columns[0]
		return nil
	}
	return nil // of no column
}

// look puts the values of their dictionaries into columns, and checks every number.
func (s *Stream) look(b *Batch) error {
	for i := range b.Columns {
		e := s.schema.Fields[i].Encoding
		if e == nil {
			continue
		}
		values, numbers := s.dictionaries[e.ID], b.Columns[i]
		if values == nil {
			return errs.New(errs.Corrupt, "column %q of the Arrow file has no dictionary", s.schema.Fields[i].Name)
		}
		for r := range b.Rows {
			if n := numbers.Int(r); !numbers.Null(r) && (n < 0 || n >= int64(values.rows)) {
				return errs.New(errs.Corrupt, "column %q of the Arrow file has a value that is not in its dictionary", s.schema.Fields[i].Name)
			}
		}
		b.Columns[i] = *values
		b.Columns[i].numbers = &numbers
	}
	return nil
}
