package codec

import "math/bits"

// huffman finds the symbol at the front of a word by its first bits, in one or two
// levels. An entry has, from its lowest bit on: 4 bits for the code's length, 4 for
// the extra bits behind it, 4 for its kind, and above 16 the value; 0 means no code.
type huffman struct {
	first  [1 << firstLevel]uint32
	second []uint32
	sub    uint32 // mask of a table of the second level
}

// The kinds of entries.
const (
	kindMask    = 0xf00
	kindLiteral = 0x100
	kindCopy    = 0x200 // length or distance
	kindEnd     = 0x300
	kindSub     = 0x400 // the value is where the second level begins
)

const firstLevel = 10 // bits

// find returns the entry of the code at the front of word.
func (h *huffman) find(word uint64) uint32 {
	e := h.first[word&(1<<firstLevel-1)]
	if e&kindMask == kindSub {
		e = h.second[e>>16+uint32(word>>firstLevel)&h.sub]
	}
	return e
}

// build makes the table of a canonical code (RFC 1951, 3.2.2) from the lengths of
// its symbols' codes, of which entries has the values. It reports whether the code
// is complete, has just one code of one bit, or none, as compress/flate wants it.
func (h *huffman) build(lengths []uint8, entries []uint32) bool {
	var counts [16]int
	most := 0
	for _, n := range lengths {
		counts[n]++
		most = max(most, int(n))
	}
	counts[0] = 0
	var next [16]int
	code := 0
	for n := 1; n <= most; n++ {
		code <<= 1
		next[n] = code
		code += counts[n]
	}
	if most > 0 && code != 1<<most && (code != 1 || most != 1) {
		return false
	}
	clear(h.first[:])
	h.second = h.second[:0]
	h.sub = 1<<max(most-firstLevel, 0) - 1
	for symbol, n := range lengths {
		if n > 0 {
			h.add(uint16(next[n]), int(n), entries[symbol])
			next[n]++
		}
	}
	return true
}

// add enters a code of n bits wherever its bits, and any behind them, lead.
func (h *huffman) add(code uint16, n int, entry uint32) {
	at := uint32(bits.Reverse16(code) >> (16 - n))
	entry |= uint32(n)
	if n <= firstLevel {
		for ; at < 1<<firstLevel; at += 1 << n {
			h.first[at] = entry
		}
		return
	}
	first := at & (1<<firstLevel - 1)
	if h.first[first] == 0 {
		h.first[first] = uint32(len(h.second))<<16 | kindSub
		h.second = append(h.second, make([]uint32, h.sub+1)...)
	}
	begin := h.first[first] >> 16
	for k := at >> firstLevel; k <= h.sub; k += 1 << (n - firstLevel) {
		h.second[begin+k] = entry
	}
}

// plain, literals and distances are the entries of the three codes' symbols, without
// lengths (RFC 1951, 3.2.5).
var (
	plain     = makePlain()
	literals  = makeLiterals()
	distances = makeDistances()
)

func makePlain() (t [19]uint32) {
	for i := range t {
		t[i] = uint32(i)<<16 | kindLiteral
	}
	return t
}

func makeLiterals() (t [288]uint32) {
	for i := range 256 {
		t[i] = uint32(i)<<16 | kindLiteral
	}
	t[256] = kindEnd
	base := uint32(3)
	for i := uint32(0); i < 28; i++ {
		extra := max(i>>2, 1) - 1
		t[257+i] = base<<16 | extra<<4 | kindCopy
		base += 1 << extra
	}
	t[285] = longest<<16 | kindCopy
	return t // 286 and 287 are no codes: their entries are of no kind
}

func makeDistances() (t [32]uint32) { // 30 and 31 are no codes
	base := uint32(1)
	for i := range uint32(30) {
		extra := max(i>>1, 1) - 1
		t[i] = base<<16 | extra<<4 | kindCopy
		base += 1 << extra
	}
	return t
}
