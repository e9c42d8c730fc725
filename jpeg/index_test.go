package jpeg

import (
	"bytes"
	"errors"
	"image"
	"math/rand/v2"
	"os"
	"testing"
)

// checkIndexed compares decoding with an index to decoding without.
func checkIndexed(t *testing.T, d *Decoder, rng *rand.Rand, name string, src []byte, step int) {
	t.Helper()
	index, err := BuildIndex(src, step)
	var e *Error
	if errors.As(err, &e) && e.Kind == Unsupported {
		return
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	want, err := decodeWhole(d, src, Options{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for range 4 {
		r := randomRegion(rng, want.w, want.h)
		part := picture{r.Dx(), r.Dy(), make([]byte, 3*r.Dx()*r.Dy())}
		if err := d.Decode(part.pix, 3*r.Dx(), src, r, Options{Index: index}); err != nil {
			t.Errorf("%s step %d region %v: %v", name, step, r, err)
		} else if diff := part.differ(want.crop(r)); diff != "" {
			t.Errorf("%s step %d region %v: %s", name, step, r, diff)
		}
		checkRanges(t, d, name, src, index, r, part)
		checkByproduct(t, d, name, src, index, step, r, part)
	}
}

// checkByproduct makes index and pixels in one pass.
func checkByproduct(t *testing.T, d *Decoder, name string, src, index []byte, step int, r image.Rectangle, want picture) {
	t.Helper()
	if step == 0 {
		step = DefaultStep
	}
	got := picture{want.w, want.h, make([]byte, len(want.pix))}
	made, err := d.DecodeAndIndex(got.pix, 3*want.w, src, r, Options{}, []byte("before"), step)
	if err != nil || !bytes.Equal(made, append([]byte("before"), index...)) {
		t.Errorf("%s step %d region %v: another index as a by-product: %v", name, step, r, err)
	}
	if diff := got.differ(want); diff != "" {
		t.Errorf("%s step %d region %v beside the index: %s", name, step, r, diff)
	}
	cut := src[:len(src)-len(src)/3]
	wantErr := d.Decode(want.pix, 3*want.w, cut, r, Options{})
	made, err = d.DecodeAndIndex(got.pix, 3*want.w, cut, r, Options{}, nil, step)
	if (err == nil) != (wantErr == nil) || len(made) != 0 {
		t.Errorf("%s cut off, region %v: %v with an index of %d bytes, without %v", name, r, err, len(made), wantErr)
	}
	if diff := got.differ(want); err == nil && diff != "" {
		t.Errorf("%s cut off, region %v: %s", name, r, diff)
	}
}

// checkRanges decodes from the ranges of the file alone.
func checkRanges(t *testing.T, d *Decoder, name string, src, index []byte, r image.Rectangle, want picture) {
	t.Helper()
	outline, err := ParseOutline(src)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	ranges, err := outline.Ranges(nil, index, r, 64)
	if err != nil {
		t.Errorf("%s ranges of %v: %v", name, r, err)
		return
	}
	sparse := make([]byte, len(src))
	for i := range sparse {
		sparse[i] = 0xAA
	}
	for _, g := range ranges {
		copy(sparse[g.Start:g.End], src[g.Start:g.End])
	}
	got := picture{want.w, want.h, make([]byte, len(want.pix))}
	if err := d.Decode(got.pix, 3*want.w, sparse, r, Options{Index: index, Unverified: true}); err != nil {
		t.Errorf("%s from ranges %v of %v: %v", name, ranges, r, err)
	} else if diff := got.differ(want); diff != "" {
		t.Errorf("%s from ranges of %v: %s", name, r, diff)
	}
}

func TestIndexOfPhotographs(t *testing.T) {
	names, data := photographs(t)
	rng := rand.New(rand.NewPCG(11, 12))
	if os.Getenv("STOKER_LONG") == "" {
		names, data = names[:12], data[:12]
	}
	var d Decoder
	for i, src := range data {
		checkIndexed(t, &d, rng, names[i], src, []int{0, 1, 3, 16, 65535}[rng.IntN(5)])
	}
}

func TestIndexOfOwnFiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	var d Decoder
	samplings := [][][2]int{{{1, 1}}, {{2, 2}, {1, 1}, {1, 1}}, {{1, 1}, {1, 1}, {1, 1}, {1, 1}}, {{2, 1}, {1, 1}, {1, 1}}}
	for range 200 {
		e := encoded{
			w: 1 + rng.IntN(200), h: 1 + rng.IntN(200), ids: []byte{1, 2, 3, 4}, quant: 5,
			sampling: samplings[rng.IntN(len(samplings))],
		}
		if rng.IntN(2) == 0 {
			e.interval = 1 + rng.IntN(30)
		}
		checkIndexed(t, &d, rng, "own", e.encode(rng), 1+rng.IntN(12))
	}
}

// TestWrongIndex hands in indexes of other files and damaged ones.
func TestWrongIndex(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	e := encoded{w: 90, h: 70, ids: []byte{1, 2, 3}, quant: 5, sampling: [][2]int{{2, 2}, {1, 1}, {1, 1}}}
	src, other := e.encode(rng), e.encode(rng)
	index, err := BuildIndex(src, 2)
	if err != nil {
		t.Fatal(err)
	}
	var d Decoder
	dst := make([]byte, 3*90*70)
	refuse := func(what string, src, index []byte) {
		t.Helper()
		var e *Error
		err := d.Decode(dst, 270, src, image.Rectangle{}, Options{Index: index})
		if !errors.As(err, &e) || e.Kind != BadIndex {
			t.Errorf("%s: %v", what, err)
		}
	}
	refuse("other file", other, index)
	refuse("empty index", src, []byte{})
	for i := range index {
		b := append([]byte(nil), index...)
		b[i] ^= 1 << rng.IntN(8)
		refuse("damaged index", src, b)
		refuse("cut index", src, index[:i])
	}
	for i := 2; i < len(src); i += 7 {
		b := append([]byte(nil), src...)
		b[i] ^= 1
		if _, err := ParseHeader(b); err == nil && i > 500 {
			refuse("changed file", b, index)
		}
	}
}
