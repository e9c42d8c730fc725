package jpeg

import (
	"bytes"
	"image"
	"math/rand/v2"
	"testing"
)

// TestKernelsEqualGeneric compares the kernels with their generic twins, on
// ordinary and extreme values, at all lengths up to some vectors.
func TestKernelsEqualGeneric(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(21, 22))
		for range 1000 {
			compareIDCT(t, rng)
		}
		for n := 1; n <= 200; n++ {
			compareRows(t, rng, n)
		}
	})
}

// coefficient draws from small, ordinary and extreme values.
func coefficient(rng *rand.Rand) int16 {
	switch rng.IntN(8) {
	case 0:
		return int16(rng.Uint32())
	case 1, 2:
		return int16(rng.IntN(2048) - 1024)
	case 3:
		return int16(rng.IntN(32) - 16)
	}
	return 0
}

func compareIDCT(t *testing.T, rng *rand.Rand) {
	t.Helper()
	n := 1 + rng.IntN(9)
	coef := make([]int16, (n+blockSlack)*64)
	var quant [64]uint16
	limit := 1 + rng.IntN(65535)
	for i := range quant {
		quant[i] = uint16(1 + rng.IntN(limit))
	}
	quarter := rng.IntN(2) == 0 // only the upper left one of each block has coefficients
	for b := range n {
		used := 1 + rng.IntN(64) // so that blocks of few coefficients come too
		for range used {
			p := rng.IntN(used)
			if quarter {
				p = p&3 + p>>2&3*8
			}
			coef[b*64+p] = coefficient(rng)
		}
	}
	stride := n*8 + planeSlack
	got, want := make([]byte, 8*stride), make([]byte, 8*stride)
	idctRow(coef, n, &quant, got, stride)
	idctRowGeneric(coef, n, &quant, want, stride)
	for y := range 8 {
		if !bytes.Equal(got[y*stride:][:8*n], want[y*stride:][:8*n]) {
			t.Fatalf("inverse DCT of %d blocks differs in row %d:\n%v\n%v\ncoefficients %v\nquantisers %v",
				n, y, got[y*stride:][:8*n], want[y*stride:][:8*n], coef, quant)
		}
	}
}

func compareRows(t *testing.T, rng *rand.Rand, n int) {
	t.Helper()
	in := make([][]byte, 3)
	for i := range in {
		in[i] = make([]byte, n+planeSlack)
		for j := range in[i] {
			in[i][j] = byte(rng.Uint32())
			if rng.IntN(4) == 0 {
				in[i][j] = byte(rng.IntN(2) * 255)
			}
		}
	}
	same := func(name string, width int, exact bool, kernel, generic func(out []byte)) {
		t.Helper()
		got, want := make([]byte, width*n+planeSlack), make([]byte, width*n+planeSlack)
		kernel(got)
		generic(want)
		if !exact {
			got, want = got[:width*n], want[:width*n]
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%s differs at n = %d:\n%v\n%v", name, n, got, want)
		}
	}
	same("yccRow", 3, true,
		func(out []byte) { yccRow(out, in[0], in[1], in[2], n) },
		func(out []byte) { yccRowGeneric(out, in[0], in[1], in[2], n) })
	same("greyRow", 3, true,
		func(out []byte) { greyRow(out, in[0], n) },
		func(out []byte) { greyRowGeneric(out, in[0], n) })
	same("upH2V1", 1, false,
		func(out []byte) { upH2V1(out, in[0], n) },
		func(out []byte) { upH2V1Generic(out, in[0], n) })
	same("upH2V2", 1, false,
		func(out []byte) { upH2V2(out, in[0], in[1], n) },
		func(out []byte) { upH2V2Generic(out, in[0], in[1], n) })
}

// TestAllColours converts every Cb and Cr with 32 values of Y.
func TestAllColours(t *testing.T) {
	const n = 32
	eachLevel(t, func(t *testing.T) {
		y, cb, cr := make([]byte, n+64), make([]byte, n+64), make([]byte, n+64)
		got, want := make([]byte, 3*n), make([]byte, 3*n)
		for i := range 1 << 16 {
			for j := range n {
				y[j], cb[j], cr[j] = byte(8*j+i&7), byte(i), byte(i>>8)
			}
			yccRow(got, y, cb, cr, n)
			yccRowGeneric(want, y, cb, cr, n)
			if !bytes.Equal(got, want) {
				t.Fatalf("Cb %d, Cr %d differ", byte(i), byte(i>>8))
			}
		}
	})
}

// TestNoAllocations decodes with warm buffers.
func TestNoAllocations(t *testing.T) {
	files := goldenFiles(t)
	for _, name := range []string{"420-19x23", "progressive-19x23", "grey-19x23", "ycck", "restart-rows-19x23"} {
		src := files[name]
		var d Decoder
		h, _ := ParseHeader(src)
		dst := make([]byte, 3*h.Width*h.Height)
		opts := Options{}
		if x, err := BuildIndex(src, 0); err == nil {
			opts.Index = x
		}
		n := testing.AllocsPerRun(20, func() {
			if err := d.Decode(dst, 3*h.Width, src, image.Rectangle{}, opts); err != nil {
				t.Fatal(err)
			}
		})
		if n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		recoded, err := Recode(src)
		if err != nil {
			t.Fatal(err)
		}
		n = testing.AllocsPerRun(20, func() {
			if err := d.Decode(dst, 3*h.Width, recoded, image.Rectangle{}, Options{}); err != nil {
				t.Fatal(err)
			}
		})
		if n > 0 {
			t.Errorf("%s re-coded: %v allocations", name, n)
		}
	}
}
