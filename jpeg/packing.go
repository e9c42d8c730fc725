package jpeg

import (
	"encoding/binary"
	"math/bits"
)

// A packed block holds the coefficients of one block in a form that vector
// instructions unpack without branches. Positions go by groups of two rows and
// four columns, so that a group's eight values are two runs of a block's rows:
//
//	1 byte    bit g: group g has values
//	a byte for each such group: bit i: value i is not zero; bit 0 of group 0,
//	          the place of the DC value, says that the DC difference is wide
//	1 or 2    DC difference, signed, little-endian
//	bits, from the lowest of the first byte on:
//	          for each value but DC: its sign, 1 = negative
//	          for each value: whether its magnitude exceeds 1
//	          for each that does: the magnitude less 2, in width bits, all ones
//	          where it does not fit
//	1 byte    for each that did not fit: what the magnitude exceeds all ones plus
//	          2 by, or 255 where it exceeds 255. Other sums are less than 256; of
//	          hostile data they wrap there, and 0 counts as 1
//	2 bytes   for each 255 among these: the magnitude, little-endian
//
// Groups go from the low frequencies to the high, values by group, then row,
// then column. width is chosen for each component of an image.

// groupPlace maps a place in a block to the packed order: group * 8 + value.
func groupPlace(p int) int {
	row, col := p/8, p%8
	return (row/2*2+col/4)*8 + row%2*4 + col%4
}

// natural maps the packed order to places in a block.
var natural = func() (t [64]uint8) {
	for p := range t {
		t[groupPlace(p)] = uint8(p)
	}
	return t
}()

// groupBytes spreads the eight bits of the first byte of a packed block to
// bytes of ones.
var groupBytes = func() (t [256]uint64) {
	for i := range t {
		for g := range 8 {
			if i>>g&1 != 0 {
				t[i] |= 0xFF << (8 * g)
			}
		}
	}
	return t
}()

// maxWidth is the greatest width of a magnitude: eight of them and the rest of
// a byte must fit in 64 bits.
const maxWidth = 7

// packBits gathers bits from the lowest on.
type packBits struct {
	out []byte
	acc uint64
	n   uint
}

func (b *packBits) put(v uint64, n uint) {
	b.acc |= v << b.n
	for b.n += n; b.n >= 8; b.n -= 8 {
		b.out = append(b.out, byte(b.acc))
		b.acc >>= 8
	}
}

// packBlock appends a block whose DC value exceeds the prediction by diff.
func packBlock(out []byte, blk *[64]int16, diff int16, width uint) []byte {
	var mask uint64
	for g := range 8 {
		at := g>>1*16 + g&1*4
		mask |= (nonzeroOf4((*[4]int16)(blk[at:])) | nonzeroOf4((*[4]int16)(blk[at+8:]))<<4) << (8 * g)
	}
	mask &^= 1
	var magnitudes [64]uint16
	var signs, big uint64
	n := uint(0)
	for left := mask; left != 0; left &= left - 1 {
		v := int32(blk[natural[bits.TrailingZeros64(left)]])
		minus := v >> 31
		v = (v ^ minus) - minus
		signs |= uint64(-minus) << n
		big |= uint64(int64(1-v)) >> 63 << n
		magnitudes[n&63] = uint16(v)
		n++
	}
	wide := diff != int16(int8(diff))
	if wide {
		mask |= 1
	}
	head := len(out)
	out = append(out, 0)
	for g := range 8 {
		if m := byte(mask >> (8 * g)); m != 0 {
			out[head] |= 1 << g
			out = append(out, m)
		}
	}
	out = append(out, byte(diff))
	if wide {
		out = append(out, byte(diff>>8))
	}
	b := packBits{out: out}
	b.put(signs&0xFFFFFFFF, min(n, 32))
	b.put(signs>>32, n-min(n, 32))
	b.put(big&0xFFFFFFFF, min(n, 32))
	b.put(big>>32, n-min(n, 32))
	return packMagnitudes(&b, &magnitudes, big, width)
}

// packMagnitudes appends the magnitudes that big has ones for.
func packMagnitudes(b *packBits, magnitudes *[64]uint16, big uint64, width uint) []byte {
	var over [63]byte
	var wide [2 * 63]byte
	nOver, nWide, top := 0, 0, 1<<width-1
	for ; big != 0; big &= big - 1 {
		v := int(magnitudes[bits.TrailingZeros64(big)])
		b.put(uint64(min(v-2, top)), width)
		if v-2 < top {
			continue
		}
		over[nOver] = byte(min(v-2-top, 255))
		if v > 255 {
			over[nOver] = 255
			binary.LittleEndian.PutUint16(wide[nWide:], uint16(v))
			nWide += 2
		}
		nOver++
	}
	if b.n > 0 {
		b.put(0, 8-b.n)
	}
	return append(append(b.out, over[:nOver]...), wide[:nWide]...)
}

// peek returns eight bytes of data from pos on, zeros beyond its end.
func peek(data []byte, pos int) uint64 {
	if pos+8 <= len(data) {
		return binary.LittleEndian.Uint64(data[pos:])
	}
	var b [8]byte
	if pos < len(data) {
		copy(b[:], data[pos:])
	}
	return binary.LittleEndian.Uint64(b[:])
}

// peekBits returns n < 64 bits from bit on.
func peekBits(data []byte, bit, n int) uint64 {
	lo, hi := peek(data, bit>>3), peek(data, bit>>3+8)
	v := lo >> (bit & 7)
	v |= hi << 1 << (63 - bit&7)
	return v & (1<<n - 1)
}

// unpackBlock writes the block packed at pos and returns the place after it. Of hostile data it makes anything, but it
// reads nothing beyond data and returns a place of at most pos + 271: no block is longer.
func unpackBlock(data []byte, pos int, blk *[64]int16, pred *int32, width int) int {
	groups := byte(peek(data, pos))
	present := groupBytes[groups]
	mask := deposit(peek(data, pos+1), present)
	pos += 1 + bits.OnesCount8(groups)
	diff := int16(int8(peek(data, pos)))
	if mask&1 != 0 {
		diff = int16(peek(data, pos))
		pos++
		mask &^= 1
	}
	pos++
	*pred = int32(int16(*pred) + diff)
	*blk = [64]int16{int16(*pred)}

	n := bits.OnesCount64(mask)
	signs, big := peekBits(data, pos*8, n), peekBits(data, pos*8+n, n)
	bit := pos*8 + 2*n
	pos += (2*n + width*bits.OnesCount64(big) + 7) >> 3
	if big == 0 {
		for ; mask != 0; mask &= mask - 1 {
			blk[natural[bits.TrailingZeros64(mask)]] = 1 - int16(signs&1<<1)
			signs >>= 1
		}
		return pos
	}
	return unpackMagnitudes(data, blk, packedMask{mask, signs, big}, bit, pos, width)
}

// packedMask tells of each value of a block, from the lowest bit on, its place
// and, in the order of places, its sign and whether its magnitude exceeds 1.
type packedMask struct{ place, sign, big uint64 }

// unpackMagnitudes writes the values of a block; the magnitudes begin at bit,
// those that do not fit at pos.
func unpackMagnitudes(data []byte, blk *[64]int16, m packedMask, bit, pos, width int) int {
	var wide [63]uint8 // places of values whose magnitude follows in two bytes
	var minus [63]int16
	n, top := 0, 1<<width-1
	for ; m.place != 0; m.place &= m.place - 1 {
		v, sign := 1, -int(m.sign&1)
		place := natural[bits.TrailingZeros64(m.place)]
		if m.big&1 != 0 {
			low := int(peek(data, bit>>3)>>(bit&7)) & top
			bit += width
			v = low + 2
			if low == top {
				over := int(peek(data, pos) & 0xFF)
				v = max((v+over)&0xFF, 1)
				pos++
				if over == 255 && n < len(wide) {
					wide[n], minus[n] = place, int16(sign)
					n++
				}
			}
		}
		blk[place] = int16((v ^ sign) - sign)
		m.sign >>= 1
		m.big >>= 1
	}
	for i := range n {
		v := int16(peek(data, pos))
		blk[wide[i]&63] = (v ^ minus[i]) - minus[i]
		pos += 2
	}
	return pos
}

// deposit places the bytes of v, in order, where present has bytes of ones.
func deposit(v, present uint64) (out uint64) {
	for g := 0; present != 0; g += 8 {
		if present&0xFF != 0 {
			out |= v & 0xFF << g
			v >>= 8
		}
		present >>= 8
	}
	return out
}
