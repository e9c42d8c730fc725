package jpeg

import (
	"bytes"
	"errors"
	"hash/crc32"
	"image"
	"math/rand/v2"
	"os"
	"testing"

	"encoding/binary"
)

// checkRecoded compares a re-coded image with the original in every way.
func checkRecoded(t *testing.T, d *Decoder, rng *rand.Rand, name string, src []byte, exact bool) int {
	t.Helper()
	x, err := Recode(src)
	if kindOf(t, err) == Unsupported && name == "own" {
		return 0 // values that JPEG does not allow
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return 0
	}
	want, err := decodeWhole(d, src, Options{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	checkAgainst(t, d, rng, name+" re-coded", x, want, 4)
	a, errA := ParseHeader(src)
	b, errB := ParseHeader(x)
	if errA != nil || errB != nil || a.Width != b.Width || a.Height != b.Height || a.Orientation != b.Orientation || a.Components != b.Components {
		t.Errorf("%s: header %+v, %v, want %+v, %v", name, b, errB, a, errA)
	}
	back, err := Restore(x)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return 0
	}
	if exact && !bytes.Equal(back, src) {
		t.Errorf("%s: not restored byte for byte", name)
	}
	sameCoefficients(t, name, src, back)
	return len(x)
}

func TestRecodeGolden(t *testing.T) {
	files := goldenFiles(t)
	eachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(27, 28))
		var d Decoder
		for name, src := range files {
			h, _ := ParseHeader(src)
			exact := !h.Progressive && name[:2] != "sc" && name[:2] != "cm" && name[:2] != "yc"
			checkRecoded(t, &d, rng, name, src, exact)
		}
		for range 40 {
			e := encoded{w: 1 + rng.IntN(300), h: 1 + rng.IntN(60), sampling: [][2]int{{1, 1}}, ids: []byte{1},
				quant: byte(1 + rng.IntN(255)), large: rng.IntN(2) == 0}
			checkRecoded(t, &d, rng, "own", e.encode(rng), false)
		}
	})
}

func TestRecodePhotographs(t *testing.T) {
	names, data := photographs(t)
	if os.Getenv("STOKER_LONG") == "" {
		names, data = names[:6], data[:6]
	}
	rng := rand.New(rand.NewPCG(29, 30))
	var d Decoder
	before, after := 0, 0
	for i, src := range data {
		before += len(src)
		after += checkRecoded(t, &d, rng, names[i], src, false)
	}
	ratio := float64(after) / float64(before)
	t.Logf("re-coded: %.4f of the JPEG bytes", ratio)
	if ratio > 1.27 {
		t.Errorf("re-coded images have %.4f of the bytes", ratio)
	}
}

// FuzzRecoded decodes damaged re-coded images with a right checksum.
func FuzzRecoded(f *testing.F) {
	for _, src := range goldenFiles(f) {
		if x, err := Recode(src); err == nil {
			f.Add(x)
		}
	}
	f.Fuzz(checkHostile)
}

// TestHostileBlocks decodes images whose blocks are random bytes, the ends of which
// mean nothing.
func TestHostileBlocks(t *testing.T) {
	files := goldenFiles(t)
	eachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(31, 32))
		for _, src := range files {
			if x, err := Recode(src); err == nil {
				checkHostile(t, spoilBlocks(rng, x))
			}
		}
	})
}

// spoilBlocks makes most bytes of the blocks, how they are read, and their end random.
func spoilBlocks(rng *rand.Rand, x []byte) []byte {
	blocks := x[binary.LittleEndian.Uint32(x[12:]):]
	for i := range blocks {
		if rng.IntN(3) > 0 {
			blocks[i] = byte(rng.Uint32())
		}
	}
	for at := recodedHeader + 2; at < recodedHeader+4*int(x[20]); at += 4 {
		x[at] = byte(1 + rng.IntN(maxWidth))
	}
	return x[:len(x)-rng.IntN(len(blocks)/2+1)]
}

// checkHostile decodes a re-coded image after making its checksum right.
func checkHostile(t *testing.T, x []byte) {
	x = bytes.Clone(x)
	if len(x) >= recodedHeader {
		le := binary.LittleEndian
		copy(x, recodedMagic)
		le.PutUint32(x[8:], uint32(len(x)))
		start := min(max(int(le.Uint32(x[12:])), recodedHeader), len(x))
		le.PutUint32(x[12:], uint32(start))
		le.PutUint32(x[4:], crc32.Checksum(x[8:start], castagnoli))
	}
	var d Decoder
	h, err := ParseHeader(x)
	if !mustBeOurs(t, err) || h.Width*h.Height > 1<<16 {
		return
	}
	whole, err := decodeWhole(&d, x, fuzzOptions)
	if err != nil {
		mustBeOurs(t, err)
		return
	}
	r := image.Rect(h.Width/3, h.Height/3, h.Width, h.Height)
	part := picture{r.Dx(), r.Dy(), make([]byte, 3*r.Dx()*r.Dy())}
	if err := d.Decode(part.pix, 3*r.Dx(), x, r, fuzzOptions); err != nil {
		t.Fatalf("region %v: %v", r, err)
	}
	compareGeneric(t, x, whole)
	var e *Error
	if _, err := Restore(x); err != nil && !errors.As(err, &e) {
		t.Fatalf("error of type %T: %v", err, err)
	}
}
