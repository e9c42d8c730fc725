package pixel

import "math"

// precision is the number of fraction bits of the fixed-point coefficients:
// 32 bits less 8 of the pixel and 2 for kernels that overshoot.
const precision = 32 - 8 - 2

// span is a resampling along one axis: size source pixels, of which [lo, hi)
// become out pixels, of which the window [from, to) is wanted, backwards where
// flip is set.
type span struct {
	filter   Filter
	size     int
	lo, hi   float32
	out      int
	from, to int
	flip     bool
}

// identity reports whether the axis copies pixels.
func (s span) identity() bool { return s.out == s.size && s.lo == 0 && s.hi == float32(s.size) }

// axis holds the coefficients of a span: output pixel i of the window is the sum
// of coef[i*taps+k] times source pixel first[i]+k over k < count[i]. Coefficients
// from count[i] to taps are zero.
type axis struct {
	of           span
	taps         int
	most         int // largest count
	first, count []int32
	coef         []int32
	weights      []float64 // scratch of one output pixel
	wide         wideAxis
}

// ruler is the arithmetic that a span's output pixels share.
type ruler struct {
	span
	scale   float64 // source pixels per output pixel
	stretch float64 // of the kernel, 1 when enlarging
	support float64 // half the stretched kernel's width
}

// ruler returns the span's arithmetic. The box has 32-bit coordinates and their
// difference is rounded to 32 bits, as in Pillow.
func (s span) ruler() ruler {
	r := ruler{span: s, scale: float64(s.hi-s.lo) / float64(s.out)}
	r.stretch = max(r.scale, 1)
	r.support = s.filter.radius() * r.stretch
	return r
}

// reach returns the centre of output pixel i in the source and the source pixels
// [first, end) that it takes from.
func (r *ruler) reach(i int) (center float64, first, end int) {
	if r.filter == Nearest {
		first = r.nearest(i)
		return 0, first, first + 1
	}
	if r.identity() { // the kernels' weights are 0 at whole distances
		return float64(i) + 0.5, i, i + 1
	}
	center = float64(r.lo) + float64((float64(i)+0.5)*r.scale)
	first = max(int(center-r.support+0.5), 0)
	end = min(int(center+r.support+0.5), r.size)
	return center, first, end
}

// source returns the range of source pixels that the window takes from.
func (s span) source() (first, end int) {
	r := s.ruler()
	_, first, _ = r.reach(s.from)
	_, _, end = r.reach(s.to - 1)
	return first, end
}

// longest is the output pixel up to which Nearest adds positions up one by one;
// beyond, where no image of use reaches, that would take too long.
const longest = 1 << 22

// nearest returns the source pixel of output pixel i. Pillow adds the scale up
// from the left, and so must the rounding here.
func (r *ruler) nearest(i int) int {
	x := r.start()
	if i > longest {
		return r.pixel(x + float64(r.scale*float64(i)))
	}
	for range i {
		x += r.scale
	}
	return r.pixel(x)
}

// start returns the position of output pixel 0 for Nearest.
func (r *ruler) start() float64 { return float64(r.lo) + float64(r.scale*0.5) }

// pixel returns the source pixel at position x.
func (r *ruler) pixel(x float64) int { return min(max(int(x), 0), r.size-1) }

// set computes the coefficients of s unless they are there already.
func (a *axis) set(s span) {
	if a.of == s && a.taps > 0 {
		return
	}
	a.of, a.most = s, 0
	a.wide.stale()
	r := s.ruler()
	a.taps = 2*int(math.Ceil(r.support)) + 1
	if s.filter == Nearest {
		a.taps = 1
	}
	n := s.to - s.from
	a.first, a.count = resized(a.first, n), resized(a.count, n)
	a.coef = resized(a.coef, n*a.taps)
	switch {
	case s.filter == Nearest:
		a.pick(&r)
		return
	case s.filter == Bilinear && !s.identity() && a.wideTriangles(&r):
		return
	}
	squeeze := 1 / r.stretch
	a.weights = resized(a.weights, a.taps)
	for i := range n {
		at := a.at(i)
		center, first, end := r.reach(s.from + i)
		a.first[at], a.count[at] = int32(first), int32(end-first)
		a.most = max(a.most, end-first)
		a.kernel(a.coef[at*a.taps:][:a.taps], a.weights[:end-first], center-float64(first), squeeze)
	}
}

// at returns the place of output pixel i of the window.
func (a *axis) at(i int) int {
	if a.of.flip {
		return a.of.to - a.of.from - 1 - i
	}
	return i
}

// pick fills the axis for Nearest: each output pixel is one source pixel.
func (a *axis) pick(r *ruler) {
	a.most = 1
	x := r.start()
	for range min(r.from, longest) {
		x += r.scale
	}
	for i := range a.first {
		first := r.pixel(x)
		if r.from+i > longest {
			first = r.nearest(r.from + i)
		}
		at := a.at(i)
		a.first[at], a.count[at], a.coef[at] = int32(first), 1, 1<<precision
		x += r.scale
	}
}

// kernel fills coef with the normalised fixed-point kernel around center, which
// counts from the first source pixel; squeeze is the inverse of the stretch.
func (a *axis) kernel(coef []int32, weights []float64, center, squeeze float64) {
	var sum float64
	if a.of.filter == Bilinear { // the usual one, without a call for each tap
		sum = triangles(weights, center, squeeze)
	} else {
		for k := range weights {
			w := float64(a.of.filter.weight((float64(k) - center + 0.5) * squeeze)) // not fused with the sum
			weights[k] = w
			sum += w
		}
	}
	if sum == 0 {
		sum = 1
	}
	for k, w := range weights {
		coef[k] = fixed(w / sum)
	}
	clear(coef[len(weights):])
}

func triangles(weights []float64, center, squeeze float64) (sum float64) {
	for k := range weights {
		w := triangle(math.Abs((float64(k) - center + 0.5) * squeeze))
		weights[k] = w
		sum += w
	}
	return sum
}

// fixed rounds half away from zero.
func fixed(w float64) int32 {
	if w < 0 {
		return int32(float64(w*(1<<precision)) - 0.5)
	}
	return int32(float64(w*(1<<precision)) + 0.5)
}

// resized returns s with length n, reusing its memory where it suffices.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
