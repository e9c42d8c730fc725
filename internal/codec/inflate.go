package codec

import (
	"encoding/binary"
	"errors"
	"io"
)

// inflater decompresses a deflate stream (RFC 1951) that lies in memory as a whole.
// compress/flate reads byte by byte; this reads eight at a time and keeps the output
// where matches can be copied from it. With it a PNG takes half the time.
type inflater struct {
	src   []byte
	pos   int    // of the next byte that is not in word
	word  uint64 // next bits, lowest first
	nbits int    // how many of them; below zero after reading beyond the end

	buf        []byte // output: what matches may reach, then what is ready
	start, end int    // of what is ready

	mode     inflateMode
	last     bool // the block is the last one
	stored   int  // bytes left of a stored block
	lit, dst huffman
}

type inflateMode uint8

const (
	betweenBlocks inflateMode = iota
	inStored
	inCodes
	finished
)

const (
	reach    = 32 << 10 // how far back matches go
	longest  = 258      // bytes of a match
	portion  = 64 << 10 // of output that is made at a time
	margin   = longest + 8
	maxAtOne = 56 // bits that refill makes ready
)

var errDeflate = errors.New("the compressed data are damaged")

// reset begins with the stream src.
func (z *inflater) reset(src []byte) {
	z.src, z.pos, z.word, z.nbits = src, 0, 0, 0
	z.start, z.end, z.mode, z.last = 0, 0, betweenBlocks, false
}

// next returns the next n bytes of the output, valid until the next call.
func (z *inflater) next(n int) ([]byte, error) {
	for z.end-z.start < n {
		if z.mode == finished {
			return nil, io.ErrUnexpectedEOF
		}
		z.makeRoom(n)
		if err := z.step(); err != nil {
			return nil, err
		}
	}
	out := z.buf[z.start : z.start+n]
	z.start += n
	return out, nil
}

// makeRoom moves what is still needed to the front where little room is left.
func (z *inflater) makeRoom(n int) {
	if len(z.buf)-z.end > margin {
		return
	}
	if keep := max(min(z.start, z.end-reach), 0); keep > 0 {
		copy(z.buf, z.buf[keep:z.end])
		z.start, z.end = z.start-keep, z.end-keep
	}
	if want := z.end + max(n, portion) + margin; len(z.buf) < want {
		z.buf = append(z.buf, make([]byte, want-len(z.buf))...)
	}
}

// step decompresses until the buffer is nearly full or a block begins or ends.
func (z *inflater) step() error {
	switch z.mode {
	case betweenBlocks:
		return z.open()
	case inStored:
		n := copy(z.buf[z.end:], z.src[z.pos:min(z.pos+z.stored, len(z.src))])
		z.pos, z.stored, z.end = z.pos+n, z.stored-n, z.end+n
		if z.stored == 0 {
			z.close()
		} else if z.pos == len(z.src) {
			return io.ErrUnexpectedEOF
		}
		return nil
	}
	return z.codes()
}

func (z *inflater) close() {
	z.mode = betweenBlocks
	if z.last {
		z.mode = finished
	}
}

// refill makes maxAtOne bits ready, fewer only at the end of the source.
func (z *inflater) refill() {
	if z.pos+8 <= len(z.src) {
		z.word |= binary.LittleEndian.Uint64(z.src[z.pos:]) << (z.nbits & 63)
		n := (63 - z.nbits) >> 3
		z.pos += n
		z.nbits += n << 3
		return
	}
	for z.nbits < maxAtOne && z.pos < len(z.src) {
		z.word |= uint64(z.src[z.pos]) << (z.nbits & 63)
		z.pos++
		z.nbits += 8
	}
}

// take returns the next n bits of those that refill made ready.
func (z *inflater) take(n int) int {
	v := int(z.word & (1<<n - 1))
	z.word >>= n
	z.nbits -= n
	return v
}

// open reads a block's header.
func (z *inflater) open() error {
	z.refill()
	z.last = z.take(1) == 1
	kind := z.take(2)
	if z.nbits < 0 {
		return io.ErrUnexpectedEOF
	}
	z.mode = inCodes
	switch kind {
	case 0:
		return z.openStored()
	case 1:
		return z.openFixed()
	case 2:
		return z.openDynamic()
	}
	return errDeflate
}

func (z *inflater) openStored() error {
	z.pos -= z.nbits >> 3 // whole bytes go back
	z.word, z.nbits = 0, 0
	if z.pos+4 > len(z.src) {
		return io.ErrUnexpectedEOF
	}
	n, inverse := binary.LittleEndian.Uint16(z.src[z.pos:]), binary.LittleEndian.Uint16(z.src[z.pos+2:])
	if n != ^inverse {
		return errDeflate
	}
	z.pos += 4
	z.mode, z.stored = inStored, int(n)
	if n == 0 {
		z.close()
	}
	return nil
}

func (z *inflater) openFixed() error {
	var lengths [288]uint8
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	z.lit.build(lengths[:], literals[:])
	for i := range distances {
		lengths[i] = 5
	}
	z.dst.build(lengths[:len(distances)], distances[:])
	return nil
}

// codeOrder is the order of the code lengths' own code lengths.
var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// openDynamic reads the lengths of both codes, which are Huffman-coded themselves.
func (z *inflater) openDynamic() error {
	nlit, ndist, ncode := z.take(5)+257, z.take(5)+1, z.take(4)+4
	if nlit > 286 || ndist > 30 {
		return errDeflate
	}
	var lengths [286 + 30]uint8
	for _, i := range codeOrder[:ncode] {
		z.refill()
		lengths[i] = uint8(z.take(3))
	}
	if z.nbits < 0 {
		return io.ErrUnexpectedEOF
	}
	if !z.lit.build(lengths[:19], plain[:]) {
		return errDeflate
	}
	clear(lengths[:19])
	all := lengths[:nlit+ndist]
	if err := z.readLengths(all); err != nil {
		return err
	}
	if !z.lit.build(all[:nlit], literals[:]) || !z.dst.build(all[nlit:], distances[:]) {
		return errDeflate
	}
	return nil
}

func (z *inflater) readLengths(all []uint8) error {
	for i := 0; i < len(all); {
		z.refill()
		e := z.lit.find(z.word)
		z.take(int(e & 15))
		v, repeat, n := e>>16, uint8(0), 0
		switch {
		case e == 0:
			return errDeflate
		case v < 16:
			all[i] = uint8(v)
			i++
			continue
		case v == 16:
			if i == 0 {
				return errDeflate
			}
			repeat, n = all[i-1], 3+z.take(2)
		case v == 17:
			n = 3 + z.take(3)
		default:
			n = 11 + z.take(7)
		}
		if z.nbits < 0 {
			return io.ErrUnexpectedEOF
		}
		if i+n > len(all) {
			return errDeflate
		}
		for ; n > 0; n-- {
			all[i] = repeat
			i++
		}
	}
	if z.nbits < 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// codes decompresses symbols until the buffer is nearly full or the block ends. A
// literal takes 15 bits at most; a length and a distance with their extra bits 48.
// The state lives in variables of the function, which is what makes it fast.
func (z *inflater) codes() (err error) {
	src, buf, lit, dst := z.src, z.buf, &z.lit, &z.dst
	pos, word, nbits, end := z.pos, z.word, z.nbits, z.end
	for end+margin <= len(buf) {
		if pos+8 <= len(src) { // as refill
			word |= binary.LittleEndian.Uint64(src[pos:]) << (nbits & 63)
			n := (63 - nbits) >> 3
			pos += n
			nbits += n << 3
		} else {
			for ; nbits < maxAtOne && pos < len(src); pos++ {
				word |= uint64(src[pos]) << (nbits & 63)
				nbits += 8
			}
		}
		e := lit.find(word)
		for k := 0; k < 2 && e&kindMask == kindLiteral; k++ { // two leave bits for the rest
			word >>= e & 15
			nbits -= int(e & 15)
			buf[end] = byte(e >> 16)
			end++
			e = lit.find(word)
		}
		if e&kindMask == kindLiteral || nbits < 0 {
			if nbits < 0 {
				err = io.ErrUnexpectedEOF
				break
			}
			continue
		}
		if nbits < 48 && pos+8 <= len(src) {
			word |= binary.LittleEndian.Uint64(src[pos:]) << (nbits & 63)
			n := (63 - nbits) >> 3
			pos += n
			nbits += n << 3
		}
		word >>= e & 15
		nbits -= int(e & 15)
		if e&kindMask != kindCopy {
			if nbits < 0 {
				err = io.ErrUnexpectedEOF
			} else if e&kindMask != kindEnd {
				err = errDeflate
			} else {
				z.close()
			}
			break
		}
		extra := e >> 4 & 15
		length := int(e>>16) + int(word&(1<<extra-1))
		word >>= extra
		d := dst.find(word)
		word >>= d & 15
		more := d >> 4 & 15
		distance := int(d>>16) + int(word&(1<<more-1))
		word >>= more
		nbits -= int(extra + d&15 + more)
		if nbits < 0 {
			err = io.ErrUnexpectedEOF
			break
		}
		if d&kindMask != kindCopy || distance > end {
			err = errDeflate
			break
		}
		if distance >= length {
			copy(buf[end:end+length], buf[end-distance:])
		} else {
			repeat(buf[end-distance:end+length], distance)
		}
		end += length
	}
	z.pos, z.word, z.nbits, z.end = pos, word, nbits, end
	return err
}

// repeat fills buf with copies of its first n bytes.
func repeat(buf []byte, n int) {
	for n < len(buf) {
		n += copy(buf[n:], buf[:n])
	}
}
