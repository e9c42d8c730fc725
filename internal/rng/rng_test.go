package rng_test

import (
	"math"
	"testing"

	"stoker/internal/rng"
)

// The first numbers of a key are part of every saved state: they may not change.
func TestStreamIsFrozen(t *testing.T) {
	s := rng.NewKey(7).Sub(1).Sub(2).Source()
	got := [3]uint64{s.Uint64(), s.Uint64(), s.Uint64()}
	want := [3]uint64{0x4548ae4e02ff25f7, 0x6b7a1dd9d810746a, 0x99765571452d68ce}
	if got != want {
		t.Fatalf("got %#x, want %#x: saved states would resume with other pixels", got, want)
	}
}

func TestSubstreamsAreUniformAndIndependent(t *testing.T) {
	const buckets, draws = 64, 1 << 16
	base := rng.NewKey(1)
	var count [buckets]float64
	var product float64
	for i := range uint64(draws) {
		a, b := base.Sub(i).Source(), base.Sub(i+1).Source()
		x, y := a.Float64(), b.Float64()
		count[int(x*buckets)]++
		product += (x - 0.5) * (y - 0.5)
	}
	var chi2 float64
	for _, c := range count {
		d := c - draws/buckets
		chi2 += d * d / (draws / buckets)
	}
	if z := (chi2 - (buckets - 1)) / math.Sqrt(2*(buckets-1)); z > 4 {
		t.Errorf("first draws of neighbouring keys are not uniform: z = %.1f", z)
	}
	if r := product / draws * 12; math.Abs(r) > 4/math.Sqrt(draws) {
		t.Errorf("neighbouring keys are correlated: r = %.4f", r)
	}
}

func TestNormalMoments(t *testing.T) {
	s := rng.NewKey(3).Source()
	var sum, sq float64
	const n = 1 << 16
	for range n {
		v := s.Normal()
		sum, sq = sum+v, sq+v*v
	}
	if m, v := sum/n, sq/n; math.Abs(m) > 0.02 || math.Abs(v-1) > 0.03 {
		t.Errorf("mean %.3f, variance %.3f", m, v)
	}
}
