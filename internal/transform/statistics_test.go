package transform_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/rng"
	"stoker/internal/transform"
)

// crops draws n random crops from a width x height image and returns, for each,
// relative area, ratio, and relative position.
func crops(t *testing.T, n, width, height int) [4][]float64 {
	p := compile(t, `{"ops": [{"op": "random_resized_crop", "size": 16}]}`)
	var out [4][]float64
	for i := range n {
		d := p.Decide(rng.NewKey(9).Sub(uint64(i)), codec.Info{Width: width, Height: height, Orientation: 1})
		r := d.Region
		record(&out, r.Min.X, r.Min.Y, r.Dx(), r.Dy(), width, height)
	}
	return out
}

func record(out *[4][]float64, x, y, w, h, width, height int) {
	out[0] = append(out[0], float64(w*h)/float64(width*height))
	out[1] = append(out[1], float64(w)/float64(h))
	out[2] = append(out[2], (float64(x)+0.5)/float64(width-w+1))
	out[3] = append(out[3], (float64(y)+0.5)/float64(height-h+1))
}

// torchvisionCrops draws as the documentation of torchvision's RandomResizedCrop
// describes, with another generator.
func torchvisionCrops(n, width, height int) [4][]float64 {
	r := rand.New(rand.NewPCG(11, 12))
	var out [4][]float64
	for range n {
		x, y, w, h := torchvisionCrop(r, width, height)
		record(&out, x, y, w, h, width, height)
	}
	return out
}

func torchvisionCrop(r *rand.Rand, width, height int) (x, y, w, h int) {
	low, high := 3.0/4, 4.0/3
	for range 10 {
		area := float64(width*height) * (0.08 + 0.92*r.Float64())
		ratio := math.Exp(math.Log(low) + (math.Log(high)-math.Log(low))*r.Float64())
		w, h = int(math.RoundToEven(math.Sqrt(area*ratio))), int(math.RoundToEven(math.Sqrt(area/ratio)))
		if 0 < w && w <= width && 0 < h && h <= height {
			return r.IntN(width - w + 1), r.IntN(height - h + 1), w, h
		}
	}
	w, h = width, height
	if ratio := float64(width) / float64(height); ratio < low {
		h = int(math.RoundToEven(float64(w) / low))
	} else if ratio > high {
		w = int(math.RoundToEven(float64(h) * high))
	}
	return (width - w) / 2, (height - h) / 2, w, h
}

// distanceOf is the statistic of Kolmogorov and Smirnov for two samples.
func distanceOf(a, b []float64) float64 {
	slices.Sort(a)
	slices.Sort(b)
	var i, j int
	var most float64
	for i < len(a) && j < len(b) {
		v := min(a[i], b[j])
		for i < len(a) && a[i] == v {
			i++
		}
		for j < len(b) && b[j] == v {
			j++
		}
		most = max(most, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return most
}

func TestRandomCropsAreDistributedAsTorchvisions(t *testing.T) {
	const n = 20000
	limit := 2.2 * math.Sqrt(2.0/n) // one in 8,000 by chance; the keys are fixed
	for _, size := range [][2]int{{500, 375}, {100, 100}, {64, 1000}, {1000, 90}} {
		got, want := crops(t, n, size[0], size[1]), torchvisionCrops(n, size[0], size[1])
		for i, what := range []string{"area", "ratio", "x", "y"} {
			if d := distanceOf(got[i], want[i]); d > limit {
				t.Errorf("%v: %s is distributed otherwise, distance %.4f, limit %.4f", size, what, d, limit)
			}
		}
	}
}

// chiSquare returns the statistic for counts that should be equal.
func chiSquare(counts []int, n int) float64 {
	want := float64(n) / float64(len(counts))
	var sum float64
	for _, c := range counts {
		sum += (float64(c) - want) * (float64(c) - want) / want
	}
	return sum
}

func TestRandomCropPlacesAreUniform(t *testing.T) {
	p := compile(t, `{"ops": [{"op": "random_crop", "size": 13}]}`)
	const n = 40000
	places := make([]int, 64)
	for i := range n {
		d := p.Decide(rng.NewKey(2).Sub(uint64(i)), codec.Info{Width: 20, Height: 20, Orientation: 1})
		places[d.Region.Min.Y*8+d.Region.Min.X]++
	}
	if x := chiSquare(places, n); x > 115 { // 63 degrees of freedom, one in 15,000
		t.Errorf("chi-square of the 64 places is %.1f", x)
	}
}

func TestFlipsHaveTheirProbability(t *testing.T) {
	p := compile(t, `{"ops": [{"op": "horizontal_flip", "p": 0.3}, {"op": "resize", "size": [1, 2]}]}`)
	m := noise(4, 2, 1)
	s := transform.NewScratch()
	const n = 20000
	flips := 0
	for i := range n {
		d := p.Decide(rng.NewKey(3).Sub(uint64(i)), codec.Info{Width: 2, Height: 1, Orientation: 1})
		if apply(t, p, &d, m, s)[0] == m.Pix[3] {
			flips++
		}
	}
	if got := float64(flips) / n; math.Abs(got-0.3) > 0.013 { // four standard deviations
		t.Errorf("flipped %.3f of the images, want 0.3", got)
	}
}
