package arrowipc

import (
	"encoding/binary"
	"math"
)

// BufferAlign is the alignment of every buffer inside a body, as the format
// recommends, and of every body's length.
const BufferAlign = 64

// MaxVariableBytes is what the values of one utf8 or binary column may take in
// one record batch, by the 32-bit offsets. Callers keep below it; WriteBatch
// refuses more.
const MaxVariableBytes = math.MaxInt32

// Builder collects the rows of one record batch. Every row appends one value to
// every column, in any order of columns. It keeps its memory over Reset, so one
// builder serves a whole file without allocating.
type Builder struct {
	schema  *Schema
	columns []columnBuilder
}

type columnBuilder struct {
	typ     Type
	field   *Field
	rows    int
	nulls   int
	valid   []byte // bitmap, made with the first null
	offsets []byte // int32, one more than rows; only of variable types
	values  []byte
}

// NewBuilder returns an empty builder for batches of the schema.
func NewBuilder(schema *Schema) *Builder {
	b := &Builder{schema: schema, columns: make([]columnBuilder, len(schema.Fields))}
	for i := range schema.Fields {
		b.columns[i].typ, b.columns[i].field = schema.Fields[i].Type, &schema.Fields[i]
	}
	b.Reset()
	return b
}

// Reset drops all rows.
func (b *Builder) Reset() {
	for i := range b.columns {
		c := &b.columns[i]
		c.rows, c.nulls = 0, 0
		c.valid, c.offsets, c.values = c.valid[:0], c.offsets[:0], c.values[:0]
		if c.typ.Variable() {
			c.offsets = append(c.offsets, 0, 0, 0, 0)
		}
	}
}

// Rows returns the number of rows.
func (b *Builder) Rows() int {
	if len(b.columns) == 0 {
		return 0
	}
	return b.columns[0].rows
}

// AppendInt appends to a column of an integer type. Bits above the type's width
// are cut off.
func (b *Builder) AppendInt(column int, v int64) {
	c := &b.columns[column]
	c.extend(true)
	switch types[c.typ].bits {
	case 8:
		c.values = append(c.values, byte(v))
	case 16:
		c.values = binary.LittleEndian.AppendUint16(c.values, uint16(v))
	case 32:
		c.values = binary.LittleEndian.AppendUint32(c.values, uint32(v))
	default:
		c.values = binary.LittleEndian.AppendUint64(c.values, uint64(v))
	}
}

// AppendFloat appends to a float32 or float64 column.
func (b *Builder) AppendFloat(column int, v float64) {
	c := &b.columns[column]
	c.extend(true)
	if c.typ == Float32 {
		c.values = binary.LittleEndian.AppendUint32(c.values, math.Float32bits(float32(v)))
		return
	}
	c.values = binary.LittleEndian.AppendUint64(c.values, math.Float64bits(v))
}

// AppendBool appends to a bool column.
func (b *Builder) AppendBool(column int, v bool) {
	c := &b.columns[column]
	c.values = appendBit(c.values, c.rows, v)
	c.extend(true)
}

// mostGrowth bounds what a blob column takes beyond its need.
const mostGrowth = 16 << 20

// AppendBytes appends a copy of v to a binary, utf8 or list column. Text must be
// UTF-8; a list is its numbers, little-endian, and holds whole elements.
func (b *Builder) AppendBytes(column int, v []byte) {
	c := &b.columns[column]
	c.extend(true)
	// Doubling: append's own growth by a quarter would copy the blobs of a first
	// batch, and touch fresh memory for them, five times over.
	if n := len(c.values) + len(v); n > cap(c.values) {
		c.values = append(make([]byte, 0, n+min(n, mostGrowth)), c.values...)
	}
	c.values = append(c.values, v...)
	c.endValue()
}

// AppendString is AppendBytes for a string.
func (b *Builder) AppendString(column int, v string) {
	c := &b.columns[column]
	c.extend(true)
	c.values = append(c.values, v...)
	c.endValue()
}

// AppendNull appends a null to a nullable column. Its value bytes are zero, so
// that equal data make equal files.
func (b *Builder) AppendNull(column int) {
	c := &b.columns[column]
	switch {
	case c.typ.Variable():
		c.endValue()
	case c.typ == Bool:
		c.values = appendBit(c.values, c.rows, false)
	default:
		c.values = append(c.values, zeros[:c.typ.Bytes()]...)
	}
	c.extend(false)
}

// endValue writes the offset behind the value just appended.
func (c *columnBuilder) endValue() {
	c.offsets = binary.LittleEndian.AppendUint32(c.offsets, uint32(len(c.values)/c.field.unit()))
}

// extend counts one more row and writes its validity where a bitmap is kept.
func (c *columnBuilder) extend(valid bool) {
	if !valid && c.nulls == 0 {
		c.valid = c.valid[:0]
		for i := range c.rows {
			c.valid = appendBit(c.valid, i, true)
		}
	}
	if !valid {
		c.nulls++
	}
	if c.nulls > 0 {
		c.valid = appendBit(c.valid, c.rows, valid)
	}
	c.rows++
}

// appendBit sets bit n of a bitmap that holds n bits.
func appendBit(bitmap []byte, n int, v bool) []byte {
	if n%8 == 0 {
		bitmap = append(bitmap, 0)
	}
	if v {
		bitmap[n/8] |= 1 << (n % 8)
	}
	return bitmap
}

// buffers returns the column's buffers in the format's order. The validity
// buffer is empty where nothing is null, which the format allows.
func (c *columnBuilder) buffers(dst [][]byte) [][]byte {
	valid := c.valid
	if c.nulls == 0 {
		valid = nil
	}
	dst = append(dst, valid)
	if c.typ.Variable() {
		dst = append(dst, c.offsets)
	}
	for range c.field.nodes() - 1 {
		dst = append(dst, nil) // validity of a child: nothing in a list is null
	}
	return append(dst, c.values)
}

// lengths appends the number of values of the column and of its children.
func (c *columnBuilder) lengths(dst []int64) []int64 {
	dst = append(dst, int64(c.rows))
	if c.typ != List {
		return dst
	}
	elements := int64(len(c.values) / c.field.unit())
	dst = append(dst, elements)
	if c.field.Features > 0 {
		dst = append(dst, elements*int64(c.field.Features))
	}
	return dst
}

// VariableBytes returns the bytes of values that a column holds so far.
func (b *Builder) VariableBytes(column int) int { return len(b.columns[column].values) }

// padded rounds n up to a multiple of align.
func padded(n, align int) int { return (n + align - 1) / align * align }
