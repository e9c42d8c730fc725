package jpeg

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// adobe returns an APP14 segment.
func adobe(transform byte) []byte {
	return segmentOf(markerAPP0+14, append([]byte("Adobe"), 0, 100, 0, 0, 0, 0, transform)...)
}

func jfif() []byte {
	return segmentOf(markerAPP0, append([]byte("JFIF\x00"), 1, 1, 0, 0, 1, 0, 1, 0, 0)...)
}

// TestColourModelsEqualPillow goes through the guesses of what components mean.
func TestColourModelsEqualPillow(t *testing.T) {
	o := newOracle(t)
	rng := rand.New(rand.NewPCG(5, 6))
	heads := map[string][]byte{"none": nil, "jfif": jfif()}
	for _, tr := range []byte{0, 1, 2, 9} {
		heads[fmt.Sprint("adobe", tr)] = adobe(tr)
		heads[fmt.Sprint("jfif+adobe", tr)] = append(jfif(), adobe(tr)...)
	}
	samplings := [][][2]int{
		{{1, 1}}, {{2, 2}}, {{1, 1}, {1, 1}, {1, 1}}, {{2, 2}, {1, 1}, {1, 1}},
		{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, {{2, 1}, {1, 1}, {1, 1}, {2, 1}}, {{2, 2}, {1, 1}, {1, 1}, {2, 2}},
		{{1, 2}, {1, 1}, {1, 1}, {1, 2}}, {{1, 1}, {1, 1}, {1, 1}, {2, 2}},
	}
	idSets := []string{"\x01\x02\x03\x04", "RGBA", "\x00\x01\x02\x03", "CMYK", "\x00\x00\x00\x00"}
	var d Decoder
	for name, head := range heads {
		for _, s := range samplings {
			for _, ids := range idSets {
				e := encoded{w: 1 + rng.IntN(50), h: 1 + rng.IntN(50), sampling: s, ids: []byte(ids), head: head, quant: 3, interval: rng.IntN(5)}
				src := e.encode(rng)
				label := fmt.Sprintf("%s %v %q %dx%d", name, s, ids, e.w, e.h)
				want, err := o.decode(src, false)
				if err != nil {
					t.Errorf("%s: Pillow: %v", label, err)
					continue
				}
				checkAgainst(t, &d, rng, label, src, want, 3)
			}
		}
	}
}

// TestExtremeCoefficientsEqualPillow goes beyond what an encoder makes, where
// vector code wraps and saturates. It knows of no difference on x86.
func TestExtremeCoefficientsEqualPillow(t *testing.T) {
	o := newOracle(t)
	rng := rand.New(rand.NewPCG(7, 8))
	var d Decoder
	for range 200 {
		e := encoded{w: 40, h: 40, sampling: [][2]int{{1, 1}}, ids: []byte{1}, quant: byte(1 + rng.IntN(255)), large: true}
		src := e.encode(rng)
		want, err := o.decode(src, false)
		if err != nil {
			t.Fatal(err)
		}
		checkAgainst(t, &d, rng, fmt.Sprint("quant ", e.quant), src, want, 1)
	}
}
