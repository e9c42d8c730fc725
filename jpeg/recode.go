package jpeg

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"math/bits"
)

// A re-coded image holds the coefficients of a JPEG image in packed blocks, see
// packing.go, at about 1.26 times its length. Decode and ParseHeader read it
// like a JPEG image, several times as fast, and Restore makes the JPEG image
// again. All numbers are little-endian.
//
//	0  "SJC1"   format and version
//	4  uint32   CRC-32C of what follows up to the blocks
//	8  uint32   length of the whole
//	12 uint32   where the blocks begin
//	16 uint16   width, uint16 height
//	20 uint8    components, uint8 colour model, uint8 orientation, uint8 tables
//	24 uint16   step: MCUs in a chunk
//	26 uint16   0
//	28 uint32   length of the rest
//	32 for each component: uint8 sampling factors h<<4|v, uint8 table, uint8 width
//	           of magnitudes, uint8 0
//	   tables of 64 uint16 in natural order
//	   for each row of MCUs: uint32 offset of its blocks
//	   for each chunk, row by row: uint16 length
//	   the rest: what else the JPEG image holds, deflated: uint32 length of its
//	           header up to the scan; the header; what follows the scan
//	   blocks, row by row, chunk by chunk, in the order of an interleaved scan;
//	           DC predictions begin at zero in each chunk
const (
	recodedMagic  = "SJC1"
	recodedHeader = 32
	recodedStep   = 16
	maxRest       = 64 << 20 // bytes of metadata, which Restore inflates at once
)

// IsRecoded tells whether data is an image from Recode.
func IsRecoded(data []byte) bool {
	return len(data) >= recodedHeader && string(data[:4]) == recodedMagic
}

// Recode converts a JPEG image to the re-coded form. Nothing is lost: see
// Restore.
func Recode(src []byte) ([]byte, error) {
	base := src
	var d Decoder
	err := d.loadAll(src)
	if err == nil && !d.oneScan {
		if base, err = Baseline(src); err == nil {
			err = d.loadAll(base)
		}
	}
	if err != nil {
		return nil, err
	}
	widths, err := d.chooseWidths()
	if err != nil {
		return nil, err
	}
	rest, err := d.deflateRest(base)
	if err != nil {
		return nil, err
	}
	blocks, rows, chunks, err := d.packAll(&widths)
	if err != nil {
		return nil, err
	}
	out := d.appendRecodedHeader(make([]byte, 0, len(src)+len(src)/3), &widths)
	le := binary.LittleEndian
	le.PutUint32(out[28:], uint32(len(rest)))
	for _, at := range rows {
		out = le.AppendUint32(out, uint32(at))
	}
	for _, n := range chunks {
		out = le.AppendUint16(out, uint16(n))
	}
	out = append(out, rest...)
	start := len(out)
	out = append(out, blocks...)
	if len(out) > math.MaxInt32 {
		return nil, errAt(Unsupported, -1, "re-coded image of %d bytes", len(out))
	}
	le.PutUint32(out[8:], uint32(len(out)))
	le.PutUint32(out[12:], uint32(start))
	le.PutUint32(out[4:], crc32.Checksum(out[8:start], castagnoli))
	return out, nil
}

// appendRecodedHeader appends the header up to the quantisation tables, without
// the lengths.
func (d *Decoder) appendRecodedHeader(out []byte, widths *[4]uint) []byte {
	f, le := &d.p.frame, binary.LittleEndian
	tables, _ := f.distinctTables()
	out = append(out, make([]byte, recodedHeader)...)
	copy(out, recodedMagic)
	le.PutUint16(out[16:], uint16(f.width))
	le.PutUint16(out[18:], uint16(f.height))
	copy(out[20:], []byte{byte(f.ncomp), byte(f.colour), byte(d.p.orientation), byte(len(tables))})
	le.PutUint16(out[24:], recodedStep)
	for i := range f.ncomp {
		c := &f.comp[i]
		out = append(out, byte(c.h<<4|c.v), byte(f.tableOf(tables, i)), byte(widths[i]), 0)
	}
	for _, t := range tables {
		for _, q := range t {
			out = le.AppendUint16(out, q)
		}
	}
	return out
}

// deflateRest compresses what is not coefficients.
func (d *Decoder) deflateRest(base []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if n := len(base) - d.scan.seg.at + d.p.scan.start; n >= maxRest {
		return nil, errAt(Unsupported, -1, "%d bytes of metadata", n)
	}
	head := binary.LittleEndian.AppendUint32(nil, uint32(d.p.scan.start))
	for _, part := range [][]byte{head, base[:d.p.scan.start], base[d.scan.seg.at:]} {
		if _, err := w.Write(part); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// chooseWidths finds for each component the width of magnitudes that makes the
// shortest blocks. On the way it makes sure that Restore will find a code for
// each symbol in the image's own tables.
func (d *Decoder) chooseWidths() (widths [4]uint, err error) {
	var count [4][17]int // values, by the bits of the magnitude less 1
	var pred [4]int32
	var codes [2][4]*codeTable
	h := &d.p.scan
	d.p.supplyTables()
	for i := range h.n {
		codes[0][i], codes[1][i] = d.p.dc[h.td[i]].codes(), d.p.ac[h.ta[i]].codes()
	}
	ok := d.eachBlock(func(blk *[64]int16, c int) bool {
		size, _ := categorise(int32(blk[0]) - pred[c])
		pred[c] = int32(blk[0])
		return size <= 15 && codes[0][c].size[size] > 0 && countMagnitudes(blk, codes[1][c], &count[c])
	}, func(int) {})
	if !ok {
		return widths, errAt(Unsupported, -1, "coefficient that the Huffman tables have no code for")
	}
	for c := range widths {
		best := math.MaxInt
		for w := 1; w <= maxWidth; w++ {
			length := 0
			for n, values := range count[c][1:] {
				n++
				length += values * w
				if n > w {
					length += values * 8
				}
			}
			if length < best {
				best, widths[c] = length, uint(w)
			}
		}
	}
	return widths, nil
}

// countMagnitudes adds a block's values to count, and tells whether the table
// has a code for all of its symbols.
func countMagnitudes(blk *[64]int16, ac *codeTable, count *[17]int) bool {
	ok, last := true, 0
	for left := nonzero(blk) &^ 1; left != 0; left &= left - 1 {
		k := bits.TrailingZeros64(left)
		run := k - last - 1
		last = k
		if run > 15 {
			ok = ok && ac.size[0xF0] > 0
			run &= 15
		}
		v := int32(blk[zigzag[k]])
		size, _ := categorise(v)
		ok = ok && size <= 15 && ac.size[uint8(run)<<4|uint8(size)&15] > 0
		count[bits.Len32(uint32(max(v, -v)-1))]++
	}
	return ok && (last == 63 || ac.size[0] > 0)
}

// packAll packs all blocks and returns where the rows begin and how long the
// chunks are.
func (d *Decoder) packAll(widths *[4]uint) (blocks []byte, rows, chunks []int, err error) {
	f := &d.p.frame
	var pred [4]int16
	start := 0
	d.eachBlock(func(blk *[64]int16, c int) bool {
		blocks = packBlock(blocks, blk, blk[0]-pred[c], widths[c])
		pred[c] = blk[0]
		return true
	}, func(m int) {
		if m%f.mcusX%recodedStep == 0 {
			if m > 0 {
				chunks = append(chunks, len(blocks)-start)
			}
			start, pred = len(blocks), [4]int16{}
		}
		if m%f.mcusX == 0 {
			rows = append(rows, len(blocks))
		}
	})
	chunks = append(chunks, len(blocks)-start)
	for _, n := range chunks {
		if n > math.MaxUint16 {
			return nil, nil, nil, errAt(Unsupported, -1, "%d bytes in %d MCUs", n, recodedStep)
		}
	}
	return blocks, rows, chunks, nil
}

// Restore makes a JPEG image from a re-coded one: with the same coefficients,
// quantisation tables and metadata, and, if the original had one sequential scan
// as common encoders write it, with the same bytes.
func Restore(recoded []byte) ([]byte, error) {
	var d Decoder
	if err := d.openRecoded(recoded); err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(d.recoded.rest)), maxRest))
	if err != nil || len(rest) < 4 || len(rest)-4 < int(binary.LittleEndian.Uint32(rest)) {
		return nil, errAt(Corrupt, -1, "metadata of a re-coded image is damaged")
	}
	head, tail := rest[4:][:binary.LittleEndian.Uint32(rest)], rest[4+binary.LittleEndian.Uint32(rest):]
	blocks, err := d.placeAll(Options{Partial: true})
	if err != nil {
		return nil, err
	}
	d.coef = grow(d.coef, blocks*64)
	clear(d.coef)
	d.unpackAll()
	unpacked := d.p.frame
	d.p = parser{}
	if err := d.p.toScan(head); err != nil {
		return nil, err
	}
	if !d.p.frame.sameLayout(&unpacked) {
		return nil, errAt(Corrupt, -1, "metadata of a re-coded image belongs to another")
	}
	d.p.frame = unpacked
	out, err := d.encodeScan(bytes.Clone(head))
	return append(out, tail...), err
}

// sameLayout tells whether the blocks of two frames lie alike.
func (f *frame) sameLayout(g *frame) bool {
	same := f.width == g.width && f.height == g.height && f.ncomp == g.ncomp
	for i := range f.comp {
		same = same && f.comp[i].h == g.comp[i].h && f.comp[i].v == g.comp[i].v
	}
	return same
}

// encodeScan appends the entropy-coded data of all blocks, with the tables and
// restart interval of the header that was parsed.
func (d *Decoder) encodeScan(out []byte) ([]byte, error) {
	d.p.supplyTables()
	e := encoder{out: out}
	h := &d.p.scan
	if h.n != d.p.frame.ncomp {
		return nil, errAt(Corrupt, h.sosPos, "scan of %d components", h.n)
	}
	for i := range h.n {
		if h.td[i] > 3 || h.ta[i] > 3 {
			return nil, errAt(Corrupt, h.sosPos, "Huffman table that cannot be")
		}
	}
	for i := range 4 {
		e.dc[i], e.ac[i] = d.p.dc[i].codes(), d.p.ac[i].codes()
	}
	ok := d.eachBlock(func(blk *[64]int16, c int) bool {
		return e.block(blk, c, h.td[c], h.ta[c])
	}, func(m int) {
		if n := d.p.restartInterval; n > 0 && m > 0 && m%n == 0 {
			e.restart()
			e.out = append(e.out, 0xFF, markerRST0+byte(m/n-1)&7)
		}
	})
	if !ok {
		return nil, errAt(Unsupported, -1, "coefficient that the Huffman tables have no code for")
	}
	e.restart()
	return e.out, nil
}
