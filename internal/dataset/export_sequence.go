package dataset

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"

	"stoker/internal/arrowipc"
	"stoker/internal/errs"
)

// sequencesName is the file that ExportSequences writes.
const sequencesName = "samples.jsonl"

// ExportSequences writes the samples of a dataset of kind "sequences" to
// out/samples.jsonl, one JSON object a line in the order of the dataset: "key",
// "label" (a name, a number, or null), the further fields, and "text" where it was
// kept, else the numbers under the name of the sequence's field. Floats that JSON
// lacks (NaN, infinities) are null. The file of the tokenizer is copied beside it.
// Each sample is checked with its checksum. A dataset that is repeated by its index
// is written once.
//
// out must not exist or be empty. progress, where not nil, is told of samples and
// bytes written. After an error, also of kind Canceled, out holds what was written
// until then.
func ExportSequences(ctx context.Context, d *Dataset, out string, progress func(samples, bytes int64)) (*Exported, error) {
	if d.layout.sequence == nil {
		return nil, errs.New(errs.Invalid, "the dataset holds %s, not sequences", d.manifest.Kind).At(d.dir)
	}
	tokenizer, err := d.TokenFile()
	if err != nil {
		return nil, err
	}
	return exportTo(out, progress, func(root *os.Root, progress func(samples, bytes int64)) (*Exported, error) {
		if tokenizer != nil {
			if _, err := writeFile(filepath.Join(out, d.manifest.Tokens.File), tokenizer, openFile); err != nil {
				return nil, err
			}
		}
		return d.exportLines(ctx, root, progress)
	})
}

// exportLines writes the file of the samples.
func (d *Dataset) exportLines(ctx context.Context, root *os.Root, progress func(samples, bytes int64)) (_ *Exported, err error) {
	path := filepath.Join(root.Name(), sequencesName)
	f, err := root.Create(sequencesName)
	if err != nil {
		return nil, writeError(err, path, 0)
	}
	defer func() { err = first(err, writeError(f.Close(), path, 0)) }()
	x := &lineExporter{d: d, out: bufio.NewWriterSize(f, 1<<20), progress: progress}
	for i := range d.manifest.Shards {
		if err := x.shard(ctx, i); err != nil {
			return nil, stopped(err)
		}
	}
	done := &Exported{Samples: x.samples, Bytes: x.bytes}
	return done, writeError(x.out.Flush(), path, x.out.Buffered())
}

// lineExporter writes rows of shards as JSON lines.
type lineExporter struct {
	d              *Dataset
	out            *bufio.Writer
	progress       func(samples, bytes int64)
	line           []byte
	samples, bytes int64
}

func (x *lineExporter) shard(ctx context.Context, number int) (err error) {
	info := x.d.manifest.Shards[number]
	mapped, err := openMap(x.d.root, info)
	if err != nil {
		return err
	}
	defer func() { err = first(err, unmap(mapped)) }()
	defer endFault(debug.SetPanicOnFault(true), &err)
	file, err := arrowipc.Open(mapped)
	if err == nil {
		err = checkSchema(file.Schema(), x.d.layout.shardSchema())
	}
	if err != nil {
		return place(err, filepath.Join(x.d.dir, info.File))
	}
	row := indexRow{layout: x.d.layout}
	for i := range file.Blocks() {
		batch, err := file.Batch(i)
		if err != nil {
			return place(err, filepath.Join(x.d.dir, info.File))
		}
		for r := range batch.Rows {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !row.readShard(number, batch.Columns, r) || CRC32C(mapped[row.offset:][:row.length]) != uint32(row.crc) {
				return errs.New(errs.Corrupt, "row %d of record batch %d is damaged", r, i).At(x.d.dir).
					InShard(info.File, row.offset, string(row.key)).WithHint("`stoker verify %s` lists every damaged sample", x.d.dir)
			}
			if err := x.row(&row, batch.Columns, mapped[row.offset:][:row.length]); err != nil {
				return writeError(err, sequencesName, len(x.line))
			}
		}
	}
	return nil
}

// row writes one line.
func (x *lineExporter) row(row *indexRow, columns []arrowipc.Column, blob []byte) error {
	b := appendJSON(append(x.line[:0], `{"key":`...), string(row.key))
	b = append(b, `,"label":`...)
	switch {
	case row.label < 0:
		b = append(b, "null"...)
	case len(x.d.manifest.Classes) > 0:
		b = appendJSON(b, x.d.class(row.label))
	default:
		b = strconv.AppendInt(b, row.label, 10)
	}
	for i, f := range x.d.manifest.Further() {
		b = append(appendJSON(append(b, ','), f.Name), ':')
		b = appendCell(b, &row.further[i], row.at)
	}
	l := x.d.layout
	if l.sequence.Text {
		text, _ := columns[l.text()].Bytes(row.at)
		b = appendJSON(append(b, `,"text":`...), string(text))
	} else {
		b = append(appendJSON(append(b, ','), l.sequence.Field), ':')
		b = appendNumbers(b, blob, l.sequence)
	}
	x.line = append(b, "}\n"...)
	x.samples++
	x.bytes += int64(len(x.line))
	x.progress(1, int64(len(x.line)))
	_, err := x.out.Write(x.line)
	return err
}

func appendJSON(dst []byte, s string) []byte {
	data, err := json.Marshal(s)
	if err != nil { // no string is refused
		return append(dst, "null"...)
	}
	return append(dst, data...)
}

func appendCell(dst []byte, c *arrowipc.Column, at int) []byte {
	switch {
	case c.Null(at):
		return append(dst, "null"...)
	case c.Type == arrowipc.Utf8:
		v, _ := c.Bytes(at)
		return appendJSON(dst, string(v))
	case c.Type == arrowipc.Float64:
		return appendFloat(dst, c.Float(at), 64)
	case c.Type == arrowipc.Bool:
		return strconv.AppendBool(dst, c.Int(at) != 0)
	}
	return strconv.AppendInt(dst, c.Int(at), 10)
}

func appendFloat(dst []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, bits)
}

// appendNumbers appends the elements of a sequence as a JSON list, of lists where
// they are vectors.
func appendNumbers(dst, blob []byte, s *Sequence) []byte {
	dst = append(dst, '[')
	size := int(dtypeBytes[s.DType])
	for i := range len(blob) / size {
		first := s.Features == 0 || i%s.Features == 0
		if i > 0 && s.Features > 0 && first {
			dst = append(dst, ']')
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		if s.Features > 0 && first {
			dst = append(dst, '[')
		}
		dst = appendNumber(dst, blob[i*size:], s.DType)
	}
	if s.Features > 0 && len(blob) > 0 {
		dst = append(dst, ']')
	}
	return append(dst, ']')
}

func appendNumber(dst, b []byte, dtype string) []byte {
	le := binary.LittleEndian
	switch dtype {
	case "uint16":
		return strconv.AppendInt(dst, int64(le.Uint16(b)), 10)
	case "int32":
		return strconv.AppendInt(dst, int64(int32(le.Uint32(b))), 10)
	case "int64":
		return strconv.AppendInt(dst, int64(le.Uint64(b)), 10)
	case "float32":
		return appendFloat(dst, float64(math.Float32frombits(le.Uint32(b))), 32)
	}
	return appendFloat(dst, math.Float64frombits(le.Uint64(b)), 64)
}
