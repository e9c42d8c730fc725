// Package rng draws random numbers that depend on nothing but a key.
//
// The stream of Stoker is a pure function of (seed, epoch, sample, operation):
// no generator is shared between samples or goroutines, so the number of
// workers, their timing and the machine change nothing.
package rng

import (
	"math"
	"math/bits"
)

// Mix is the finalizer of SplitMix64 (Steele, Lea, Flood: "Fast splittable
// pseudorandom number generators", OOPSLA 2014): a bijection on 64 bits.
func Mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Key names an independent stream of random numbers.
type Key uint64

// NewKey returns the stream of a loader's seed.
func NewKey(seed uint64) Key { return Key(Mix(seed ^ 0x53746f6b6572)) }

// Sub returns the stream that v names below k. Sub(a).Sub(b) and Sub(b).Sub(a)
// differ.
func (k Key) Sub(v uint64) Key { return Key(Mix(Mix(uint64(k)) ^ v)) }

// Source is a stream of numbers; the zero value is not useful, take one from
// Key.Source. It is a small value: copy it freely, but not between goroutines
// while drawing.
type Source struct {
	key, counter uint64
}

// Source returns the numbers of k, from their beginning.
func (k Key) Source() Source { return Source{key: uint64(k)} }

// Uint64 returns 64 uniform bits.
func (s *Source) Uint64() uint64 {
	s.counter++
	return Mix(s.key + s.counter*0xd1342543de82ef95)
}

// Float64 returns a uniform number in [0, 1) with 53 bits.
func (s *Source) Float64() float64 { return float64(s.Uint64()>>11) / (1 << 53) }

// Uniform returns a uniform number in [lo, hi). The conversion keeps processors
// with fused multiply-add from rounding otherwise.
func (s *Source) Uniform(lo, hi float64) float64 { return lo + float64((hi-lo)*s.Float64()) }

// LogUniform returns exp of a number uniform in [log lo, log hi).
func (s *Source) LogUniform(lo, hi float64) float64 {
	return math.Exp(s.Uniform(math.Log(lo), math.Log(hi)))
}

// IntN returns a uniform integer in [0, n); n must be positive. The bias of the
// fixed-point product is below n/2^64.
func (s *Source) IntN(n int) int {
	hi, _ := bits.Mul64(s.Uint64(), uint64(n))
	return int(hi)
}

// Bool returns true with probability p.
func (s *Source) Bool(p float64) bool { return s.Float64() < p }

// Normal returns a number from the standard normal distribution (Box, Muller 1958).
func (s *Source) Normal() float64 {
	u := 1 - s.Float64()
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*s.Float64())
}
