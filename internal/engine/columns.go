package engine

import (
	"encoding/binary"
	"math"

	"stoker/internal/dataset"
	"stoker/internal/tensor"
)

// What stands for a value that is not there. A float64 is NaN; a text is empty.
const (
	NullInt64 = math.MinInt64
	NullBool  = 2 // a bool field with nulls comes as uint8
)

// column writes one field but the image.
type column struct {
	field Field
	from  dataset.Column // the zero Column for index
}

func (s *Session) openColumns() error {
	for _, f := range s.layout.Fields {
		if f.Name == fieldImage || s.sequences.filled(f.Name, s.source.Manifest()) {
			continue
		}
		c := column{field: f}
		if f.Name != fieldIndex {
			var err error
			if c.from, err = s.source.Column(f.Name); err != nil {
				return err
			}
			s.noticeNulls(f)
		}
		s.columns = append(s.columns, c)
	}
	return nil
}

// noticeNulls tells how a field's missing values look in a batch, where one
// could take them for values.
func (s *Session) noticeNulls(f Field) {
	for _, d := range s.source.Manifest().Fields {
		if d.Name != f.Name || d.Nulls == 0 {
			continue
		}
		switch d.Type {
		case dataset.Int64:
			s.notice("field %q: %d samples have no value and come as %d", d.Name, d.Nulls, int64(NullInt64))
		case dataset.Bool:
			s.notice("field %q: %d samples have no value, so it comes as uint8: 0, 1, or %d for none", d.Name, d.Nulls, NullBool)
		}
	}
}

// fill writes the column's values for the given samples into a slot.
func (c *column) fill(slot []byte, indices []int64) {
	le := binary.LittleEndian
	out := slot[c.field.Offset:]
	switch {
	case c.field.Name == fieldIndex:
		copy(view[int64](out), indices)
	case c.field.Text:
		c.fillText(out, slot[c.field.DataOffset:][:c.field.DataBytes], indices)
	case c.field.DType == tensor.Float64:
		for i, index := range indices {
			v, ok := c.from.Float64(index)
			if !ok {
				v = math.NaN()
			}
			le.PutUint64(out[8*i:], math.Float64bits(v))
		}
	case c.field.DType == tensor.Int64:
		if c.from.Int64s(view[int64](out), indices, NullInt64) {
			return
		}
		for i, index := range indices {
			v, ok := c.from.Int64(index)
			if !ok {
				v = NullInt64
			}
			le.PutUint64(out[8*i:], uint64(v))
		}
	default:
		for i, index := range indices {
			v, ok := c.from.Bool(index)
			out[i] = truth(v)
			if !ok {
				out[i] = NullBool
			}
		}
	}
}

func (c *column) fillText(offsets, data []byte, indices []int64) {
	le := binary.LittleEndian
	at := 0
	for i, index := range indices {
		le.PutUint32(offsets[4*i:], uint32(at))
		text, _ := c.from.Bytes(index)
		at += copy(data[at:], text)
	}
	le.PutUint32(offsets[4*len(indices):], uint32(at))
}

func truth(b bool) byte {
	if b {
		return 1
	}
	return 0
}
