package jpeg

import (
	"encoding/binary"
	"hash/crc32"
	"image"
)

// recoded is a re-coded image that has been opened. Its slices belong to the
// caller.
type recoded struct {
	blocks []byte
	rows   []byte // uint32 each
	chunks []byte // uint16 each
	rest   []byte
	step   int
	perRow int // chunks
	width  [4]uint8

	tables  [4]*unpackTable // of the components
	streams packedStreams
}

// openRecoded reads the header of a re-coded image into the frame.
func (d *Decoder) openRecoded(src []byte) error {
	bad := func(format string, args ...any) error {
		return errAt(Corrupt, -1, "re-coded image: "+format, args...)
	}
	x := &d.recoded
	d.p = parser{}
	le := binary.LittleEndian
	if !IsRecoded(src) {
		return bad("wrong first bytes")
	}
	start := int(le.Uint32(src[12:]))
	if int(le.Uint32(src[8:])) != len(src) {
		return errAt(Truncated, min(len(src), int(le.Uint32(src[8:]))), "re-coded image of %d bytes has %d", le.Uint32(src[8:]), len(src))
	}
	if start < recodedHeader || start > len(src) || le.Uint32(src[4:]) != crc32.Checksum(src[8:start], castagnoli) {
		return bad("checksum of the header is wrong")
	}
	f := &d.p.frame
	*f = frame{width: int(le.Uint16(src[16:])), height: int(le.Uint16(src[18:])), ncomp: int(src[20]), colour: colourModel(src[21]), hmax: 1, vmax: 1}
	d.p.orientation = int(src[22])
	tables := int(src[23])
	x.step = int(le.Uint16(src[24:]))
	part := src[recodedHeader:start]
	if f.width == 0 || f.height == 0 || f.ncomp != 1 && f.ncomp != 3 && f.ncomp != 4 || f.colour > colourYCCK || x.step == 0 ||
		len(part) < 4*f.ncomp+128*tables {
		return bad("impossible header")
	}
	if err := d.recodedComponents(part, tables); err != nil {
		return err
	}
	part = part[4*f.ncomp+128*tables:]
	x.perRow = ceilDiv(f.mcusX, x.step)
	rows, chunks := 4*f.mcusY, 2*x.perRow*f.mcusY
	if len(part) != rows+chunks+int(le.Uint32(src[28:])) {
		return bad("tables of %d bytes", len(part))
	}
	x.rows, x.chunks, x.rest, x.blocks = part[:rows], part[rows:][:chunks], part[rows+chunks:], src[start:]
	return nil
}

func (d *Decoder) recodedComponents(part []byte, tables int) error {
	f, x := &d.p.frame, &d.recoded
	blocks := 0
	for i := range f.ncomp {
		c, b := &f.comp[i], part[4*i:]
		c.h, c.v = int(b[0]>>4), int(b[0]&15)
		x.width[i] = b[2]
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || int(b[1]) >= tables || b[2] < 1 || b[2] > maxWidth {
			return errAt(Corrupt, -1, "re-coded image: impossible component")
		}
		f.hmax, f.vmax = max(f.hmax, c.h), max(f.vmax, c.v)
		blocks += c.h * c.v
		x.tables[i] = &unpackTables[b[2]]
		t := part[4*f.ncomp+128*int(b[1]):]
		for k := range c.quant {
			c.quant[k] = binary.LittleEndian.Uint16(t[2*k:])
		}
		c.quantLatched = true
	}
	want := map[int]bool{1: f.colour == colourGrey, 3: f.colour == colourYCC || f.colour == colourRGB, 4: f.colour >= colourCMYK}
	if !want[f.ncomp] || f.ncomp > 1 && blocks > 10 || f.ncomp == 1 && blocks > 1 {
		return errAt(Corrupt, -1, "re-coded image: %d blocks of %d components", blocks, f.ncomp)
	}
	return f.layout(-1)
}

// chunkAt returns where a chunk's blocks begin; beyond the data for an offset
// that cannot be.
func (x *recoded) chunkAt(row, chunk int) int {
	at := int(binary.LittleEndian.Uint32(x.rows[4*row:]))
	for i := range chunk {
		at += int(binary.LittleEndian.Uint16(x.chunks[2*(row*x.perRow+i):]))
	}
	return min(at, len(x.blocks))
}

// planBlocks lists the blocks of an MCU of all components.
func (d *Decoder) planBlocks() {
	f, plan := &d.p.frame, &d.scan.plan
	plan.n = 0
	for i := range f.ncomp {
		for range f.comp[i].h * f.comp[i].v {
			plan.dc[plan.n], plan.ac[plan.n], plan.comp[plan.n] = nil, nil, uint8(i)
			plan.n++
		}
	}
}

// decodeRecoded decodes a region of a re-coded image, some rows of MCUs at a time
// and of these a piece at a time, so that coefficients stay in the first-level
// cache.
func (d *Decoder) decodeRecoded(dst []byte, stride int, region image.Rectangle) {
	o, x, plan := &d.out, &d.recoded, &d.scan.plan
	x.streams.inTail = 0
	d.planBlocks()
	o.begin(&d.p.frame, region, dst, stride, recodedRows)
	piece := min(pieceBlocks/plan.n, x.step)
	d.rowCoefs = o.placeRow(&d.p.frame, plan, piece)
	d.coef = grow(d.coef, recodedRows*d.rowCoefs)
	d.jobs = plan.appendJobs(d.jobs[:0], 0, piece)
	for r, n := o.r0, 0; r < o.r1; r += n {
		left := o.r1 - r
		n = ceilDiv(left, ceilDiv(left, recodedRows))
		d.unpackStrip(r, n, piece)
		d.finishSamples(r, n)
	}
}

// pieceBlocks is how many blocks of a row of MCUs are unpacked before they are
// transformed.
const pieceBlocks = 48

// unpackStrip makes the samples of n rows of MCUs from r on, piece MCUs at a time.
func (d *Decoder) unpackStrip(r, n, piece int) {
	o, x := &d.out, &d.recoded
	first := o.c0 / x.step
	for q := range n {
		x.begin(q, x.chunkAt(r+q, first), d.coef[q*d.rowCoefs:])
	}
	for q := r + n; q < min(r+n+recodedRows, o.r1); q++ {
		x.fetch(x.chunkAt(q, first))
	}
	for m, k := first*x.step, 0; m < o.c1; m += k {
		if m%x.step == 0 {
			x.restart(n)
		}
		k = min(piece, x.step-m%x.step, o.c1-m)
		x.unpack(d.jobs[:k*d.scan.plan.n], n, d.coef, d.rowCoefs)
		if from := max(m, o.c0); from < m+k {
			d.transform(n, m, from, m+k)
		}
	}
}

// unpackAll unpacks the whole image into the coefficient store.
func (d *Decoder) unpackAll() {
	f, x := &d.p.frame, &d.recoded
	x.streams.inTail = 0
	d.planBlocks()
	h := &d.p.scan
	h.n = f.ncomp
	for i := range h.n {
		h.comp[i] = i
	}
	for r := range f.mcusY {
		d.placeRow(r)
		d.jobs = d.scan.plan.appendJobs(d.jobs[:0], 0, f.mcusX)
		x.begin(0, x.chunkAt(r, 0), d.coef)
		for jobs := d.jobs; len(jobs) > 0; {
			k := min(x.step*d.scan.plan.n, len(jobs))
			x.restart(1)
			x.unpack(jobs[:k], 1, d.coef, 0)
			jobs = jobs[k:]
		}
	}
}
