//go:build !noasm

package pixel

//go:noescape
func verticalAVX2(dst, src *byte, stride int, halves *uint32, taps, n int)

//go:noescape
func verticalAVX512(dst, src *byte, stride int, halves *uint32, taps, n int)

//go:noescape
func horizontalAVX2(dst0, dst1, src0, src1 *byte, offsets *int32, halves *uint32, pairs, n int)

//go:noescape
func horizontalAVX512(dst0, dst1, src0, src1 *byte, bases *int32, order, digits *uint32, quads, vectors int)

// wideAxis holds the coefficients of an axis in the forms that the assembly reads;
// resize_*_amd64.s describe them.
type wideAxis struct {
	haveHalves, haveDigits bool

	halves  []uint32
	offsets []int32

	bases  []int32 // without x0
	order  []uint32
	digits []uint32
	narrow bool // every vector's taps lie within 64 bytes

	edges [2][]byte // copies of rows behind which reading on is not allowed
}

// stale notes that the axis has other coefficients now.
func (w *wideAxis) stale() { w.haveHalves, w.haveDigits = false, false }

// verticalBy resamples columns with a kernel for rows of at least width bytes.
func verticalBy(width int, kernel func(dst, src *byte, stride int, halves *uint32, taps, n int)) verticalKernel {
	return func(dst, src RGB, a *axis, y0 int) {
		if 3*dst.Width < width {
			verticalGeneric(dst, src, a, y0)
			return
		}
		a.split()
		for i, first := range a.first {
			top, taps := int(first)-y0, int(a.count[i])
			in := src.Pix[top*src.Stride : (top+taps-1)*src.Stride+3*dst.Width]
			out := dst.Row(i)
			kernel(&out[0], &in[0], src.Stride, &a.wide.halves[i*a.pairs()*2], taps, len(out))
		}
	}
}

// pairs returns the pairs of taps that an output pixel has at most.
func (a *axis) pairs() int { return (a.most + 1) / 2 }

// split fills halves: for every output pixel and pair of taps the low halves of
// both coefficients, then the high ones.
func (a *axis) split() {
	w := &a.wide
	if w.haveHalves {
		return
	}
	w.haveHalves = true
	n, pairs := len(a.first), a.pairs()
	w.halves = resized(w.halves, 2*n*pairs)
	for i := range n {
		coef := a.coef[i*a.taps:][:a.taps]
		halves := w.halves[2*i*pairs:][:2*pairs]
		for p := range pairs {
			c, d := coef[2*p], int32(0)
			if 2*p+1 < len(coef) {
				d = coef[2*p+1]
			}
			halves[2*p] = uint32(c&0x7fff) | uint32(d&0x7fff)<<16
			halves[2*p+1] = uint32(c>>15)&0xffff | uint32(d>>15)<<16
		}
	}
}

func horizontalBy256(dst, src RGB, a *axis, x0 int) {
	a.split()
	w := &a.wide
	w.offsets = resized(w.offsets, len(a.first))
	most := int32(0)
	for i, first := range a.first {
		w.offsets[i] = 3 * (first - int32(x0))
		most = max(most, w.offsets[i])
	}
	reach := int(most) + 12*((a.pairs()-1)/2) + 16
	for y := 0; y < dst.Height; y += 2 {
		z := min(y+1, dst.Height-1)
		horizontalAVX2(&dst.Pix[y*dst.Stride], &dst.Pix[z*dst.Stride], w.row(src, y, reach, 0), w.row(src, z, reach, 1),
			&w.offsets[0], &w.halves[0], a.pairs(), dst.Width)
	}
}

func horizontalBy512(dst, src RGB, a *axis, x0 int) {
	a.digitise()
	w := &a.wide
	if !w.narrow {
		horizontalBy256(dst, src, a, x0)
		return
	}
	w.offsets = resized(w.offsets, len(w.bases))
	most := int32(0)
	for i, base := range w.bases {
		w.offsets[i] = base - 3*int32(x0)
		most = max(most, w.offsets[i])
	}
	reach := int(most) + 12*(a.quads()-1) + 64
	for y := 0; y < dst.Height; y += 2 {
		z := min(y+1, dst.Height-1)
		horizontalAVX512(&dst.Pix[y*dst.Stride], &dst.Pix[z*dst.Stride], w.row(src, y, reach, 0), w.row(src, z, reach, 1),
			&w.offsets[0], &w.order[0], &w.digits[0], a.quads(), len(w.bases))
	}
}

// row returns row y of src with at least reach readable bytes: itself, or copy
// number k of it.
func (w *wideAxis) row(src RGB, y, reach, k int) *byte {
	if at := y * src.Stride; at+reach <= len(src.Pix) {
		return &src.Pix[at]
	}
	w.edges[k] = resized(w.edges[k], max(reach, 3*src.Width))
	copy(w.edges[k], src.Row(y))
	return &w.edges[k][0]
}

// quads returns the groups of four taps that an output pixel has at most.
func (a *axis) quads() int { return (a.most + 3) / 4 }

const lanes = 16 // sums in a vector of 64 bytes

// digitise fills bases, order and digits, unless some vector's taps lie too far
// apart, as they do when shrinking more than threefold.
func (a *axis) digitise() {
	w := &a.wide
	if w.haveDigits {
		return
	}
	w.haveDigits = true
	bytes := 3 * len(a.first)
	vectors := (bytes + lanes - 1) / lanes
	w.bases, w.order = resized(w.bases, vectors), resized(w.order, lanes*vectors)
	clear(w.order)
	w.narrow = true
	for v := range vectors {
		from, to := v*lanes, min((v+1)*lanes, bytes)
		base := 3 * min(a.first[from/3], a.first[(to-1)/3])
		w.bases[v] = base
		for e := from; e < to; e++ {
			at := 3*a.first[e/3] - base + int32(e%3)
			if at+9 >= 64 {
				w.narrow = false
				return
			}
			w.order[e] = uint32(at)*0x01010101 + 0x09060300
		}
	}
	w.digits = resized(w.digits, vectors*a.quads()*3*lanes)
	clear(w.digits[(vectors-1)*a.quads()*3*lanes:])
	for i := range a.first {
		a.digitisePixel(i)
	}
}

// digitisePixel stores the digits of output pixel i for each of its channels.
func (a *axis) digitisePixel(i int) {
	coef := a.coef[i*a.taps:][:a.taps]
	group := 3 * lanes // words of a vector and four taps
	at := (3*i/lanes)*a.quads()*group + 3*i%lanes
	for q := range a.quads() {
		var c [4]uint32
		for k, v := range coef[4*q : min(4*q+4, len(coef))] {
			// The bytes of the sum are the digits plus 128 each.
			c[k] = (uint32(v) + 0x808080) ^ 0x808080
		}
		d0 := c[0]&0xff | c[1]&0xff<<8 | c[2]&0xff<<16 | c[3]<<24
		d1 := c[0]>>8&0xff | c[1]&0xff00 | c[2]>>8<<24>>8 | c[3]>>8<<24
		d2 := c[0]>>16&0xff | c[1]>>16&0xff<<8 | c[2]&0xff0000 | c[3]>>16<<24
		e, word := 3*i%lanes, at+q*group
		for range 3 {
			digits := a.wide.digits[word:][:2*lanes+1]
			digits[0], digits[lanes], digits[2*lanes] = d0, d1, d2
			word++
			if e++; e == lanes { // the next channel is in the next vector
				word += a.quads()*group - lanes
			}
		}
	}
}
