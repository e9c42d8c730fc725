package transform_test

import (
	"bytes"
	"image"
	"math/rand/v2"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/pixel"
	"stoker/internal/rng"
	"stoker/internal/transform"
)

// compile reads and compiles a spec that must be right.
func compile(t testing.TB, spec string) *transform.Pipeline {
	t.Helper()
	s, err := transform.ParseSpec([]byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	p, err := transform.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// noise returns an image of random pixels.
func noise(seed uint64, width, height int) pixel.RGB {
	var buf []byte
	m := pixel.Grow(&buf, width, height)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range m.Pix {
		m.Pix[i] = byte(r.Uint32())
	}
	return m
}

// copyOf returns the pixels of r in memory of their own.
func copyOf(m pixel.RGB, r image.Rectangle) pixel.RGB {
	var buf []byte
	out := pixel.Grow(&buf, r.Dx(), r.Dy())
	pixel.Copy(out, m.Crop(r.Min.X, r.Min.Y, r.Dx(), r.Dy()))
	return out
}

// apply runs a decision on the region that it asks for.
func apply(t testing.TB, p *transform.Pipeline, d *transform.Decision, m pixel.RGB, s *transform.Scratch) []byte {
	t.Helper()
	dst := make([]byte, p.RowBytes())
	if err := p.Apply(d, copyOf(m, d.Region), dst, s); err != nil {
		t.Fatal(err)
	}
	return dst
}

const training = `{"ops": [
	{"op": "random_resized_crop", "size": 32},
	{"op": "horizontal_flip"}]}`

func TestTrainingPipelineIsAFunctionOfTheKey(t *testing.T) {
	p, s := compile(t, training), transform.NewScratch()
	m := noise(1, 90, 70)
	info := codec.Info{Width: 90, Height: 70, Orientation: 1}
	seen := map[string]bool{}
	for i := range 20 {
		key := rng.NewKey(1).Sub(uint64(i))
		d := p.Decide(key, info)
		if again := p.Decide(key, info); again != d {
			t.Fatalf("two decisions for one key: %v and %v", d, again)
		}
		a, b := apply(t, p, &d, m, s), apply(t, p, &d, m, transform.NewScratch())
		if !bytes.Equal(a, b) {
			t.Fatal("one decision gave two results")
		}
		seen[string(a)] = true
	}
	if len(seen) != 20 {
		t.Errorf("20 keys gave %d different samples", len(seen))
	}
}
