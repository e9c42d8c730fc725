package codec_test

import (
	"os"
	"path/filepath"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/errs"
	"stoker/internal/pixel"
)

// TestTruncatedFilesAreErrors cuts every kind of file at several places.
func TestTruncatedFilesAreErrors(t *testing.T) {
	set := codec.NewSet(codec.Limits{})
	for _, name := range []string{"420.jpg", "RGB.png", "palette.gif", "RGB.bmp", "lossy.webp", "lossless.webp"} {
		src, err := os.ReadFile(filepath.Join("testdata/images", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, cut := range []int{20, len(src) / 4, len(src) / 2, len(src) * 3 / 4} {
			info, err := set.Info(src[:cut])
			if err == nil {
				var buf []byte
				err = set.Decode(src[:cut], info.Format, codec.Request{}, pixel.Grow(&buf, info.Width, info.Height))
			}
			if !errs.Is(err, errs.Corrupt) {
				t.Errorf("%s cut at byte %d of %d: error is %v, want one of kind corrupt", name, cut, len(src), err)
			}
		}
	}
}

// TestPartialImages: the decoders that can give the pixels before the damage.
func TestPartialImages(t *testing.T) {
	set := codec.NewSet(codec.Limits{})
	for _, f := range []codec.Format{codec.JPEG, codec.PNG, codec.GIF} {
		src := encoded(t, f, gradient(200, 200))
		info, err := set.Info(src)
		if err != nil {
			t.Fatal(err)
		}
		var a, b []byte
		whole, part := pixel.Grow(&a, info.Width, info.Height), pixel.Grow(&b, info.Width, info.Height)
		if err := set.Decode(src, info.Format, codec.Request{}, whole); err != nil {
			t.Fatal(err)
		}
		err = set.Decode(src[:len(src)*9/10], info.Format, codec.Request{Partial: true}, part)
		if !errs.Is(err, errs.Corrupt) {
			t.Errorf("%v: error is %v, want one of kind corrupt", f, err)
		}
		if string(part.Row(0)) != string(whole.Row(0)) {
			t.Errorf("%v: the first row is lost", f)
		}
	}
}

func TestForeignAndEmptyFiles(t *testing.T) {
	set := codec.NewSet(codec.Limits{})
	if _, err := set.Info(nil); !errs.Is(err, errs.Corrupt) {
		t.Errorf("empty file: %v", err)
	}
	if _, err := set.Info([]byte("%PDF-1.7 and so on")); !errs.Is(err, errs.Unsupported) || errs.HintOf(err) == "" {
		t.Errorf("foreign file: %v", err)
	}
}

// TestTinyFilesCannotAskForMuchMemory: headers of a few bytes that announce large
// images fail before their pixels' memory is taken.
func TestTinyFilesCannotAskForMuchMemory(t *testing.T) {
	set := codec.NewSet(codec.Limits{})
	png := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x30\x00\x00\x00\x30\x00\x08\x06\x00\x00\x00")
	gif := []byte("GIF89a\x00\x30\x00\x30\x00\x00\x00,\x00\x00\x00\x00\x00\x30\x00\x30\x00\x08\x02\x01\x02\x00;")
	bmp := append([]byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\x00\x30\x00\x00\x00\x30\x00\x00\x01\x00\x18"), make([]byte, 40)...)
	var one [3]byte
	dst := pixel.RGB{Pix: one[:], Stride: 3, Width: 1, Height: 1}
	for f, src := range map[codec.Format][]byte{codec.PNG: png, codec.GIF: gif, codec.BMP: bmp} {
		req := codec.Request{}
		req.Region.Max.X, req.Region.Max.Y = 1, 1
		n := testing.AllocsPerRun(1, func() {
			if err := set.Decode(src, f, req, dst); !errs.Is(err, errs.Corrupt) {
				t.Errorf("%v: error is %v, want one of kind corrupt", f, err)
			}
		})
		if n > 100 {
			t.Errorf("%v: %v allocations", f, n)
		}
	}
}
