package pixel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCoefficientsAreTheSameAtEveryLevel compares axes with those of the generic
// code.
func TestCoefficientsAreTheSameAtEveryLevel(t *testing.T) {
	defer useLevel(bestLevel())
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 3000 {
		s := span{size: 1 + r.IntN(1500), out: 1 + r.IntN(500), flip: r.IntN(2) == 0}
		s.hi = float32(s.size)
		if r.IntN(2) == 0 {
			s.lo = r.Float32() * float32(s.size) / 2
			s.hi = s.lo + (float32(s.size)-s.lo)*(0.1+0.9*r.Float32())
		}
		s.from = r.IntN(s.out)
		s.to = s.from + 1 + r.IntN(s.out-s.from)
		var want axis
		for l := levelGeneric; l <= bestLevel(); l++ {
			useLevel(l)
			var got axis
			got.set(s)
			if l == levelGeneric {
				want = got
				continue
			}
			if got.most != want.most || !slices.Equal(got.first, want.first) || !slices.Equal(got.count, want.count) || !slices.Equal(got.coef, want.coef) {
				t.Fatalf("seed %d, case %d, level %d: %+v", seed, i, l, s)
			}
		}
	}
}
