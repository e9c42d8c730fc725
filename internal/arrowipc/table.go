package arrowipc

import "encoding/binary"

// table reads a flatbuffers table whose bytes nobody vouches for. Every access
// is checked against the buffer; the first that fails sets *bad, and from then
// on all values read as zero. (The accessors of the flatbuffers module panic.)
//
// The format: a table starts with a signed 32-bit distance back to its vtable,
// which holds its own size, the table's size, and for each field slot the
// distance of its value from the table's start, 0 where it is absent.
type table struct {
	buf    []byte
	pos    int
	vtable []byte
	bad    *bool
}

// rootTable returns the table that a finished flatbuffer starts with.
func rootTable(buf []byte, bad *bool) table {
	t := table{buf: buf, bad: bad}
	return t.at(t.u32(0), 0)
}

// at returns the table at base+offset.
func (t table) at(offset uint32, base int) table {
	sub := table{buf: t.buf, bad: t.bad}
	pos := base + int(offset)
	back := int(int32(t.u32(pos)))
	if *t.bad || !inside(t.buf, pos-back, 4) {
		return sub.fail()
	}
	size := int(binary.LittleEndian.Uint16(t.buf[pos-back:]))
	if size < 4 || !inside(t.buf, pos-back, size) {
		return sub.fail()
	}
	sub.pos, sub.vtable = pos, t.buf[pos-back:][:size]
	return sub
}

func (t table) fail() table {
	*t.bad = true
	return t
}

// inside reports whether n bytes from pos on lie in buf.
func inside(buf []byte, pos, n int) bool {
	return pos >= 0 && n >= 0 && pos <= len(buf) && n <= len(buf)-pos
}

// u32 reads at an absolute place in the buffer.
func (t table) u32(pos int) uint32 {
	if *t.bad || !inside(t.buf, pos, 4) {
		t.fail()
		return 0
	}
	return binary.LittleEndian.Uint32(t.buf[pos:])
}

// field returns the place of a field of size bytes; ok is false where it is absent.
func (t table) field(slot, size int) (pos int, ok bool) {
	at := 4 + 2*slot
	if *t.bad || at+2 > len(t.vtable) {
		return 0, false
	}
	distance := int(binary.LittleEndian.Uint16(t.vtable[at:]))
	if distance == 0 {
		return 0, false
	}
	if !inside(t.buf, t.pos+distance, size) {
		t.fail()
		return 0, false
	}
	return t.pos + distance, true
}

func (t table) byte(slot int) byte {
	if pos, ok := t.field(slot, 1); ok {
		return t.buf[pos]
	}
	return 0
}

func (t table) int16(slot int) int16 {
	if pos, ok := t.field(slot, 2); ok {
		return int16(binary.LittleEndian.Uint16(t.buf[pos:]))
	}
	return 0
}

func (t table) int32(slot int) int32 {
	if pos, ok := t.field(slot, 4); ok {
		return int32(binary.LittleEndian.Uint32(t.buf[pos:]))
	}
	return 0
}

func (t table) int64(slot int) int64 {
	if pos, ok := t.field(slot, 8); ok {
		return int64(binary.LittleEndian.Uint64(t.buf[pos:]))
	}
	return 0
}

func (t table) has(slot int) bool {
	_, ok := t.field(slot, 4)
	return ok
}

// table returns a table that must be present.
func (t table) table(slot int) table {
	pos, ok := t.field(slot, 4)
	if !ok {
		return table{buf: t.buf, bad: t.bad}.fail()
	}
	return t.at(t.u32(pos), pos)
}

// vector returns the bytes of a vector and the number of its elements; an
// absent vector is empty. The count is bounded by the bytes that are there.
func (t table) vector(slot, elemBytes int) (data []byte, pos, n int) {
	at, ok := t.field(slot, 4)
	if !ok {
		return nil, 0, 0
	}
	start := at + int(t.u32(at))
	count := int(t.u32(start))
	if *t.bad || count > len(t.buf)/elemBytes || !inside(t.buf, start+4, count*elemBytes) {
		t.fail()
		return nil, 0, 0
	}
	return t.buf[start+4:][:count*elemBytes], start + 4, count
}

// tables calls visit with each table of a vector.
func (t table) tables(slot int, visit func(i int, sub table)) {
	_, pos, n := t.vector(slot, 4)
	for i := range n {
		at := pos + 4*i
		visit(i, t.at(t.u32(at), at))
	}
}

func (t table) string(slot int) string {
	data, _, _ := t.vector(slot, 1)
	return string(data)
}
