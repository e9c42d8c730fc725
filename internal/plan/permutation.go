package plan

import (
	"math/bits"

	"stoker/internal/rng"
)

// rounds of the Feistel network. Four make a pseudorandom permutation in theory
// (Luby, Rackoff 1988); the tests see no structure from six on.
const rounds = 6

// minBits keeps the domain of tiny orders large: a Feistel network on a handful
// of bits reaches only a few of the possible orders.
const minBits = 10

// Permutation is a random order of the numbers 0 to n-1 that takes no memory:
// each place is computed from the key when asked for. It is a Feistel network
// over the next power of two, walked until it lands inside (Black, Rogaway:
// "Ciphers with arbitrary finite domains", 2002). Copies are independent.
type Permutation struct {
	n           uint64
	left, right int // bits of the two halves
	keys        [rounds]uint64
}

// NewPermutation returns the order of n numbers that key names; n > 0.
func NewPermutation(n int64, key rng.Key) Permutation {
	width := max(bits.Len64(uint64(n)-1), minBits)
	p := Permutation{n: uint64(n), left: width / 2, right: width - width/2}
	source := key.Source()
	for i := range p.keys {
		p.keys[i] = source.Uint64()
	}
	return p
}

// At returns the number at place i, 0 <= i < n, in about two to four rounds of
// the network.
func (p *Permutation) At(i int64) int64 {
	v := p.encrypt(uint64(i))
	for v >= p.n {
		v = p.encrypt(v)
	}
	return int64(v)
}

// Fill sets dst to the numbers at the places from on: what At returns for each,
// in less than half the time. Whether a walk has landed cannot be foretold, so it
// walks all of a block one step before it looks.
func (p *Permutation) Fill(dst []int64, from int64) {
	const block = 256
	var outside [block]uint8
	for len(dst) > 0 {
		some := dst[:min(len(dst), block)]
		for i := range some {
			some[i] = int64(p.encrypt(uint64(from) + uint64(i)))
		}
		left := 0
		for i, v := range some {
			outside[left] = uint8(i)
			left += int((p.n - 1 - uint64(v)) >> 63)
		}
		for left > 0 {
			walking := outside[:left]
			left = 0
			for _, i := range walking {
				v := p.encrypt(uint64(some[i]))
				some[i] = int64(v)
				outside[left] = i
				left += int((p.n - 1 - v) >> 63)
			}
		}
		dst, from = dst[len(some):], from+int64(len(some))
	}
}

// encrypt maps a number of left+right bits to another, one to one. Each round
// changes one half by the other; an even number of them keeps both as long.
func (p *Permutation) encrypt(v uint64) uint64 {
	shift := p.right & 63
	leftMask, rightMask := uint64(1)<<(p.left&63)-1, uint64(1)<<shift-1
	l, r := v>>shift, v&rightMask
	for i := 0; i < rounds; i += 2 {
		l ^= rng.Mix(r^p.keys[i]) & leftMask
		r ^= rng.Mix(l^p.keys[i+1]) & rightMask
	}
	return l<<shift | r
}
