package jpeg

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// sameCoefficients compares all that decoding depends on.
func sameCoefficients(t *testing.T, name string, a, b []byte) {
	t.Helper()
	var x, y Decoder
	if err := errors.Join(x.loadAll(a), y.loadAll(b)); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if x.p.frame.width != y.p.frame.width || x.p.frame.height != y.p.frame.height || x.p.frame.colour != y.p.frame.colour {
		t.Errorf("%s: another frame", name)
	}
	for i := range x.p.frame.ncomp {
		c, e := &x.p.frame.comp[i], &y.p.frame.comp[i]
		if c.quant != e.quant {
			t.Errorf("%s: quantisation of component %d differs", name, i)
		}
		for by := range c.blocksY {
			for bx := range c.blocksX {
				p := x.coef[c.blockOff+by*c.blockRowStride+bx*64:][:64]
				q := y.coef[e.blockOff+by*e.blockRowStride+bx*64:][:64]
				for k := range p {
					if p[k] != q[k] {
						t.Fatalf("%s: component %d block (%d,%d) differs", name, i, bx, by)
					}
				}
			}
		}
	}
}

// TestBaseline converts the golden files.
func TestBaseline(t *testing.T) {
	for name, src := range goldenFiles(t) {
		comment := append([]byte{0xFF, markerSOI}, segmentOf(markerCOM, []byte("kept")...)...)
		src = append(comment, src[2:]...)
		b, err := Baseline(src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		sameCoefficients(t, name, src, b)
		if h, _ := ParseHeader(src); !h.Progressive && h.Components == 3 && !strings.HasPrefix(name, "scans") && !bytes.Equal(b, src) {
			t.Errorf("%s: a baseline file changed", name)
		}
		if !bytes.Contains(b, []byte("kept")) {
			t.Errorf("%s: comment lost", name)
		}
		if _, err := BuildIndex(b, 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBaselineEqualsPillow converts files that cjpeg makes.
func TestBaselineEqualsPillow(t *testing.T) {
	needTools(t, "cjpeg")
	o := newOracle(t)
	n := 60
	if os.Getenv("STOKER_LONG") != "" {
		n = 1500
	}
	rng := rand.New(rand.NewPCG(25, 26))
	dir := writeScripts(t)
	var d Decoder
	for range n {
		w, h := 1+rng.IntN(90), 1+rng.IntN(90)
		args := toolArgs(t, rng, dir)
		src, err := tryTool(synthetic(rng, w, h, false), "cjpeg", args...)
		if err != nil {
			continue
		}
		name := fmt.Sprintf("%dx%d %s", w, h, strings.Join(args, " "))
		b, err := Baseline(src)
		if kindOf(t, err) == Unsupported {
			continue
		}
		want, pillowErr := o.decode(src, false)
		if err != nil || pillowErr != nil {
			t.Errorf("%s: %v, Pillow: %v", name, err, pillowErr)
			continue
		}
		got, err := o.decode(b, false)
		if err != nil {
			t.Errorf("%s: Pillow on the result: %v", name, err)
		} else if diff := got.differ(want); diff != "" {
			t.Errorf("%s: Pillow's pixels: %s", name, diff)
		}
		checkAgainst(t, &d, rng, name, b, want, 1)
	}
}
