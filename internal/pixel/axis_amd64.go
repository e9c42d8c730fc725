//go:build !noasm

package pixel

//go:noescape
func trianglesAVX512(t *triangleAxis)

// triangleAxis is what trianglesAVX512 reads and writes.
type triangleAxis struct {
	from, step                  float64 // the first output pixel, and from one to the next
	lo, scale, support, squeeze float64 // of the ruler
	n, taps                     int
	size                        int
	first, count, coef          *int32   // of the axis
	scratch                     *float64 // 8*taps of them
	most                        int      // result: the largest count
}

// wideTriangles computes the coefficients of an axis for Bilinear, where there is a
// kernel for it.
func (a *axis) wideTriangles(r *ruler) bool {
	if inUse < levelAVX512 {
		return false
	}
	a.weights = resized(a.weights, 8*a.taps)
	t := triangleAxis{from: float64(r.from), step: 1, lo: float64(r.lo), scale: r.scale, support: r.support, squeeze: 1 / r.stretch,
		n: len(a.first), taps: a.taps, size: r.size, first: &a.first[0], count: &a.count[0], coef: &a.coef[0], scratch: &a.weights[0]}
	if r.flip {
		t.from, t.step = float64(r.to-1), -1
	}
	trianglesAVX512(&t)
	a.most = t.most
	return true
}
