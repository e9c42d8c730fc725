//go:build !noasm

package jpeg

import "golang.org/x/sys/cpu"

// The assembly is written by hand: a handful of kernels, whose repetition the
// assembler's own macros remove, does not pay for a generator.
//
// Kernels write whole vectors and read ahead, within the slack that output
// leaves: idctRow up to three blocks of coefficients and 24 columns of samples,
// the others up to 64 samples. yccRow and greyRow write dst exactly.

//go:noescape
func idctRowAVX512(coef *int16, n int, quant *[64]uint16, out *byte, stride int)

//go:noescape
func yccRowAVX512(dst, y, cb, cr *byte, n int, order *[9][64]byte)

//go:noescape
func upH2V2AVX512(out, near, far *byte, n int)

//go:noescape
func upH2V1AVX512(out, in *byte, n int)

//go:noescape
func runOneBMI2(s *stream)

//go:noescape
func runThreeBMI2(a, b, c *stream)

// rgbOrder tells yccRowAVX512 how to interleave: see there.
var rgbOrder = func() (t [9][64]byte) {
	for third := range 3 {
		for i := range 64 {
			at := third*64 + i
			pixel := byte(at / 3)
			switch at % 3 {
			case 0:
				t[third][i] = pixel
			case 1:
				t[third][i] = pixel + 64
			case 2:
				t[6+third][i] = 0xFF
			}
			t[3+third][i] = pixel
		}
	}
	return t
}()

// level is a set of kernels.
type level uint8

const (
	levelGeneric level = iota
	levelAVX2
	levelAVX512
)

// bestLevel returns the widest kernels that the processor runs. Those of
// AVX-512 need what came with Ice Lake and Zen 4.
func bestLevel() level {
	x := &cpu.X86
	switch {
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VBMI && x.HasAVX512VNNI && x.HasBMI2:
		return levelAVX512
	case x.HasAVX2 && x.HasBMI2:
		return levelAVX2
	}
	return levelGeneric
}

func init() { useLevel(bestLevel()) }

// useLevel chooses the kernels; tests call it to compare them.
func useLevel(l level) {
	idctRow, yccRow, greyRow, upH2V1, upH2V2 =
		idctRowGeneric, yccRowGeneric, greyRowGeneric, upH2V1Generic, upH2V2Generic
	runOne, runThree = nil, nil
	if l > levelGeneric {
		runOne, runThree = runOneBMI2, runThreeBMI2
	}
	switch l {
	case levelAVX512:
		idctRow = func(coef []int16, n int, quant *[64]uint16, out []byte, stride int) {
			_, _ = coef[(n+3)/4*256-1], out[7*stride+(n+3)/4*32-1]
			idctRowAVX512(&coef[0], n, quant, &out[0], stride)
		}
		yccRow = func(dst, y, cb, cr []byte, n int) {
			pad := (n + 63) &^ 63
			_, _, _, _ = dst[3*n-1], y[pad-1], cb[pad-1], cr[pad-1]
			yccRowAVX512(&dst[0], &y[0], &cb[0], &cr[0], n, &rgbOrder)
		}
		upH2V1 = func(out, in []byte, n int) {
			pad := (n + 63) &^ 63
			_, _ = out[pad-1], in[pad/2+1]
			upH2V1AVX512(&out[0], &in[0], n)
		}
		upH2V2 = func(out, near, far []byte, n int) {
			pad := (n + 63) &^ 63
			_, _, _ = out[pad-1], near[pad/2+1], far[pad/2+1]
			upH2V2AVX512(&out[0], &near[0], &far[0], n)
		}
	}
}
