package jpeg

// Fixed-point factors of YCbCr to RGB with 16 fraction bits, as in libjpeg.
const (
	crToR = 91881  // 1.402
	cbToB = 116130 // 1.772
	crToG = 46802  // 0.71414
	cbToG = 22554  // 0.34414
)

// yccRowGeneric converts n pixels of YCbCr to interleaved RGB.
func yccRowGeneric(dst, y, cb, cr []byte, n int) {
	dst, y, cb, cr = dst[:3*n], y[:n], cb[:n], cr[:n]
	for i := range y {
		l, b, r := int32(y[i]), int32(cb[i])-128, int32(cr[i])-128
		p := dst[3*i:][:3]
		p[0] = clamp8(l + (crToR*r+1<<15)>>16)
		p[1] = clamp8(l + (-cbToG*b-crToG*r+1<<15)>>16)
		p[2] = clamp8(l + (cbToB*b+1<<15)>>16)
	}
}

// greyRowGeneric replicates n samples to interleaved RGB.
func greyRowGeneric(dst, y []byte, n int) {
	dst, y = dst[:3*n], y[:n]
	for i, v := range y {
		p := dst[3*i:][:3]
		p[0], p[1], p[2] = v, v, v
	}
}

// rgbRow interleaves n samples of three planes.
func rgbRow(dst, r, g, b []byte, n int) {
	dst, r, g, b = dst[:3*n], r[:n], g[:n], b[:n]
	for i := range r {
		p := dst[3*i:][:3]
		p[0], p[1], p[2] = r[i], g[i], b[i]
	}
}

// applyBlack turns n pixels of C, M, Y in dst and K in k into RGB, in place.
// It takes samples to be stored inverted, in Adobe's manner, whether or not an
// Adobe marker says so, and rounds like Image.convert("RGB"): both as Pillow
// does. flip is 255 where dst holds stored samples, 0 where they are inverted.
func applyBlack(dst, k []byte, flip uint8, n int) {
	dst, k = dst[:3*n], k[:n]
	for i, white := range k {
		p := dst[3*i:][:3]
		for c := range p {
			t := uint32(p[c]^flip)*uint32(white) + 128
			p[c] = clamp8(int32(white) - int32((t>>8+t)>>8))
		}
	}
}

// upH2V1Generic doubles a row of samples across by a triangle filter: n
// pixels, the first of them even, from the samples in, of which in[0] lies left
// of the first pixel's own and the last right of the last pixel's.
func upH2V1Generic(out, in []byte, n int) {
	out = out[:n]
	for x := range out {
		i := x>>1 + 1
		if x&1 == 0 {
			out[x] = uint8((3*int32(in[i]) + int32(in[i-1]) + 1) >> 2)
		} else {
			out[x] = uint8((3*int32(in[i]) + int32(in[i+1]) + 2) >> 2)
		}
	}
}

// upH2V2Generic is the same for samples that lie between two rows: near is
// three times as close as far.
func upH2V2Generic(out, near, far []byte, n int) {
	out = out[:n]
	at := func(i int) int32 { return 3*int32(near[i]) + int32(far[i]) }
	for x := range out {
		i := x>>1 + 1
		if x&1 == 0 {
			out[x] = uint8((3*at(i) + at(i-1) + 8) >> 4)
		} else {
			out[x] = uint8((3*at(i) + at(i+1) + 7) >> 4)
		}
	}
}

// upH1V2 interpolates n samples between two rows. bias is 1 for the upper of
// the two pixel rows that share the near row, 2 for the lower.
func upH1V2(out, near, far []byte, bias int32, n int) {
	out, near, far = out[:n], near[:n], far[:n]
	for i := range out {
		out[i] = uint8((3*int32(near[i]) + int32(far[i]) + bias) >> 2)
	}
}
