package jpeg

import "math/bits"

// encoder writes blocks as Huffman codes.
type encoder struct {
	out    []byte
	acc    uint64 // bits to come, right-aligned
	n      uint   // their number, below 8 between symbols
	dc, ac [4]*codeTable
	pred   [4]int32
}

// codeTable maps symbols to codes.
type codeTable struct {
	code [256]uint16
	size [256]uint8 // 0 where the table has no such symbol
}

// codes derives the codes of a table (T.81, annex C).
func (h *huffSpec) codes() *codeTable {
	t := new(codeTable)
	code, k := uint16(0), 0
	for l, n := range h.count {
		for range n {
			t.code[h.value[k]], t.size[h.value[k]] = code, uint8(l+1)
			code++
			k++
		}
		code <<= 1
	}
	return t
}

// put writes the n <= 16 low bits of v.
func (e *encoder) put(v uint32, n uint) {
	e.acc = e.acc<<n | uint64(v)&(1<<n-1)
	for e.n += n; e.n >= 8; {
		e.n -= 8
		b := byte(e.acc >> e.n)
		e.out = append(e.out, b)
		if b == 0xFF {
			e.out = append(e.out, 0)
		}
	}
}

// restart ends a run of MCUs: it fills up the byte with ones, as libjpeg does.
func (e *encoder) restart() {
	if e.n > 0 {
		e.put(0x7F, 8-e.n)
	}
	e.pred = [4]int32{}
}

// categorise returns the size of a value and the bits that tell it among those
// of that size.
func categorise(v int32) (size uint, low uint32) {
	size = uint(bits.Len32(uint32(max(v, -v))))
	if v < 0 {
		v--
	}
	return size, uint32(v)
}

// symbol writes a code and the low bits of a value. It tells whether the table
// has the code.
func (e *encoder) symbol(t *codeTable, s uint8, low uint32, size uint) bool {
	e.put(uint32(t.code[s]), uint(t.size[s]))
	e.put(low, size)
	return t.size[s] > 0
}

// block writes a block of component c of the scan, whose tables are td and ta.
// It tells whether the tables have all its codes.
func (e *encoder) block(blk *[64]int16, c int, td, ta uint8) bool {
	dc, ac := e.dc[td], e.ac[ta]
	ok := visitSymbols(blk, &e.pred[c], func(first bool, s uint8, low uint32, size uint) bool {
		if first {
			return e.symbol(dc, s, low, size)
		}
		return e.symbol(ac, s, low, size)
	})
	return ok
}

// visitSymbols calls do with the symbols of a block and the bits that follow
// them, until it returns false.
func visitSymbols(blk *[64]int16, pred *int32, do func(dc bool, s uint8, low uint32, size uint) bool) bool {
	size, low := categorise(int32(blk[0]) - *pred)
	*pred = int32(blk[0])
	if size > 15 || !do(true, uint8(size), low, size) {
		return false
	}
	last := 0
	for left := nonzero(blk) &^ 1; left != 0; left &= left - 1 {
		k := bits.TrailingZeros64(left)
		run := k - last - 1
		last = k
		for ; run > 15; run -= 16 {
			if !do(false, 0xF0, 0, 0) {
				return false
			}
		}
		size, low := categorise(int32(blk[zigzag[k]]))
		if size > 15 || !do(false, uint8(run)<<4|uint8(size), low, size) {
			return false
		}
	}
	return last == 63 || do(false, 0, 0, 0)
}

// nonzero returns a one for each coefficient other than zero, in zigzag order.
// Which those are nobody can predict: it does not branch on them.
func nonzero(blk *[64]int16) (mask uint64) {
	for i := range 16 {
		mask |= zigzagBits[i][nonzeroOf4((*[4]int16)(blk[4*i:]))]
	}
	return mask
}

// nonzeroOf4 returns a one for each value other than zero.
func nonzeroOf4(v *[4]int16) uint64 {
	const low = 0x7FFF7FFF7FFF7FFF
	all := uint64(uint16(v[0])) | uint64(uint16(v[1]))<<16 | uint64(uint16(v[2]))<<32 | uint64(uint16(v[3]))<<48
	top := (all&low + low | all) &^ low // the highest bit of each that is not zero
	return top >> 15 * 0x1000200040008 >> 48 & 15
}

// zigzagBits holds, for four neighbours in a row of a block and ones for some of
// them, the bits of their places in zigzag order.
var zigzagBits = func() (t [16][16]uint64) {
	for k, p := range zigzag {
		for four := range 16 {
			if four>>(p%4)&1 != 0 {
				t[p/4][four] |= 1 << k
			}
		}
	}
	return t
}()

// optimal makes the Huffman table with the shortest code for symbols that occur
// so often, no code longer than 16 bits and none all ones (T.81, section K.2).
func optimal(freq *[256]int) huffSpec {
	if *freq == [256]int{} {
		return huffSpec{}
	}
	// An extra symbol of least frequency takes the code of all ones.
	var weight [257]int
	copy(weight[:], freq[:])
	weight[256] = 1
	var size [257]int
	var next [257]int // other members of a symbol's tree
	for i := range next {
		next[i] = -1
	}
	for {
		a, b := -1, -1 // the least two, of equal ones the last
		for i, w := range weight {
			if w == 0 {
				continue
			}
			if a < 0 || w <= weight[a] {
				a, b = i, a
			} else if b < 0 || w <= weight[b] {
				b = i
			}
		}
		if b < 0 {
			break
		}
		weight[a] += weight[b]
		weight[b] = 0
		last := a
		for size[a]++; next[last] >= 0; {
			last = next[last]
			size[last]++
		}
		next[last] = b
		for i := b; i >= 0; i = next[i] {
			size[i]++
		}
	}
	return limitLengths(&size)
}

// limitLengths turns code sizes into a table.
func limitLengths(size *[257]int) huffSpec {
	var count [258]int
	for _, n := range size {
		count[n]++
	}
	count[0] = 0
	for l := len(count) - 1; l > 16; l-- {
		for count[l] > 0 {
			j := l - 2
			for count[j] == 0 {
				j--
			}
			count[l] -= 2
			count[l-1]++
			count[j+1] += 2
			count[j]--
		}
	}
	l := 16
	for count[l] == 0 {
		l--
	}
	count[l]-- // the extra symbol's
	h := huffSpec{set: true}
	for l := range h.count {
		h.count[l] = uint8(count[l+1])
	}
	k := 0
	for l := 1; l < len(count); l++ {
		for s := range 256 {
			if size[s] == l {
				h.value[k] = uint8(s)
				k++
			}
		}
	}
	return h
}
