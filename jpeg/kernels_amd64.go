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
func idctRowAVX2(coef *int16, n int, quant *[64]uint16, out *byte, stride int)

//go:noescape
func yccRowAVX2(dst, y, cb, cr *byte, n int)

//go:noescape
func greyRowAVX2(dst, y *byte, n int)

//go:noescape
func upH2V2AVX2(out, near, far *byte, n int)

//go:noescape
func upH2V1AVX2(out, in *byte, n int)

//go:noescape
func runOneBMI2(s *stream)

//go:noescape
func runThreeBMI2(a, b, c *stream)

//go:noescape
func unpackAVX512(streams *packedStream, n int, jobs *job, count int, tables *[4]*unpackTable) int

//go:noescape
func unpackAVX2(streams *packedStream, n int, jobs *job, count int, tables *[4]*unpackTable) int

//go:noescape
func fetch512(p *byte)

// spreads are tables by a byte of bits, for unpackAVX2.
//
//lint:ignore U1000 the assembly reads it
type spreads struct {
	words  [256][16]uint8 // shuffles eight bytes to the words where ones are, zeros elsewhere
	signs  [256][8]int16  // -1 where ones are, 1 elsewhere
	bytes  [256][8]uint8  // shuffles eight bytes to the places of ones
	groups [256]uint64    // groupBytes
}

//lint:ignore U1000 the assembly reads it
var spread = func() (t spreads) {
	t.groups = groupBytes
	for b := range 256 {
		n := uint8(0)
		for i := range 8 {
			t.bytes[b][i], t.words[b][2*i], t.words[b][2*i+1], t.signs[b][i] = 0x80, 0x80, 0x80, 1
			if b>>i&1 != 0 {
				t.bytes[b][i], t.words[b][2*i], t.signs[b][i] = n, n, -1
				n++
			}
		}
	}
	return t
}()

// The tables of idctRowAVX512 for blocks with coefficients in the upper left quarter
// only: pairs of rows 0 and 2, then of rows 1 and 3, of columns 0, 2, 1, 3.
//
//lint:ignore U1000 the assembly reads them
var (
	quarter   [2][32]uint16 // from a block, four times
	quarters  [2][32]uint16 // from four blocks whose rows 0-3 lie two by two in each lane
	rightHalf [32]uint16    // ones for columns 4 to 7
)

func init() {
	for odd := range 2 {
		for i := range 32 {
			block, col, row := i/8, [4]int{0, 2, 1, 3}[i%8/2], odd+i%2*2
			quarter[odd][i] = uint16(row*8 + col)
			quarters[odd][i] = uint16(block/2*32 + row*8 + block%2*4 + col)
			rightHalf[i] = uint16(0xFFFF * (i / 4 % 2))
		}
	}
}

// rgbOrder tells yccRowAVX512 how to interleave: see there.
var rgbOrder = func() (t [9][64]byte) {
	for third := range 3 {
		for i := range 64 {
			at := third*64 + i
			// Packing puts eight pixels of the first 32 and eight of the last 32
			// in each 128-bit lane.
			x := at / 3
			pixel := byte(x%32/8*16 + x/32*8 + x%8)
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
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VBMI && x.HasAVX512VNNI && x.HasAVX512VBMI2 && x.HasBMI2:
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
	runOne, runThree, unpackStreams, fetchAhead = nil, nil, nil, nil
	kernels = [...]string{"generic", "AVX2", "AVX-512"}[l]
	if l >= levelAVX2 {
		idctRow, yccRow, greyRow, upH2V1, upH2V2 = idctAVX2, yccAVX2, greyAVX2, h2v1AVX2, h2v2AVX2
		runOne, runThree, unpackStreams, fetchAhead = runOneBMI2, runThreeBMI2, unpackAVX2, fetch512
	}
	if l >= levelAVX512 {
		idctRow, yccRow, upH2V1, upH2V2 = idctAVX512, yccAVX512, h2v1AVX512, h2v2AVX512
		unpackStreams = unpackAVX512
	}
}

// The functions below check the bounds that the assembly does not.

func idctAVX2(coef []int16, n int, quant *[64]uint16, out []byte, stride int) {
	pad := (n + 1) &^ 1
	_, _ = coef[pad*64-1], out[7*stride+pad*8-1]
	idctRowAVX2(&coef[0], n, quant, &out[0], stride)
}

func idctAVX512(coef []int16, n int, quant *[64]uint16, out []byte, stride int) {
	pad := (n + 3) &^ 3
	_, _ = coef[pad*64-1], out[7*stride+pad*8-1]
	idctRowAVX512(&coef[0], n, quant, &out[0], stride)
}

func yccAVX2(dst, y, cb, cr []byte, n int) {
	pad := (n + 31) &^ 31
	_, _, _, _ = dst[3*n-1], y[pad-1], cb[pad-1], cr[pad-1]
	whole := n &^ 31
	if whole > 0 {
		yccRowAVX2(&dst[0], &y[0], &cb[0], &cr[0], whole)
	}
	if whole < n {
		var tail [96]byte
		yccRowAVX2(&tail[0], &y[whole], &cb[whole], &cr[whole], 32)
		copy(dst[3*whole:3*n], tail[:])
	}
}

func yccAVX512(dst, y, cb, cr []byte, n int) {
	pad := (n + 63) &^ 63
	_, _, _, _ = dst[3*n-1], y[pad-1], cb[pad-1], cr[pad-1]
	yccRowAVX512(&dst[0], &y[0], &cb[0], &cr[0], n, &rgbOrder)
}

func greyAVX2(dst, y []byte, n int) {
	pad := (n + 31) &^ 31
	_, _ = dst[3*n-1], y[pad-1]
	whole := n &^ 31
	if whole > 0 {
		greyRowAVX2(&dst[0], &y[0], whole)
	}
	if whole < n {
		var tail [96]byte
		greyRowAVX2(&tail[0], &y[whole], 32)
		copy(dst[3*whole:3*n], tail[:])
	}
}

func h2v1AVX2(out, in []byte, n int) {
	pad := (n + 31) &^ 31
	_, _ = out[pad-1], in[pad/2+1]
	upH2V1AVX2(&out[0], &in[0], n)
}

func h2v1AVX512(out, in []byte, n int) {
	pad := (n + 63) &^ 63
	_, _ = out[pad-1], in[pad/2+1]
	upH2V1AVX512(&out[0], &in[0], n)
}

func h2v2AVX2(out, near, far []byte, n int) {
	pad := (n + 31) &^ 31
	_, _, _ = out[pad-1], near[pad/2+1], far[pad/2+1]
	upH2V2AVX2(&out[0], &near[0], &far[0], n)
}

func h2v2AVX512(out, near, far []byte, n int) {
	pad := (n + 63) &^ 63
	_, _, _ = out[pad-1], near[pad/2+1], far[pad/2+1]
	upH2V2AVX512(&out[0], &near[0], &far[0], n)
}
