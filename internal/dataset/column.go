package dataset

import (
	"runtime/debug"
	"strconv"

	"stoker/internal/arrowipc"
	"stoker/internal/errs"
)

// Column gives access to one column of the index: a further field, or one of the
// format's own ("key", "label", "width", ...). It is valid until the dataset is
// closed, and safe for concurrent use. Its accessors return ok = false where the
// sample has no value, does not exist, or the index is damaged there.
type Column struct {
	d    *Dataset
	at   int
	typ  arrowipc.Type
	name string
}

// Column returns the column of the given name, or an error of kind NotFound that
// lists those there are.
func (d *Dataset) Column(name string) (Column, error) {
	i := d.schema.Index(name)
	if i < 0 {
		names := make([]string, len(d.schema.Fields))
		for j, f := range d.schema.Fields {
			names[j] = f.Name
		}
		return Column{}, errs.New(errs.NotFound, "the dataset has no field %q; it has %v", name, names).At(d.dir)
	}
	return Column{d: d, at: i, typ: d.schema.Fields[i].Type, name: name}, nil
}

// Name returns the column's name.
func (c Column) Name() string { return c.name }

// Type returns the column's type; the narrower integers of the format's own
// columns count as Int64.
func (c Column) Type() FieldType {
	switch c.typ {
	case arrowipc.Utf8:
		return Utf8
	case arrowipc.Float64:
		return Float64
	case arrowipc.Bool:
		return Bool
	default:
		return Int64
	}
}

// cell finds the value of sample i.
func (c Column) cell(i int64) (*arrowipc.Column, int, bool) {
	b, r, err := c.d.row(i)
	if err != nil {
		return nil, 0, false
	}
	col := &b.Columns[c.at]
	return col, r, !col.Null(r)
}

// Int64 returns the integer of sample i.
func (c Column) Int64(i int64) (v int64, ok bool) {
	defer endFaultOK(debug.SetPanicOnFault(true), &ok)
	col, r, ok := c.cell(i)
	if !ok || c.Type() != Int64 {
		return 0, false
	}
	return col.Int(r), true
}

// Int64s writes the integers of samples into dst, which is as long, and none where
// a sample has no value. It is Int64 for a batch, at a third of the cost; false
// means that the index is damaged somewhere, and dst is unfinished.
func (c Column) Int64s(dst, samples []int64, none int64) (ok bool) {
	defer endFaultOK(debug.SetPanicOnFault(true), &ok)
	if c.Type() != Int64 {
		return false
	}
	for i, sample := range samples {
		dst[i] = none
		if col, r, ok := c.cell(sample); ok {
			dst[i] = col.Int(r)
		}
	}
	return true
}

// Float64 returns the number of sample i of a float64 column.
func (c Column) Float64(i int64) (v float64, ok bool) {
	defer endFaultOK(debug.SetPanicOnFault(true), &ok)
	col, r, ok := c.cell(i)
	if !ok || c.typ != arrowipc.Float64 {
		return 0, false
	}
	return col.Float(r), true
}

// Bool returns the truth value of sample i of a bool column.
func (c Column) Bool(i int64) (v, ok bool) {
	defer endFaultOK(debug.SetPanicOnFault(true), &ok)
	col, r, ok := c.cell(i)
	if !ok || c.typ != arrowipc.Bool {
		return false, false
	}
	return col.Int(r) != 0, true
}

// Bytes returns the text of sample i of a utf8 column: a view of the mapped
// index, valid until the dataset is closed.
func (c Column) Bytes(i int64) (v []byte, ok bool) {
	defer endFaultOK(debug.SetPanicOnFault(true), &ok)
	col, r, ok := c.cell(i)
	if !ok || c.typ != arrowipc.Utf8 {
		return nil, false
	}
	return col.Bytes(r)
}

// Text returns the value of sample i as a labels file holds it; a null is "".
func (c Column) Text(i int64) string {
	switch c.Type() {
	case Utf8:
		v, _ := c.Bytes(i)
		return string(v)
	case Float64:
		if v, ok := c.Float64(i); ok {
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
	case Bool:
		if v, ok := c.Bool(i); ok {
			return strconv.FormatBool(v)
		}
	case Int64:
		if v, ok := c.Int64(i); ok {
			return strconv.FormatInt(v, 10)
		}
	}
	return ""
}
