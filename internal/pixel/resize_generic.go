package pixel

const half = 1 << (precision - 1)

// clip8 returns the rounded fixed-point value v, held to 0..255.
func clip8(v int32) byte {
	v >>= precision
	if uint32(v) > 255 {
		return byte(^(v >> 31)) // 0 below, 255 above
	}
	return byte(v)
}

// horizontalGeneric resamples every row of src, whose first column is column x0
// of the source, into the same row of dst.
func horizontalGeneric(dst, src RGB, a *axis, x0 int) {
	for y := range dst.Height {
		in, out := src.Row(y), dst.Row(y)
		for i, first := range a.first {
			n := int(a.count[i])
			coef := a.coef[i*a.taps:][:n]
			taps := in[3*(int(first)-x0):][:3*n]
			r, g, b := int32(half), int32(half), int32(half)
			for _, c := range coef {
				p := taps[:3]
				r += int32(p[0]) * c
				g += int32(p[1]) * c
				b += int32(p[2]) * c
				taps = taps[3:]
			}
			p := out[3*i:][:3]
			p[0], p[1], p[2] = clip8(r), clip8(g), clip8(b)
		}
	}
}

// verticalGeneric resamples every column of src, whose first row is row y0 of
// the source. It sums in strips that stay in the first-level cache.
func verticalGeneric(dst, src RGB, a *axis, y0 int) {
	const strip = 512
	var sums [strip]int32
	for i, first := range a.first {
		coef := a.coef[i*a.taps:][:a.count[i]]
		out := dst.Row(i)
		for at := 0; at < len(out); at += strip {
			out := out[at:min(at+strip, len(out))]
			sum := sums[:len(out)]
			for j := range sum {
				sum[j] = half
			}
			for k, c := range coef {
				in := src.Row(int(first) - y0 + k)[at:][:len(sum)]
				for j, v := range in {
					sum[j] += int32(v) * c
				}
			}
			for j, v := range sum {
				out[j] = clip8(v)
			}
		}
	}
}
