package tokenize

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// wordTable numbers words, in the order in which they first come. It does what a
// map[string]uint32 does in a third of the time for words of natural language: those
// of at most 16 bytes, nearly all, are keys in place, so that finding one compares
// two numbers in one cache line.
type wordTable struct {
	slots []wordSlot // a power of two of them, at most half used; open addressing
	used  int
	long  map[string]uint32 // words of more than shortWord bytes
	seed  [2]uint64         // random, so that no text can be made to collide
	count uint32            // words numbered
}

// wordSlot holds a word of at most 16 bytes, padded with zeros. No word has a zero
// byte, so lo is 0 only where the slot is free.
type wordSlot struct {
	lo, hi uint64
	number uint32
}

const shortWord = 16

func newWordTable() *wordTable {
	return &wordTable{slots: make([]wordSlot, 1<<10), long: map[string]uint32{}, seed: [2]uint64{rand.Uint64(), rand.Uint64()}}
}

// shortKey packs a word. Its capacity is at least shortWord: what lies behind it is
// masked.
func shortKey(word []byte) (lo, hi uint64) {
	n, padded := len(word), word[:shortWord]
	lo = binary.LittleEndian.Uint64(padded)
	if n < 8 {
		return lo & (1<<(8*n) - 1), 0
	}
	hi = binary.LittleEndian.Uint64(padded[8:])
	if n < shortWord {
		hi &= 1<<(8*(n-8)) - 1
	}
	return lo, hi
}

// slot returns where a short word is or belongs.
func (t *wordTable) slot(lo, hi uint64) *wordSlot {
	high, low := bits.Mul64(lo^t.seed[0], hi^t.seed[1])
	mask := uint64(len(t.slots) - 1)
	for i := (high ^ low) & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.lo == 0 || s.lo == lo && s.hi == hi {
			return s
		}
	}
}

// find returns the number of a word. Its capacity is at least shortWord.
func (t *wordTable) find(word []byte) (number uint32, ok bool) {
	if len(word) > shortWord {
		number, ok = t.long[string(word)]
		return number, ok
	}
	lo, hi := shortKey(word)
	s := t.slot(lo, hi)
	return s.number, s.lo != 0
}

// add returns the number of a word, a new one where it has none.
func (t *wordTable) add(word []byte) (number uint32, fresh bool) {
	if len(word) > shortWord {
		number, ok := t.long[string(word)]
		if !ok {
			number = t.next()
			t.long[string(word)] = number
		}
		return number, !ok
	}
	lo, hi := shortKey(word)
	s := t.slot(lo, hi)
	if s.lo != 0 {
		return s.number, false
	}
	*s = wordSlot{lo, hi, t.next()}
	number = s.number
	if t.used++; 2*t.used > len(t.slots) {
		t.grow()
	}
	return number, true
}

func (t *wordTable) next() uint32 {
	t.count++
	return t.count - 1
}

func (t *wordTable) grow() {
	old := t.slots
	t.slots = make([]wordSlot, 2*len(old))
	for i := range old {
		if s := &old[i]; s.lo != 0 {
			*t.slot(s.lo, s.hi) = *s
		}
	}
}
