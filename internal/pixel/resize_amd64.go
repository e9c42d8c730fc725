//go:build !noasm

package pixel

//go:noescape
func verticalAVX2(dst, src *byte, stride int, halves *uint32, taps, n int)

//go:noescape
func verticalAVX512(dst, src *byte, stride int, halves *uint32, taps, n int)

//go:noescape
func verticalTwoAVX512(dst, src *byte, stride int, halves *uint32, n int)

//go:noescape
func verticalFourAVX512(dst, src *byte, stride int, digits *uint32, fourth, n int)

// wideAxis holds the coefficients of an axis in the forms that the assembly reads;
// resize_*_amd64.s describe them.
type wideAxis struct {
	halves     []uint32 // of every output pixel's pairs of taps
	haveHalves bool
	short      []uint32 // of every output pixel's first four taps, three words: see splitShort
	haveShort  bool
	near, far  lanes     // of AVX2 and of AVX-512
	starts     []int32   // of every output pixel: its first source byte
	offsets    []int32   // what of starts or bases the kernel gets
	edges      [2][]byte // copies of rows behind which reading on is not allowed
}

// stale notes that the axis has other coefficients now.
func (w *wideAxis) stale() {
	w.haveHalves, w.haveShort, w.near.ready, w.far.ready = false, false, false, false
}

// vertical512 resamples columns with kernels of their own for two and four taps.
func vertical512(dst, src RGB, a *axis, y0 int) {
	if 3*dst.Width < 64 || a.most > 4 {
		vertical512Long(dst, src, a, y0)
		return
	}
	a.splitShort()
	stride := src.Stride
	for i, first := range a.first {
		top, taps := int(first)-y0, int(a.count[i])
		in := src.Pix[top*stride : (top+taps-1)*stride+3*dst.Width]
		out, coef := dst.Row(i), &a.wide.short[3*i]
		if taps > 2 {
			verticalFourAVX512(&out[0], &in[0], stride, coef, (taps-1)*stride, len(out))
		} else {
			verticalTwoAVX512(&out[0], &in[0], (taps-1)*stride, coef, len(out))
		}
	}
}

var vertical512Long = verticalBy(64, verticalAVX512)

// splitShort fills short: for an output pixel of up to two taps their halves, low
// and high, for one of three or four their digits.
func (a *axis) splitShort() {
	w := &a.wide
	if w.haveShort {
		return
	}
	w.haveShort = true
	w.short = resized(w.short, 3*len(a.first))
	for i, taps := range a.count {
		var c [4]int32
		copy(c[:], a.coef[i*a.taps:][:taps])
		to := w.short[3*i:][:3]
		if taps > 2 {
			to[0], to[1], to[2] = digits(&c)
		} else {
			to[0], to[1] = halves(c[0], c[1])
		}
	}
}

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

// pairs and quads return the groups of two and four taps that an output pixel has
// at most.
func (a *axis) pairs() int { return (a.most + 1) / 2 }
func (a *axis) quads() int { return (a.most + 3) / 4 }

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
		to := w.halves[2*i*pairs:][:2*pairs]
		for p := range pairs {
			var c [2]int32
			copy(c[:], coef[2*p:])
			to[2*p], to[2*p+1] = halves(c[0], c[1])
		}
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
