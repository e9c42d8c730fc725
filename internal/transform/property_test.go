package transform_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/pixel"
	"stoker/internal/rng"
	"stoker/internal/transform"
)

// randomOps returns a list of operations that compiles: anything, then something
// that fixes the size, then anything.
func randomOps(r *rand.Rand) []string {
	side := func() int { return 1 + r.IntN(40) }
	filter := []string{"bilinear", "bicubic", "nearest", "box", "lanczos"}[r.IntN(5)]
	anything := func() string {
		switch r.IntN(8) {
		case 0:
			return `{"op": "color_jitter", "brightness": [0.6, 1.4], "contrast": [0.6, 1.4], "saturation": [0.6, 1.4], "hue": [-0.1, 0.1]}`
		case 1:
			return `{"op": "grayscale", "p": 0.3}`
		case 2:
			return `{"op": "vertical_flip"}`
		case 3:
			return `{"op": "random_erasing", "value": [1, 2, 3]}`
		case 4:
			return fmt.Sprintf(`{"op": "pad", "padding": [%d, %d, 3, 0], "fill": 7}`, r.IntN(9), r.IntN(9))
		}
		return `{"op": "horizontal_flip"}`
	}
	fixes := [][]string{
		{fmt.Sprintf(`{"op": "random_resized_crop", "size": [%d, %d], "interpolation": %q, "pillow": %d}`, side(), side(), filter, 12+r.IntN(2))},
		{fmt.Sprintf(`{"op": "resize", "size": [%d, %d], "interpolation": %q}`, side(), side(), filter)},
		{fmt.Sprintf(`{"op": "resize", "size": %d, "interpolation": %q}`, side(), filter),
			fmt.Sprintf(`{"op": "center_crop", "size": %d}`, side())},
		{`{"op": "resize", "max": 30}`, fmt.Sprintf(`{"op": "pad", "size": %d}`, 30+r.IntN(9))},
		{fmt.Sprintf(`{"op": "random_crop", "size": [%d, %d], "padding": %d}`, side(), side(), r.IntN(5))},
	}
	var ops []string
	for range r.IntN(3) {
		ops = append(ops, anything())
	}
	ops = append(ops, fixes[r.IntN(len(fixes))]...)
	for range r.IntN(3) {
		ops = append(ops, anything())
	}
	if r.IntN(3) == 0 {
		ops = append(ops, fixes[r.IntN(len(fixes))]...)
	}
	return ops
}

func randomSpec(r *rand.Rand) string {
	ops := randomOps(r)
	dtype := []string{"uint8", "uint8", "float32", "float16", "bfloat16"}[r.IntN(5)]
	if dtype != "uint8" && r.IntN(3) > 0 {
		ops = append(ops, `{"op": "normalize", "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}`)
		if r.IntN(2) == 0 {
			ops = append(ops, `{"op": "random_erasing", "value": "random"}`)
		}
	}
	layout := []string{"NHWC", "NCHW"}[r.IntN(2)]
	return fmt.Sprintf(`{"ops": [%s], "output": {"dtype": %q, "layout": %q}, "apply_orientation": %t}`,
		strings.Join(ops, ", "), dtype, layout, r.IntN(2) == 0)
}

// TestRegionsGiveTheBytesOfWholeImages: what Decide leaves out was not needed.
func TestRegionsGiveTheBytesOfWholeImages(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	scratch := transform.NewScratch()
	rounds := 500
	if os.Getenv("STOKER_LONG") != "" {
		rounds = 20000
	}
	for i := range rounds {
		spec := randomSpec(r)
		p := compile(t, spec)
		w, h := 1+r.IntN(70), 1+r.IntN(70)
		info := codec.Info{Width: w, Height: h, Orientation: 1 + r.IntN(8)}
		m := noise(uint64(i), w, h)
		d := p.Decide(rng.NewKey(uint64(i)), info)
		if d.Region.Empty() || !d.Region.In(image.Rect(0, 0, w, h)) {
			t.Fatalf("seed %d: region %v of a %d x %d image\n%s", seed, d.Region, w, h, spec)
		}
		got := apply(t, p, &d, m, scratch)
		d.Widen(w, h)
		if want := apply(t, p, &d, m, scratch); !bytes.Equal(got, want) {
			t.Fatalf("seed %d: sample %d of a %dx%d image, orientation %d, differs\n%s", seed, i, w, h, info.Orientation, spec)
		}
	}
}

// TestResizeThenCropDecodesLittle: the usual evaluation pipeline needs only the
// middle of the image and a few pixels around it.
func TestResizeThenCropDecodesLittle(t *testing.T) {
	p := compile(t, `{"ops": [{"op": "resize", "size": 256}, {"op": "center_crop", "size": 224}]}`)
	d := p.Decide(rng.NewKey(0), codec.Info{Width: 1000, Height: 500, Orientation: 1})
	if want := image.Rect(280, 30, 720, 470); d.Region != want {
		t.Errorf("region is %v, want %v", d.Region, want)
	}
}

func TestCanonicalSpecsAreFixedPoints(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		p := compile(t, randomSpec(r))
		again := compile(t, string(p.Canonical()))
		if !bytes.Equal(p.Canonical(), again.Canonical()) || p.Version() != again.Version() {
			t.Fatalf("canonical form changes:\n%s\n%s", p.Canonical(), again.Canonical())
		}
	}
}

func TestApplyAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates; make test runs this without it too")
	}
	p := compile(t, `{"ops": [
		{"op": "random_resized_crop", "size": 32, "scale": [0.5, 1]},
		{"op": "horizontal_flip"},
		{"op": "color_jitter", "contrast": [0.5, 1.5], "hue": [-0.1, 0.1]},
		{"op": "normalize", "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]},
		{"op": "random_erasing", "p": 1}], "output": {"dtype": "float32", "layout": "NCHW"}}`)
	m, s := noise(1, 64, 64), transform.NewScratch()
	dst := make([]byte, p.RowBytes())
	var buf []byte
	sample := uint64(0)
	one := func() {
		d := p.Decide(rng.NewKey(1).Sub(sample%8), codec.Info{Width: 64, Height: 64, Orientation: 1})
		sample++
		region := pixel.Grow(&buf, d.Region.Dx(), d.Region.Dy())
		pixel.Copy(region, m.Crop(d.Region.Min.X, d.Region.Min.Y, region.Width, region.Height))
		if err := p.Apply(&d, region, dst, s); err != nil {
			t.Fatal(err)
		}
	}
	for range 8 {
		one()
	}
	if n := testing.AllocsPerRun(64, one); n != 0 {
		t.Errorf("%v allocations for a sample", n)
	}
}

func FuzzSpec(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		f.Add([]byte(randomSpec(r)))
	}
	f.Add([]byte(`{"ops": [{"op": "resize", "size": 1e99}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := transform.ParseSpec(data)
		if err != nil {
			return
		}
		p, err := transform.Compile(spec)
		if err != nil {
			return
		}
		if !json.Valid(p.Canonical()) {
			t.Fatalf("canonical form is no JSON: %s", p.Canonical())
		}
		d := p.Decide(rng.NewKey(5), codec.Info{Width: 31, Height: 17, Orientation: 6})
		if p.RowBytes() > 1<<22 || !d.Region.In(image.Rect(0, 0, 31, 17)) {
			return
		}
		apply(t, p, &d, noise(1, 31, 17), transform.NewScratch())
	})
}

// FuzzDecide: whatever a header says, deciding takes little time, and what is asked
// for lies inside the image.
func FuzzDecide(f *testing.F) {
	var all []*transform.Pipeline
	r := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		all = append(all, compile(f, randomSpec(r)))
	}
	f.Add(uint64(1), 500, 375, 1)
	f.Add(uint64(2), 1, 178_956_970, 6)
	f.Add(uint64(3), 178_956_970, 1, 3)
	f.Fuzz(func(t *testing.T, key uint64, width, height, orientation int) {
		if width < 1 || height < 1 || int64(width) > codec.DefaultMaxPixels/int64(height) {
			return
		}
		p := all[key%uint64(len(all))]
		info := codec.Info{Width: width, Height: height, Orientation: orientation}
		d := p.Decide(rng.NewKey(key), info)
		if d.Region.Empty() || !d.Region.In(image.Rect(0, 0, width, height)) {
			t.Fatalf("region %v of a %d x %d image", d.Region, width, height)
		}
	})
}

func TestPipelinesAreShared(t *testing.T) {
	p := compile(t, pipelines["train-jitter"])
	m := noise(8, 300, 260)
	info := codec.Info{Width: 300, Height: 260, Orientation: 1}
	want := make([][]byte, 8)
	for i := range want {
		d := p.Decide(rng.NewKey(uint64(i)), info)
		want[i] = apply(t, p, &d, m, transform.NewScratch())
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s := transform.NewScratch()
			for i := range want {
				d := p.Decide(rng.NewKey(uint64(i)), info)
				if !bytes.Equal(apply(t, p, &d, m, s), want[i]) {
					t.Errorf("sample %d differs between goroutines", i)
				}
			}
		})
	}
	wg.Wait()
}
