package source

import (
	"math"

	"stoker/internal/dataset"
)

// value returns cell i of a finished column.
func (c *column) value(i int) dataset.Value {
	if c.isNull[i] {
		return dataset.Value{}
	}
	v := dataset.Value{Valid: true}
	switch c.field.Type {
	case dataset.Int64:
		v.Int = c.integers[i]
	case dataset.Float64:
		v.Float = c.floats[i]
	case dataset.Bool:
		v.Bool = c.bools[i]
	default:
		v.Text = c.cells[i]
	}
	return v
}

// value hashes every member: those that a type does not use are zero.
func (h *hasher) value(v dataset.Value) {
	flags := uint64(0)
	if v.Valid {
		flags |= 1
	}
	if v.Bool {
		flags |= 2
	}
	h.number(flags, uint64(v.Int), math.Float64bits(v.Float))
	h.text(v.Text)
}
