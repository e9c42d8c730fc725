package codec_test

import (
	"bytes"
	"image"
	"os"
	"path/filepath"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/errs"
	"stoker/internal/pixel"
)

// fuzz checks that any bytes give either pixels, the same ones whole and by region,
// or an error that blames the bytes.
func fuzz(f *testing.F, format codec.Format, endings ...string) {
	for _, ending := range endings {
		files, err := filepath.Glob("testdata/images/*" + ending)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds: %v", err)
		}
		for _, name := range files {
			src, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
			f.Add(src[:len(src)/2])
		}
	}
	set := codec.NewSet(codec.Limits{MaxPixels: 1 << 16})
	f.Fuzz(func(t *testing.T, src []byte) {
		if codec.Sniff(src) != format {
			return
		}
		info, err := set.Info(src)
		if blameless(err) {
			t.Fatalf("info: %v", err)
		}
		if err != nil {
			return
		}
		var buf, some []byte
		whole := pixel.Grow(&buf, info.Width, info.Height)
		err = set.Decode(src, format, codec.Request{}, whole)
		if blameless(err) {
			t.Fatalf("decode: %v", err)
		}
		w, h := info.Width, info.Height
		region := image.Rect(w/3, h/3, w-w/4, h-h/4)
		part := pixel.Grow(&some, region.Dx(), region.Dy())
		regionErr := set.Decode(src, format, codec.Request{Region: region}, part)
		if err != nil || regionErr != nil {
			return
		}
		for y := range part.Height {
			if !bytes.Equal(part.Row(y), whole.Crop(w/3, h/3, part.Width, part.Height).Row(y)) {
				t.Fatalf("row %d of %v differs from the whole image", y, region)
			}
		}
	})
}

// blameless reports whether err does not blame the bytes.
func blameless(err error) bool {
	if err == nil {
		return false
	}
	switch errs.KindOf(err) {
	case errs.Corrupt, errs.Unsupported, errs.Invalid:
		return false
	}
	return true
}

func FuzzJPEG(f *testing.F) { fuzz(f, codec.JPEG, ".jpg") }
func FuzzPNG(f *testing.F)  { fuzz(f, codec.PNG, ".png") }
func FuzzGIF(f *testing.F)  { fuzz(f, codec.GIF, ".gif") }
func FuzzBMP(f *testing.F)  { fuzz(f, codec.BMP, ".bmp") }
func FuzzWebP(f *testing.F) { fuzz(f, codec.WebP, ".webp") }

func FuzzPPM(f *testing.F) {
	f.Add([]byte("P6 # a comment\n3 4\n255\n123456789012345678901234567890123456"))
	fuzz(f, codec.PPM)
}
