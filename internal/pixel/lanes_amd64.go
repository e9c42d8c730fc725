//go:build !noasm

package pixel

//go:noescape
func horizontalAVX2(dst0, dst1, src0, src1 *byte, offsets *int32, halves *uint32, pairs, n int)

//go:noescape
func horizontalNearAVX2(dst0, dst1, src0, src1 *byte, bases *int32, order, halves *uint32, pairs, vectors int)

//go:noescape
func horizontalAVX512(dst *byte, dstStride int, src *byte, srcStride int, bases *int32, order, digits *uint32, quads, vectors int)

//go:noescape
func horizontalFarAVX512(dst *byte, dstStride int, src *byte, srcStride int, bases *int32, order, digits *uint32, quads, vectors int)

// lanes is the form of an axis for kernels that compute the bytes of a row of
// pixels in lanes of 32 bits: which source bytes each lane takes, and with which
// coefficients. Lanes that take their bytes from one place are a window.
type lanes struct {
	ready  bool
	bases  []int32  // of every window: its first byte in a row of the source
	order  []uint32 // of every lane: four places behind the base
	coef   []uint32 // of every vector and group of taps
	spread int      // the farthest place of a lane's first byte
}

// place fills bases and order. A lane whose first byte is n places behind the base
// has order n*step + template. Windows are filled up with lanes that count nothing.
func (l *lanes) place(a *axis, window, vector int, step, template uint32) {
	bytes := 3 * len(a.first)
	all := (bytes + vector - 1) / vector * vector
	l.bases, l.order = resized(l.bases, all/window), resized(l.order, all)
	l.spread = 0
	for i := range l.bases {
		from, to := i*window, min((i+1)*window, bytes)
		clear(l.order[from : from+window])
		if from >= bytes {
			l.bases[i] = l.bases[i-1]
			continue
		}
		base := 3 * min(a.first[from/3], a.first[(to-1)/3])
		l.bases[i] = base
		for e := from; e < to; e++ {
			n := 3*a.first[e/3] - base + int32(e%3)
			l.spread = max(l.spread, int(n))
			l.order[e] = uint32(n)*step + template
		}
	}
}

// fill stores the coefficients of groups of taps: for every vector and group, words
// 0 of all lanes, then words 1, and so on.
func (l *lanes) fill(a *axis, vector, taps, words int) {
	groups := (a.most + taps - 1) / taps
	group := words * vector
	l.coef = resized(l.coef, len(l.order)/vector*groups*group)
	clear(l.coef[(len(l.order)/vector-1)*groups*group:])
	vec, lane := 0, 0 // of the pixel's first channel
	for i := range a.first {
		coef := a.coef[i*a.taps:][:a.taps]
		at := vec*groups*group + lane
		for g := range groups {
			var c [4]int32
			copy(c[:taps], coef[taps*g:])
			var low, middle, high uint32
			if taps == 2 {
				low, middle = halves(c[0], c[1])
			} else {
				low, middle, high = digits(&c)
			}
			for k, to := lane, at; k < lane+3; k++ {
				if k == vector { // the next channel is in the next vector
					to += groups*group - vector
				}
				l.coef[to], l.coef[to+vector] = low, middle
				if taps == 4 {
					l.coef[to+2*vector] = high
				}
				to++
			}
			at += group
		}
		if lane += 3; lane >= vector {
			vec, lane = vec+1, lane-vector
		}
	}
}

// halves splits two coefficients: the low halves of 15 bits, the high ones.
func halves(c, d int32) (low, high uint32) {
	return uint32(c&0x7fff) | uint32(d&0x7fff)<<16, uint32(c>>15)&0xffff | uint32(d>>15)<<16
}

// digits splits four coefficients into signed digits to base 256.
func digits(c *[4]int32) (low, middle, high uint32) {
	const bias = 0x808080 // the bytes of the sum are the digits plus 128 each
	d0, d1 := (uint32(c[0])+bias)^bias, (uint32(c[1])+bias)^bias
	d2, d3 := (uint32(c[2])+bias)^bias, (uint32(c[3])+bias)^bias
	low = d0&0xff | d1&0xff<<8 | d2&0xff<<16 | d3<<24
	middle = d0>>8&0xff | d1&0xff00 | d2&0xff00<<8 | d3>>8<<24
	high = d0>>16&0xff | d1>>16&0xff<<8 | d2&0xff0000 | d3>>16<<24
	return low, middle, high
}

// each calls f for the rows of dst in twos, the last one twice where they are odd.
// Kernels get bases less column x0 in w.offsets and read up to reach bytes from each.
func (w *wideAxis) each(dst, src RGB, bases []int32, x0, reach int, f func(dst0, dst1, src0, src1 *byte)) {
	reach += w.place(bases, x0)
	for y := 0; y < dst.Height; y += 2 {
		z := min(y+1, dst.Height-1)
		f(&dst.Pix[y*dst.Stride], &dst.Pix[z*dst.Stride], w.row(src, y, reach, 0), w.row(src, z, reach, 1))
	}
}

// place makes offsets of bases and returns the greatest.
func (w *wideAxis) place(bases []int32, x0 int) int {
	w.offsets = resized(w.offsets, len(bases))
	most := int32(0)
	for i, base := range bases {
		w.offsets[i] = base - 3*int32(x0)
		most = max(most, w.offsets[i])
	}
	return int(most)
}

// eachFour calls f for the rows of dst in fours, with the bytes from one row to the
// next. Some rows come twice where they are not a multiple of four. Kernels may
// read up to reach bytes of a row of src.
func (w *wideAxis) eachFour(dst, src RGB, reach int, f func(dst *byte, dstStride int, src *byte, srcStride int)) {
	if dst.Height < 4 {
		for y := range dst.Height { // one row four times
			f(&dst.Pix[y*dst.Stride], 0, w.row(src, y, reach, 0), 0)
		}
		return
	}
	for y := 0; y < dst.Height; y += 4 {
		y := min(y, dst.Height-4)
		from, stride := src.Pix[y*src.Stride:], src.Stride
		if 3*stride+reach > len(from) {
			stride = max(reach, 3*src.Width)
			w.edges[0] = resized(w.edges[0], 4*stride)
			for i := range 4 {
				copy(w.edges[0][i*stride:], src.Row(y+i))
			}
			from = w.edges[0]
		}
		f(&dst.Pix[y*dst.Stride], dst.Stride, &from[0], stride)
	}
}

// horizontalBy256 takes four lanes from 16 bytes.
func horizontalBy256(dst, src RGB, a *axis, x0 int) {
	const window, vector = 4, 8
	w, l, pairs := &a.wide, &a.wide.near, a.pairs()
	if !l.ready {
		// Words of two taps: places n and n+3, and a zero above each.
		l.place(a, window, vector, 0x00010001, 0x80038000)
		if l.spread+3 < 16 {
			l.fill(a, vector, 2, 2)
		}
		l.ready = true
	}
	if l.spread+3 >= 16 {
		horizontalByPixel(dst, src, a, x0)
		return
	}
	w.each(dst, src, l.bases, x0, 6*(pairs-1)+16, func(dst0, dst1, src0, src1 *byte) {
		horizontalNearAVX2(dst0, dst1, src0, src1, &w.offsets[0], &l.order[0], &l.coef[0], pairs, len(l.order)/vector)
	})
}

// horizontalByPixel serves where neighbours take their taps from far apart, as they
// do when shrinking more than threefold.
func horizontalByPixel(dst, src RGB, a *axis, x0 int) {
	a.split()
	w, pairs := &a.wide, a.pairs()
	w.starts = resized(w.starts, len(a.first))
	for i, first := range a.first {
		w.starts[i] = 3 * first
	}
	last, at := len(a.first)-1, 0
	w.each(dst, src, w.starts, x0, 12*((pairs-1)/2)+16, func(dst0, dst1, src0, src1 *byte) {
		if last > 0 {
			horizontalAVX2(dst0, dst1, src0, src1, &w.offsets[0], &w.halves[0], pairs, last)
		}
		// The kernel writes a byte too many: the last pixel goes elsewhere first.
		var ends [2][4]byte
		horizontalAVX2(&ends[0][0], &ends[1][0], src0, src1, &w.offsets[last], &w.halves[2*pairs*last], pairs, 1)
		copy(dst.Row(at)[3*last:], ends[0][:3])
		copy(dst.Row(min(at+1, dst.Height-1))[3*last:], ends[1][:3])
		at += 2
	})
}

// horizontalBy512 takes sixteen lanes from 64 bytes or, when shrinking more than
// threefold, from 128; more than sevenfold, from less than AVX-512 can do.
func horizontalBy512(dst, src RGB, a *axis, x0 int) {
	const vector = 16
	w, l, quads := &a.wide, &a.wide.far, a.quads()
	if !l.ready {
		l.place(a, vector, vector, 0x01010101, 0x09060300)
		if l.spread+9 < 128 {
			l.fill(a, vector, 4, 3)
		}
		l.ready = true
	}
	kernel, window := horizontalAVX512, 64
	if l.spread+9 >= window {
		kernel, window = horizontalFarAVX512, 128
	}
	if l.spread+9 >= window {
		horizontalByPixel(dst, src, a, x0)
		return
	}
	reach := w.place(l.bases, x0) + 12*(quads-1) + window
	w.eachFour(dst, src, reach, func(dst *byte, dstStride int, src *byte, srcStride int) {
		kernel(dst, dstStride, src, srcStride, &w.offsets[0], &l.order[0], &l.coef[0], quads, len(l.order)/vector)
	})
}
