package pixel_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"stoker/internal/pixel"
	"stoker/internal/tensor"
)

// plain is what a Writer should give, written for clarity.
func plain(m pixel.RGB, dtype tensor.DType, layout tensor.Layout, mean, std *[3]float64) []byte {
	var out []byte
	put := func(x, y, c int) {
		b := m.Row(y)[3*x+c]
		v := float32(b) / 255
		if mean != nil {
			v -= float32(mean[c])
			v /= float32(std[c])
		}
		switch dtype {
		case tensor.Uint8:
			out = append(out, b)
		case tensor.Float32:
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		case tensor.Float16:
			out = binary.LittleEndian.AppendUint16(out, pixel.Float16(v))
		case tensor.BFloat16:
			out = binary.LittleEndian.AppendUint16(out, pixel.BFloat16(v))
		}
	}
	if layout == tensor.NCHW {
		for i := range 3 * m.Height * m.Width {
			put(i%m.Width, i/m.Width%m.Height, i/m.Width/m.Height)
		}
		return out
	}
	for i := range 3 * m.Height * m.Width {
		put(i/3%m.Width, i/3/m.Width, i%3)
	}
	return out
}

func TestWriterIsExactAtEveryLevel(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	var scratch []byte
	for i := range 200 {
		m, _ := guarded(r, 1+r.IntN(70), 1+r.IntN(9))
		dtype := []tensor.DType{tensor.Uint8, tensor.Float32, tensor.Float16, tensor.BFloat16}[i%4]
		layout := tensor.Layout(r.IntN(2))
		var mean, std *[3]float64
		if r.IntN(4) > 0 {
			mean = &[3]float64{r.Float64(), r.Float64(), r.Float64()}
			std = &[3]float64{r.Float64() + 0.01, 1 / (r.Float64() + 0.001), r.Float64() + 0.1}
		}
		want := plain(m, dtype, layout, mean, std)
		for _, l := range pixel.Levels() {
			restore := pixel.UseLevel(l)
			w := pixel.NewWriter(dtype, layout, mean, std)
			got := make([]byte, len(want)+64)
			w.Write(got[:len(want)], m, &scratch)
			restore()
			if !bytes.Equal(got[:len(want)], want) {
				t.Fatalf("seed %d: %v %v at level %v differs, mean %v, std %v", seed, dtype, layout, l, mean, std)
			}
			if !bytes.Equal(got[len(want):], make([]byte, 64)) {
				t.Fatalf("seed %d: %v %v at level %v wrote beyond the sample", seed, dtype, layout, l)
			}
		}
	}
}

// TestKernelsServeTheUsualNormalisation: ImageNet's constants do not fall back to
// the tables.
func TestKernelsServeTheUsualNormalisation(t *testing.T) {
	mean, std := &[3]float64{0.485, 0.456, 0.406}, &[3]float64{0.229, 0.224, 0.225}
	for _, dtype := range []tensor.DType{tensor.Float32, tensor.Float16, tensor.BFloat16} {
		if w := pixel.NewWriter(dtype, tensor.NHWC, mean, std); len(pixel.Levels()) > 1 && !w.Exact() {
			t.Errorf("%v: the kernel's values differ from the table's", dtype)
		}
	}
}

// TestFloat16RoundsToNearestEven checks values whose neighbours are known.
func TestFloat16RoundsToNearestEven(t *testing.T) {
	cases := []struct {
		v    float32
		want uint16
	}{
		{0, 0}, {1, 0x3c00}, {-2, 0xc000}, {65504, 0x7bff}, {65519.996, 0x7bff}, {65520, 0x7c00},
		{1 + 1.0/2048, 0x3c00}, {1 + 3.0/2048, 0x3c02}, // halves between neighbours
		{5.9604645e-8, 1}, {2.9802322e-8, 0}, {2.9802326e-8, 1}, {6.1035156e-5, 0x0400}, // subnormals
		{float32(math.Inf(-1)), 0xfc00}, {float32(math.NaN()), 0x7e00},
	}
	for _, c := range cases {
		if got := pixel.Float16(c.v); got != c.want {
			t.Errorf("Float16(%v) = %#04x, want %#04x", c.v, got, c.want)
		}
	}
	for _, c := range []struct {
		v    float32
		want uint16
	}{{1, 0x3f80}, {1 + 1.0/256, 0x3f80}, {1 + 3.0/256, 0x3f82}, {3.4e38, 0x7f80}, {float32(math.NaN()), 0x7fc0}} {
		if got := pixel.BFloat16(c.v); got != c.want {
			t.Errorf("BFloat16(%v) = %#04x, want %#04x", c.v, got, c.want)
		}
	}
}
