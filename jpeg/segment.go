package jpeg

import (
	"bytes"
	"encoding/binary"
)

// overrun is how many zero bytes follow unstuffed data. A decoder checks for
// the end once in an MCU: ten blocks of 64 coefficients of 31 bits, and a load.
const overrun = 10*64*31/8 + 16

// segment is entropy-coded data between two markers with the stuffing removed.
type segment struct {
	data   []byte // followed by overrun zero bytes
	end    int    // bits
	start  int    // of the stuffed bytes in the source
	marker byte   // that ends it; markerEOI at the end of the source
	at     int    // of the marker's 0xFF; len(src) at the end of the source
}

// load unstuffs src from start up to a marker, or to limit where it is > 0.
func (g *segment) load(src []byte, start, limit int) {
	g.start, g.marker, g.at = start, markerEOI, len(src)
	if limit <= 0 || limit > len(src) {
		limit = len(src)
	}
	if need := max(limit-start, 0) + overrun; cap(g.data) < need {
		g.data = make([]byte, 0, need+need/4)
	}
	d, i := g.data[:0], start
	for i < limit {
		n := bytes.IndexByte(src[i:limit], 0xFF)
		if n < 0 {
			d = append(d, src[i:limit]...)
			break
		}
		d = append(d, src[i:i+n]...)
		i += n
		for i < len(src) && src[i] == 0xFF {
			i++ // several 0xFF count as one
		}
		if i == len(src) {
			break // libjpeg drops a 0xFF that ends the file
		}
		if src[i] != 0 {
			g.marker, g.at = src[i], i-1
			break
		}
		d = append(d, 0xFF)
		i++
	}
	g.end = len(d) * 8
	d = d[:len(d)+overrun]
	clear(d[g.end/8:])
	g.data = d
}

// window returns the bits from pos on, left-aligned; at least 57 are valid.
func window(data []byte, pos int) uint64 {
	return binary.BigEndian.Uint64(data[pos>>3:]) << (pos & 7)
}

// offset returns the place in the source of bit pos of the segment.
func (g *segment) offset(src []byte, pos int) int {
	i, left := g.start, min(pos, g.end)>>3
	for ; left > 0 && i < len(src); left-- {
		if src[i] != 0xFF {
			i++
			continue
		}
		for i < len(src) && src[i] == 0xFF {
			i++
		}
		i++
	}
	return min(i, len(src))
}
