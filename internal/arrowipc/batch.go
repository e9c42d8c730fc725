package arrowipc

import (
	"encoding/binary"
	"math"

	"stoker/internal/errs"
)

// Batch is a view of one record batch.
type Batch struct {
	Rows    int
	Columns []Column
}

// Column is a view of one column of a batch. Its accessors take row numbers in
// [0, Rows); a null reads as zero.
type Column struct {
	Type    Type
	Nulls   int
	rows    int
	valid   []byte // bitmap, or empty where nothing is null
	offsets []byte
	values  []byte
	start   int64 // file offset of values
}

// Batch checks the metadata of batch i and returns a view of it: O(columns).
// That every buffer lies in the body and is long enough for the rows is checked
// here; the offsets of single values are checked by Bytes.
func (f *File) Batch(i int) (Batch, error) {
	block := f.blocks[i]
	damaged := errs.New(errs.Corrupt, "record batch %d of the Arrow file is damaged", i)
	m, meta, err := f.message(block.Offset)
	if err != nil {
		return Batch{}, err
	}
	if m.kind != headerRecordBatch || meta != int(block.MetaLen) || m.bodyLen != block.BodyLen {
		return Batch{}, damaged
	}
	if m.header.has(batchCompression) {
		return Batch{}, errs.New(errs.Unsupported, "record batch %d of the Arrow file is compressed", i)
	}
	rows := m.header.int64(batchLength)
	nodes, _, n := m.header.vector(batchNodes, nodeBytes)
	buffers, _, _ := m.header.vector(batchBuffers, bufferBytes)
	if *m.header.bad || n != len(f.schema.Fields) || rows < 0 || rows > math.MaxInt32 {
		return Batch{}, damaged
	}
	body := bodyReader{data: f.data[block.Body():block.End()], start: block.Body(), buffers: buffers}
	batch := Batch{Rows: int(rows), Columns: make([]Column, n)}
	for c := range batch.Columns {
		node := nodes[nodeBytes*c:]
		length, nulls := binary.LittleEndian.Uint64(node), binary.LittleEndian.Uint64(node[8:])
		if length != uint64(rows) || nulls > uint64(rows) {
			return Batch{}, damaged
		}
		col := &batch.Columns[c]
		*col = Column{Type: f.schema.Fields[c].Type, rows: int(rows), Nulls: int(nulls)}
		if !body.column(col) {
			return Batch{}, damaged
		}
	}
	return batch, nil
}

// bodyReader hands out the buffers of a body in order.
type bodyReader struct {
	data    []byte
	start   int64  // file offset of data
	buffers []byte // Buffer structs not yet taken
}

// column takes the buffers of a column and checks that they suffice for its rows.
func (b *bodyReader) column(c *Column) bool {
	valid, _, ok := b.next()
	if !ok || c.Nulls > 0 && len(valid) < (c.rows+7)/8 {
		return false
	}
	if c.Nulls > 0 {
		c.valid = valid
	}
	if c.Type.Variable() {
		c.offsets, _, ok = b.next()
		// A batch without rows may leave out even the first offset.
		if !ok || c.rows > 0 && len(c.offsets) < 4*(c.rows+1) {
			return false
		}
	}
	c.values, c.start, ok = b.next()
	return ok && (c.Type.Variable() || len(c.values) >= c.Type.valueBytes(c.rows))
}

func (b *bodyReader) next() (buf []byte, at int64, ok bool) {
	if len(b.buffers) < bufferBytes {
		return nil, 0, false
	}
	offset, length := binary.LittleEndian.Uint64(b.buffers), binary.LittleEndian.Uint64(b.buffers[8:])
	b.buffers = b.buffers[bufferBytes:]
	n := uint64(len(b.data))
	if offset > n || length > n-offset {
		return nil, 0, false
	}
	return b.data[offset : offset+length], b.start + int64(offset), true
}

// Null reports whether the value of row i is null.
func (c *Column) Null(i int) bool {
	return len(c.valid) > 0 && c.valid[i/8]&(1<<(i%8)) == 0
}

// Int returns the value of row i of an integer or bool column.
func (c *Column) Int(i int) int64 {
	switch c.Type {
	case Bool:
		return int64(c.values[i/8] >> (i % 8) & 1)
	case Uint8:
		return int64(c.values[i])
	case Uint16:
		return int64(binary.LittleEndian.Uint16(c.values[2*i:]))
	case Int32:
		return int64(int32(binary.LittleEndian.Uint32(c.values[4*i:])))
	case Uint32:
		return int64(binary.LittleEndian.Uint32(c.values[4*i:]))
	default:
		return int64(binary.LittleEndian.Uint64(c.values[8*i:]))
	}
}

// Float returns the value of row i of a float64 column.
func (c *Column) Float(i int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(c.values[8*i:]))
}

// Span returns where the value of row i of a utf8 or binary column lies: its
// offset in the file and its length. ok is false where the column's offsets are
// damaged.
func (c *Column) Span(i int) (offset, length int64, ok bool) {
	from := binary.LittleEndian.Uint32(c.offsets[4*i:])
	to := binary.LittleEndian.Uint32(c.offsets[4*i+4:])
	if from > to || uint64(to) > uint64(len(c.values)) {
		return 0, 0, false
	}
	return c.start + int64(from), int64(to - from), true
}

// Bytes returns the value of row i of a utf8 or binary column: a view of the
// file. ok is false where the column's offsets are damaged.
func (c *Column) Bytes(i int) (value []byte, ok bool) {
	offset, length, ok := c.Span(i)
	if !ok {
		return nil, false
	}
	return c.values[offset-c.start:][:length:length], true
}
