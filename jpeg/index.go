package jpeg

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"math"
)

// An entropy index tells where, within the entropy-coded data of a single-scan
// image, decoding can begin: at the first MCU of each row of MCUs and at every
// step-th after it. All numbers are little-endian.
//
//	0  "SJX1"   format and version
//	4  uint32   CRC-32C of all that follows
//	8  uint32   length of the image file in bytes
//	12 uint32   CRC-32C of its header, up to the first byte of entropy-coded data
//	16 uint32   CRC-32C of the whole file
//	20 uint16   step
//	22 uint16   components
//	24 uint32   length of the entropy-coded data in bytes
//	28 entries, row by row, each of
//	   uint32   position in bits from the start of the entropy-coded data
//	   int16    DC prediction, for each component
const (
	indexMagic  = "SJX1"
	indexHeader = 28
)

// DefaultStep is the number of MCUs between entries that measured best on
// photographs of 500x375 pixels: with random crops, finer entries cost more
// bytes than they save time.
const DefaultStep = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// BuildIndex returns the entropy index of an image, with an entry every step
// MCUs and at the start of each row of MCUs; 0 stands for DefaultStep,
// math.MaxUint16 makes one entry a row. It reads all of the image. Images of
// several scans cannot be indexed: the error is of kind Unsupported.
func BuildIndex(src []byte, step int) ([]byte, error) {
	var d Decoder
	return d.AppendIndex(nil, src, step)
}

// AppendIndex is BuildIndex with the Decoder's memory; it appends to dst.
func (d *Decoder) AppendIndex(dst, src []byte, step int) ([]byte, error) {
	if step == 0 {
		step = DefaultStep
	}
	if step < 1 || step > math.MaxUint16 {
		return nil, errAt(BadArgument, -1, "index step %d", step)
	}
	if err := d.openSingleScan(src); err != nil {
		return nil, err
	}
	d.coef = grow(d.coef, dummyBlock)
	d.out.r0, d.out.r1 = 0, 0
	index, err := d.appendIndex(dst, step)
	d.p.src = nil
	return index, err
}

// DecodeAndIndex is Decode and AppendIndex in one pass over the file: decoding a
// region reads most of it anyway. Where the pixels are right but the rest of the
// file is damaged, or the image is one without an index, it appends nothing and
// returns no error. Options.Index and Partial must be unset.
func (d *Decoder) DecodeAndIndex(dst []byte, stride int, src []byte, region image.Rectangle, opts Options, index []byte, step int) ([]byte, error) {
	if step < 1 || step > math.MaxUint16 {
		return index, errAt(BadArgument, -1, "index step %d", step)
	}
	if IsRecoded(src) || d.openSingleScan(src) != nil {
		return index, d.Decode(dst, stride, src, region, opts)
	}
	defer func() { d.p.src, d.out.dst = nil, nil }() // they belong to the caller
	f := &d.p.frame
	if region == (image.Rectangle{}) {
		region = image.Rect(0, 0, f.width, f.height)
	}
	if err := opts.admit(f); err != nil {
		return index, err
	}
	if err := checkTarget(dst, stride, region, f); err != nil {
		return index, err
	}
	if err := d.latch(); err != nil {
		return index, err
	}
	d.prepare(dst, stride, region, 1)
	d.rowJobs(0, f.mcusX)
	made, err := d.appendIndex(index, step)
	if err != nil { // perhaps of what the region does not need
		return index, d.Decode(dst, stride, src, region, opts)
	}
	return made, nil
}

// appendIndex makes the index of the image whose header has been read, and on
// the way the pixels of the MCU rows that d.out wants, with the blocks in d.jobs.
func (d *Decoder) appendIndex(dst []byte, step int) ([]byte, error) {
	p, base := &d.p, len(dst)
	dst = append(dst, make([]byte, indexHeader)...)
	dst, err := d.appendEntries(dst, step)
	if err != nil {
		return nil, err
	}
	x, src := dst[base:], p.src
	copy(x, indexMagic)
	le := binary.LittleEndian
	le.PutUint32(x[8:], uint32(len(src)))
	le.PutUint32(x[12:], crc32.Checksum(src[:p.scan.start], castagnoli))
	le.PutUint32(x[16:], crc32.Checksum(src, castagnoli))
	le.PutUint16(x[20:], uint16(step))
	le.PutUint16(x[22:], uint16(p.frame.ncomp))
	le.PutUint32(x[24:], uint32(d.scan.seg.at-p.scan.start))
	le.PutUint32(x[4:], crc32.Checksum(x[8:], castagnoli))
	return dst, nil
}

// openSingleScan reads the header of an image that can be indexed.
func (d *Decoder) openSingleScan(src []byte) error {
	d.p = parser{}
	d.scan.damage = nil
	if err := d.p.toSingleScan(src); err != nil {
		return err
	}
	d.p.supplyTables()
	return d.setup()
}

// toSingleScan reads up to the only scan of an image.
func (p *parser) toSingleScan(src []byte) error {
	if err := p.toScan(src); err != nil {
		return err
	}
	if p.scan.n != p.frame.ncomp || p.frame.progressive {
		return errAt(Unsupported, p.scan.sosPos, "image of several scans cannot be indexed")
	}
	if len(src)-p.scan.start > math.MaxUint32/8 {
		return errAt(Unsupported, -1, "file of %d bytes is too long for an index", len(src))
	}
	return nil
}

// appendEntries passes over the whole scan.
func (d *Decoder) appendEntries(dst []byte, step int) ([]byte, error) {
	f, s, o, src := &d.p.frame, &d.scan, &d.out, d.p.src
	d.skipJobs = s.plan.appendJobs(d.skipJobs[:0], -1, f.mcusX)
	s.begin(src, d.p.scan.start, d.p.restartInterval)
	walk := stuffedWalk{stuffed: s.seg.start}
	for r := range f.mcusY {
		jobs, wanted := d.skipJobs, o.r0 <= r && r < o.r1
		if wanted {
			jobs = d.jobs
			clear(d.coef)
		}
		for m := 0; m < f.mcusX; m += step {
			if s.interval > 0 && s.toGo == 0 {
				s.restart(src)
			}
			if walk.segment != s.seg.start {
				walk = stuffedWalk{segment: s.seg.start, stuffed: s.seg.start}
			}
			at := walk.to(src, s.pos>>3) - d.p.scan.start
			dst = binary.LittleEndian.AppendUint32(dst, uint32(at*8+s.pos&7))
			for i := range f.ncomp {
				if s.pred[i] != int32(int16(s.pred[i])) {
					return nil, errAt(Corrupt, at, "DC value %d out of range", s.pred[i])
				}
				dst = binary.LittleEndian.AppendUint16(dst, uint16(s.pred[i]))
			}
			s.decode(src, d.coef, jobs[m*s.plan.n:min(m+step, f.mcusX)*s.plan.n])
			if s.damage != nil {
				return nil, s.damage
			}
		}
		if wanted {
			d.finishRows(r, 1)
		}
	}
	return dst, nil
}

// stuffedWalk follows places in unstuffed data through the source.
type stuffedWalk struct {
	segment   int // start in the source
	unstuffed int // bytes from there
	stuffed   int // the same place in the source
}

// to moves to a place in the unstuffed data and returns it in the source.
func (w *stuffedWalk) to(src []byte, unstuffed int) int {
	for w.unstuffed < unstuffed && w.stuffed < len(src) {
		ahead := src[w.stuffed:min(w.stuffed+unstuffed-w.unstuffed, len(src))]
		n := bytes.IndexByte(ahead, 0xFF)
		if n < 0 {
			n = len(ahead)
		}
		w.stuffed += n
		w.unstuffed += n
		if n == len(ahead) {
			continue
		}
		for w.stuffed < len(src) && src[w.stuffed] == 0xFF {
			w.stuffed++
		}
		w.stuffed++ // the zero
		w.unstuffed++
	}
	return w.stuffed
}

// entropyIndex is an index that has been found to belong to the image.
type entropyIndex struct {
	entries []byte
	file    int // length of the image file
	size    int // of an entry in bytes
	step    int
	perRow  int
	ncomp   int
	length  int // of the entropy-coded data
}

// parseIndex checks an index against the image whose header has been read.
func (d *Decoder) parseIndex(x []byte, unverified bool) (entropyIndex, error) {
	ix, err := readIndex(x, &d.p.frame)
	if err != nil {
		return ix, err
	}
	src, le := d.p.src, binary.LittleEndian
	switch {
	case ix.file != len(src):
		err = errAt(BadIndex, -1, "it belongs to a file of %d bytes, not of %d", ix.file, len(src))
	case le.Uint32(x[12:]) != crc32.Checksum(src[:d.p.scan.start], castagnoli):
		err = errAt(BadIndex, -1, "it belongs to a file with another header")
	case !unverified && le.Uint32(x[16:]) != crc32.Checksum(src, castagnoli):
		err = errAt(BadIndex, -1, "it belongs to a file with other contents")
	case ix.length > ix.file-d.p.scan.start:
		err = errAt(BadIndex, -1, "its %d bytes of data do not fit the image", ix.length)
	}
	return ix, err
}

// readIndex checks an index by itself, and whether it is one of a frame.
func readIndex(x []byte, f *frame) (ix entropyIndex, err error) {
	le := binary.LittleEndian
	switch {
	case len(x) < indexHeader || string(x[:4]) != indexMagic:
		return ix, errAt(BadIndex, -1, "not an entropy index of this version")
	case le.Uint32(x[4:]) != crc32.Checksum(x[8:], castagnoli):
		return ix, errAt(BadIndex, -1, "its own checksum is wrong")
	}
	ix = entropyIndex{
		entries: x[indexHeader:], file: int(le.Uint32(x[8:])), step: int(le.Uint16(x[20:])), ncomp: int(le.Uint16(x[22:])),
		size: 4 + 2*f.ncomp, length: int(le.Uint32(x[24:])),
	}
	if ix.step == 0 || ix.ncomp != f.ncomp {
		return ix, errAt(BadIndex, -1, "step %d and %d components do not fit the image", ix.step, ix.ncomp)
	}
	ix.perRow = ceilDiv(f.mcusX, ix.step)
	if len(ix.entries) != ix.size*ix.perRow*f.mcusY {
		return ix, errAt(BadIndex, -1, "%d bytes of entries for %d rows of %d", len(ix.entries), f.mcusY, ix.perRow)
	}
	return ix, nil
}

// entry returns the position, in bits from the start of the data, and the
// predictions of entry i; the end of the data where i is their number.
func (ix *entropyIndex) entry(i int) (bit int, pred [4]int32) {
	if i*ix.size >= len(ix.entries) {
		return ix.length * 8, pred
	}
	e := ix.entries[i*ix.size:][:ix.size]
	for c := range ix.ncomp {
		pred[c&3] = int32(int16(binary.LittleEndian.Uint16(e[4+2*c:])))
	}
	return min(int(binary.LittleEndian.Uint32(e)), ix.length*8), pred
}

// span returns which entries bound MCUs from c0 to c1 of row r.
func (ix *entropyIndex) span(r, c0, c1 int) (first, last int) {
	return r*ix.perRow + c0/ix.step, r*ix.perRow + ceilDiv(c1, ix.step)
}

// bytes returns the entropy-coded bytes that the MCUs between two entries need,
// stuffing included.
func (ix *entropyIndex) bytes(first, last int) (from, to int) {
	begin, _ := ix.entry(first)
	end, _ := ix.entry(last)
	return begin >> 3, min(end>>3+2, ix.length)
}
