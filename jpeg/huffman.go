package jpeg

// lookBits is the width of the lookup tables. 2^11 entries of four bytes for
// two AC tables stay in a 32 KB first-level cache; 2^12 measured the same with
// one stream and slower to build.
const lookBits = 11

// An entry of a lookup table combines code and value, so that one load decodes
// a whole coefficient:
//
//	bits  0-5   length of code and value together
//	bit   6     bad code (only from slow)
//	bit   7     slow: the code or its value does not fit in lookBits
//	bits  8-15  steps forward in zigzag order: run + 1, or endOfBlock
//	bits 16-31  value, signed
const (
	entryBad   = 1 << 6
	entrySlow  = 1 << 7
	endOfBlock = 128
)

// badCodeBits is how many bits libjpeg consumes before it gives up on a code.
const badCodeBits = 17

// lookup is a Huffman table ready for decoding. The assembly knows its layout.
type lookup struct {
	fast  [1 << lookBits]uint32
	place [256]uint8  // a copy of position, for the assembly
	long  [256]uint32 // slow entry of each value, in the order of codes
	limit [17]uint32  // first code beyond those of each length, left-aligned in 16 bits
	first [17]int32   // place of a length's first value, less its first code
	spec  huffSpec    // what it was built from
	dc    bool
}

// zigzag maps the order of transmission to natural order.
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// dummySlot is where the end of a block is "stored": just past the block.
const dummySlot = 64

// position maps a place in zigzag order to natural order. Runs that overshoot
// the block write its last coefficient, as in libjpeg; the end of a block, which
// steps by endOfBlock, writes the dummy slot.
var position = func() (t [256]uint8) {
	for k := range t {
		switch {
		case k < 64:
			t[k] = zigzag[k]
		case k < endOfBlock:
			t[k] = 63
		default:
			t[k] = dummySlot
		}
	}
	return t
}()

// build makes the table, unless it was built from the same specification
// already: most files of a data set share their tables.
func (t *lookup) build(spec *huffSpec, dc bool, at int) error {
	if t.spec == *spec && t.dc == dc {
		return nil
	}
	t.spec.set = false
	for i := range t.fast {
		t.fast[i] = entrySlow
	}
	code, k := uint32(0), 0
	for l := 1; l <= 16; l++ {
		t.first[l] = int32(k) - int32(code)
		n := uint32(spec.count[l-1])
		// No code may be all ones, from the shortest length in use on.
		if k+int(n) > 256 || n > 0 && code+n >= 1<<l {
			return errAt(Corrupt, at, "Huffman table with too many codes of %d bits", l)
		}
		for range n {
			if dc && spec.value[k] > 15 {
				return errAt(Corrupt, at, "DC Huffman table with symbol %d", spec.value[k])
			}
			step, size := unpackSymbol(spec.value[k], dc)
			t.long[k] = uint32(l) | entrySlow | step<<8 | uint32(size)<<16
			if l <= lookBits {
				t.fill(code, l, spec.value[k], dc)
			}
			k++
			code++
		}
		t.limit[l] = code << (16 - l)
		code <<= 1
	}
	t.place = position
	t.spec, t.dc = *spec, dc
	return nil
}

// fill writes the entries that begin with one code.
func (t *lookup) fill(code uint32, l int, symbol uint8, dc bool) {
	step, size := unpackSymbol(symbol, dc)
	entries := t.fast[code<<(lookBits-l) : (code+1)<<(lookBits-l)]
	if l+size > lookBits {
		for i := range entries {
			entries[i] = uint32(l) | entrySlow | step<<8 | uint32(size)<<16
		}
		return
	}
	same := 1 << (lookBits - l - size)
	for v := range 1 << size {
		e := uint32(l+size) | step<<8 | uint32(uint16(extend(v, size)))<<16
		for i := range same {
			entries[v*same+i] = e
		}
	}
}

// unpackSymbol splits a symbol into the step and the number of value bits.
func unpackSymbol(symbol uint8, dc bool) (step uint32, size int) {
	if dc {
		return 1, int(symbol)
	}
	run, size := uint32(symbol>>4), int(symbol&15)
	if size == 0 && run != 15 {
		return endOfBlock, 0
	}
	return run + 1, size
}

// extend turns size bits into a signed value (T.81, figure F.12).
func extend(v, size int) int16 {
	if size > 0 && v>>(size-1) == 0 {
		v += -1<<size + 1
	}
	return int16(v)
}

// symbol finds the code at the top of window that no fast entry holds, and
// returns its symbol and length, or a length beyond 16.
func (t *lookup) symbol(window uint64) (symbol uint8, l int) {
	code := uint32(window >> 48)
	for l = 1; l <= 16; l++ {
		if code < t.limit[l] {
			return t.spec.value[uint8(int32(code>>(16-l))+t.first[l])], l
		}
	}
	return 0, l
}

// slow decodes a coefficient whose fast entry e is marked entrySlow. window
// holds at least 32 bits. The result has the layout of an entry.
func (t *lookup) slow(window uint64, e uint32) uint32 {
	l, step, size := int(e&63), e>>8&0xff, int(e>>16)
	if l == 0 {
		var s uint8
		if s, l = t.symbol(window); l > 16 {
			return badCodeBits | entryBad | endOfBlock<<8
		}
		step, size = unpackSymbol(s, t.dc)
	}
	v := int(window << l >> (64 - size))
	return uint32(l+size) | step<<8 | uint32(uint16(extend(v, size)))<<16
}
