package pixel_test

import (
	"bytes"
	"image"
	"math/rand/v2"
	"testing"

	"stoker/internal/pixel"
)

// guarded returns an image of random pixels with a wide border of memory that is
// no part of it, and a check that the border is untouched.
func guarded(r *rand.Rand, width, height int) (m pixel.RGB, check func() bool) {
	const border = 128
	stride := 3*width + r.IntN(7)
	memory := make([]byte, border+stride*height+border)
	for i := range memory {
		memory[i] = byte(r.Uint32())
	}
	before := bytes.Clone(memory)
	m = pixel.RGB{Pix: memory[border : border+stride*(height-1)+3*width], Stride: stride, Width: width, Height: height}
	return m, func() bool {
		for y := range height {
			copy(before[border+y*stride:], m.Row(y))
		}
		return bytes.Equal(before, memory)
	}
}

func equal(a, b pixel.RGB) bool {
	for y := range a.Height {
		if !bytes.Equal(a.Row(y), b.Row(y)) {
			return false
		}
	}
	return true
}

// TestResizeIsTheSameAtEveryLevel compares assembly with Go: pixels, and nothing
// written beside them.
func TestResizeIsTheSameAtEveryLevel(t *testing.T) {
	defer pixel.UseLevel(0)()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	side := func() int {
		return []int{1 + r.IntN(8), 1 + r.IntN(40), 1 + r.IntN(300), 16 * (1 + r.IntN(4))}[r.IntN(4)]
	}
	var resizers [3]pixel.Resizer
	for i := range 600 {
		g := pixel.Resampling{Filter: pixel.Filter(r.IntN(5)), Width: side(), Height: side(), OutWidth: side(), OutHeight: side(),
			FlipX: r.IntN(2) == 0, FlipY: r.IntN(2) == 0, RowsFirst: r.IntN(2) == 0}
		if r.IntN(2) == 0 {
			x, y := r.IntN(g.OutWidth), r.IntN(g.OutHeight)
			g.Window = image.Rect(x, y, x+1+r.IntN(g.OutWidth-x), y+1+r.IntN(g.OutHeight-y))
		}
		part := g.Source()
		src, _ := guarded(r, part.Dx(), part.Dy())
		width, height := g.Size()
		want, _ := guarded(r, width, height)
		for _, l := range pixel.Levels() {
			pixel.UseLevel(l)
			got, untouched := guarded(r, width, height)
			if l == 0 {
				got = want
			}
			resizers[l].Resize(got, src, part.Min, &g)
			if !equal(got, want) {
				t.Fatalf("seed %d, case %d: %v differs from generic: %+v", seed, i, l, g)
			}
			if l > 0 && !untouched() {
				t.Fatalf("seed %d, case %d: %v wrote beside the image: %+v", seed, i, l, g)
			}
		}
	}
}

// TestColoursAreTheSameAtEveryLevel does so for the colour changes.
func TestColoursAreTheSameAtEveryLevel(t *testing.T) {
	defer pixel.UseLevel(0)()
	seed := rand.Uint64()
	for i := range 200 {
		factor := rand.New(rand.NewPCG(seed, uint64(i))).Float32() * 2.5
		op := []func(pixel.RGB){
			func(m pixel.RGB) { pixel.Brightness(m, factor) },
			func(m pixel.RGB) { pixel.Contrast(m, factor) },
			func(m pixel.RGB) { pixel.Saturation(m, factor) },
			func(m pixel.RGB) { pixel.Hue(m, byte(100*factor)) },
			pixel.Grayscale,
			pixel.FlipX,
		}[i%6]
		var want pixel.RGB
		for _, l := range pixel.Levels() {
			pixel.UseLevel(l)
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			got, untouched := guarded(r, 1+r.IntN(300), 1+r.IntN(20))
			op(got)
			if l == 0 {
				want = got
			}
			if !equal(got, want) || !untouched() {
				t.Fatalf("seed %d, case %d: %v differs from generic, or wrote beside the image", seed, i, l)
			}
		}
	}
}
