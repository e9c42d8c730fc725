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
// [0, Rows); a null reads as zero, but must not be read where the column has a
// dictionary.
type Column struct {
	Type    Type
	Nulls   int
	rows    int
	valid   []byte // bitmap, or empty where nothing is null
	offsets []byte
	values  []byte
	start   int64 // file offset of values
	unit    int64 // bytes of values for one step of offsets
	// numbers, of a column with a dictionary, are the rows of all else here. They
	// were checked.
	numbers *Column
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
		return Batch{}, errs.New(errs.Unsupported, "record batch %d of the Arrow file is compressed", i).
			WithHint("write it without: pyarrow.feather.write_feather(table, path, compression=\"uncompressed\"); or use Parquet")
	}
	buffers, _, _ := m.header.vector(batchBuffers, bufferBytes)
	batch, ok := decode(m.header, &f.schema, bodyReader{data: f.data[block.Body():block.End()], start: block.Body(), buffers: buffers})
	if !ok {
		return Batch{}, damaged
	}
	return batch, nil
}

// decode reads the RecordBatch table of a batch with such a body.
func decode(header table, s *Schema, body bodyReader) (b Batch, ok bool) {
	rows := header.int64(batchLength)
	nodes, _, n := header.vector(batchNodes, nodeBytes)
	if *header.bad || n != s.nodes() || rows < 0 || rows > math.MaxInt32 {
		return b, false
	}
	body.nodes = nodes
	b = Batch{Rows: int(rows), Columns: make([]Column, len(s.Fields))}
	for c := range b.Columns {
		length, nulls := body.node()
		if length != uint64(rows) || nulls > uint64(rows) {
			return b, false
		}
		field, col := s.Fields[c].stored(), &b.Columns[c]
		*col = Column{Type: field.Type, rows: int(rows), Nulls: int(nulls), unit: int64(field.unit())}
		if !body.column(col, &field) {
			return b, false
		}
	}
	return b, true
}

// bodyReader hands out the buffers of a body in order.
type bodyReader struct {
	data    []byte
	start   int64  // file offset of data
	buffers []byte // Buffer structs not yet taken
	nodes   []byte // FieldNode structs not yet taken
}

// node takes the next FieldNode; their number was checked.
func (b *bodyReader) node() (length, nulls uint64) {
	n := b.nodes
	b.nodes = n[nodeBytes:]
	return binary.LittleEndian.Uint64(n), binary.LittleEndian.Uint64(n[8:])
}

// column takes the buffers of a column and checks that they suffice for its rows.
func (b *bodyReader) column(c *Column, f *Field) bool {
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
		if !ok || c.rows > 0 && len(c.offsets) < c.Type.offsetBytes()*(c.rows+1) {
			return false
		}
	}
	items := uint64(0)
	if c.Type.IsList() {
		if items, ok = b.children(f); !ok {
			return false
		}
	}
	c.values, c.start, ok = b.next()
	if c.Type.IsList() {
		return ok && items <= uint64(len(c.values))/uint64(f.Elem.Bytes())
	}
	return ok && (c.Type.Variable() || len(c.values) >= c.Type.valueBytes(c.rows))
}

// children takes the nodes of a list's children, and their validity buffers, down
// to the numbers, of which it returns the count. Nulls among them are refused.
func (b *bodyReader) children(f *Field) (items uint64, ok bool) {
	outer := uint64(0)
	for level := 1; level < f.nodes(); level++ {
		n, nulls := b.node()
		_, _, found := b.next()
		if nulls != 0 || !found || n > math.MaxInt64/maxFeatures {
			return 0, false
		}
		if level == 2 && n < outer*uint64(f.Features) {
			return 0, false
		}
		outer, items = n, n
	}
	return items, true
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

// row returns the row of the dictionary that row i stands for; of a null any one.
func (c *Column) row(i int) int {
	if c.numbers == nil {
		return i
	}
	return int(min(uint64(c.numbers.Int(i)), uint64(max(c.rows-1, 0))))
}

// Null reports whether the value of row i is null.
func (c *Column) Null(i int) bool {
	if c.numbers != nil {
		if c.numbers.Null(i) {
			return true
		}
		i = c.row(i)
	}
	return len(c.valid) > 0 && c.valid[i/8]&(1<<(i%8)) == 0
}

// Int returns the value of row i of an integer or bool column.
func (c *Column) Int(i int) int64 {
	i = c.row(i)
	if c.Type == Bool {
		return int64(c.values[i/8] >> (i % 8) & 1)
	}
	return c.Type.Int(c.values, i)
}

// Int32s writes the values of the first rows of an int32 column into dst, one for
// each row; false where the column is of another type.
func (c *Column) Int32s(dst []int32) bool {
	if c.Type != Int32 || c.numbers != nil {
		return false
	}
	values := c.values[:4*len(dst)]
	for i := range dst {
		dst[i] = int32(binary.LittleEndian.Uint32(values[4*i : 4*i+4]))
	}
	return true
}

// Float returns the value of row i of a float32 or float64 column.
func (c *Column) Float(i int) float64 {
	return c.Type.Float(c.values, c.row(i))
}

// Span returns where the value of row i of a utf8, binary or list column lies:
// its offset in the file and its length, both in bytes. ok is false where the
// column's offsets are damaged.
func (c *Column) Span(i int) (offset, length int64, ok bool) {
	i = c.row(i)
	var from, to uint64
	if c.Type.offsetBytes() == 8 {
		from, to = binary.LittleEndian.Uint64(c.offsets[8*i:]), binary.LittleEndian.Uint64(c.offsets[8*i+8:])
	} else {
		from, to = uint64(binary.LittleEndian.Uint32(c.offsets[4*i:])), uint64(binary.LittleEndian.Uint32(c.offsets[4*i+4:]))
	}
	if from > to || to > uint64(len(c.values))/uint64(c.unit) {
		return 0, 0, false
	}
	return c.start + int64(from)*c.unit, int64(to-from) * c.unit, true
}

// Bytes returns the value of row i of a utf8, binary or list column, a view of
// the file; that of a list is its numbers, little-endian. ok is false where the
// column's offsets are damaged.
func (c *Column) Bytes(i int) (value []byte, ok bool) {
	offset, length, ok := c.Span(i)
	if !ok {
		return nil, false
	}
	return c.values[offset-c.start:][:length:length], true
}
