package jpeg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"math/rand/v2"
	"testing"
)

// fuzzOptions keep a fuzzing step short.
var fuzzOptions = Options{Partial: true, MaxPixels: 1 << 16, MaxScans: 30}

// FuzzDecode looks for panics, and for regions or kernels that disagree.
func FuzzDecode(f *testing.F) {
	for _, src := range goldenFiles(f) {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var d Decoder
		h, err := ParseHeader(src)
		if err != nil || h.Width*h.Height > 1<<16 {
			mustBeOurs(t, err)
			return
		}
		whole, err := decodeWhole(&d, src, fuzzOptions)
		if !mustBeOurs(t, err) {
			return
		}
		rng := rand.New(rand.NewPCG(uint64(crc32.ChecksumIEEE(src)), 0))
		for range 3 {
			r := randomRegion(rng, whole.w, whole.h)
			part := picture{r.Dx(), r.Dy(), make([]byte, 3*r.Dx()*r.Dy())}
			err := d.Decode(part.pix, 3*r.Dx(), src, r, fuzzOptions)
			if !mustBeOurs(t, err) {
				t.Fatalf("region %v: %v", r, err)
			}
			if diff := part.differ(whole.crop(r)); diff != "" {
				t.Fatalf("region %v: %s", r, diff)
			}
		}
		if index, indexErr := BuildIndex(src, 2); indexErr == nil {
			opts := fuzzOptions
			opts.Index = index
			if again, err := decodeWhole(&d, src, opts); err != nil || again.differ(whole) != "" {
				t.Fatalf("with index: %v, %s", err, again.differ(whole))
			}
		}
		compareGeneric(t, src, whole)
	})
}

// mustBeOurs fails unless err is nil or an *Error, and tells whether there are
// pixels beside it.
func mustBeOurs(t *testing.T, err error) bool {
	t.Helper()
	var e *Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("error of type %T: %v", err, err)
	}
	return err == nil || e.Pixels
}

// FuzzIndex hands in hostile indexes with a right checksum.
func FuzzIndex(f *testing.F) {
	files := goldenFiles(f)
	names := []string{"420-19x23", "restart-blocks-19x23", "ycck", "grey-19x23"}
	for i, name := range names {
		x, err := BuildIndex(files[name], 1)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), x)
	}
	f.Fuzz(func(t *testing.T, i uint8, x []byte) {
		src := files[names[int(i)%len(names)]]
		x = bytes.Clone(x)
		if len(x) >= indexHeader {
			copy(x, indexMagic)
			binary.LittleEndian.PutUint32(x[4:], crc32.Checksum(x[8:], castagnoli))
		}
		var d Decoder
		_, err := decodeWhole(&d, src, Options{Index: x, Unverified: true})
		mustBeOurs(t, err)
		outline, err := ParseOutline(src)
		if err != nil {
			t.Fatal(err)
		}
		_, err = outline.Ranges(nil, x, image.Rect(0, 0, 5, 5), 1)
		mustBeOurs(t, err)
	})
}
