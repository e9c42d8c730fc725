package text

import (
	"io"
	"os"
	"sync/atomic"

	"stoker/internal/arrowipc"
	"stoker/internal/errs"
)

// arrowRows reads an Arrow IPC file or stream.
type arrowRows struct {
	src    *os.File
	stream *arrowipc.Stream
	batch  arrowipc.Batch
	at     int   // next row of the batch
	number int64 // rows read
}

func openArrow(_ *Files, _ *file, src *os.File, count *atomic.Int64, _ string) (rows, error) {
	s, err := arrowipc.NewStream(counted{src, count})
	if errs.Is(err, errs.Unsupported) {
		err = errs.New(errs.Unsupported, "%w", err).WithHint("leave the column out or cast it to text, numbers or lists of numbers; or use Parquet")
	}
	if err != nil {
		return nil, err
	}
	return &arrowRows{src: src, stream: s}, nil
}

// fill makes sure that there is a row.
func (a *arrowRows) fill() error {
	for a.at == a.batch.Rows {
		var err error
		if a.batch, err = a.stream.Next(); err != nil {
			a.batch.Rows, a.at = 0, 0
			return err
		}
		a.at = 0
	}
	return nil
}

func (a *arrowRows) next(c *Chunk) error {
	for !c.full() {
		if a.at == a.batch.Rows && len(c.rows) > 0 {
			return nil // the rows of a chunk are views of one batch
		}
		if err := a.fill(); err != nil {
			return err
		}
		rec, err := a.record(a.at)
		a.at++
		a.number++
		c.add(a.number, rec, err)
	}
	return nil
}

// record makes the values of a row. They are copied: the batch goes on.
func (a *arrowRows) record(r int) (Record, error) {
	rec := make(Record, len(a.batch.Columns))
	for i := range rec {
		f := &a.stream.Schema().Fields[i]
		rec[i].Name = f.Name
		if !arrowValue(&rec[i].Value, f, &a.batch.Columns[i], r) {
			return nil, errs.New(errs.Corrupt, "column %q is damaged in this row", f.Name)
		}
	}
	return rec, nil
}

func arrowValue(v *Value, f *arrowipc.Field, c *arrowipc.Column, r int) bool {
	if c.Null(r) {
		return true
	}
	switch {
	case f.Type.IsList():
		data, ok := c.Bytes(r)
		v.Kind, v.Features = Numbers, f.Features
		numbersOf(v, data, f.Elem)
		return ok
	case f.Type.Variable():
		data, ok := c.Bytes(r)
		v.Kind, v.Text = Text, append([]byte{}, data...)
		return ok
	case f.Type.IsFloat():
		v.Kind, v.Float = Float, c.Float(r)
	case f.Type == arrowipc.Bool:
		v.Kind, v.Int = Bool, c.Int(r)
	default:
		v.Kind, v.Int = Int, c.Int(r)
	}
	return true
}

// numbersOf reads little-endian numbers.
func numbersOf(v *Value, data []byte, t arrowipc.Type) {
	n := len(data) / t.Bytes()
	if t.IsFloat() {
		v.Floats = make([]float64, n)
		for i := range v.Floats {
			v.Floats[i] = t.Float(data, i)
		}
		return
	}
	v.Ints = make([]int64, n)
	for i := range v.Ints {
		v.Ints[i] = t.Int(data, i)
	}
}

func (a *arrowRows) skip(n int64) (found int64, err error) {
	for found < n {
		if err := a.fill(); err == io.EOF {
			return found, nil
		} else if err != nil {
			return found, err
		}
		some := min(n-found, int64(a.batch.Rows-a.at))
		a.at += int(some)
		a.number += some
		found += some
	}
	return found, nil
}

func (a *arrowRows) close() error { return a.src.Close() }
