package codec_test

import (
	"bytes"
	"image"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/errs"
	"stoker/internal/pixel"
)

func TestPPMHeaders(t *testing.T) {
	const fine errs.Kind = 1 << 15
	set := codec.NewSet(codec.Limits{})
	for src, want := range map[string]errs.Kind{
		"P6\n1 2\n255\nabcdef":                     fine,
		"P6 # two\n# comments\n1\t2\r\n255 abcdef": fine,
		"P6#\n1 2 255\nabcdefmore":                 fine,
		"P6\n1 2\n65535\nabcdef":                   errs.Unsupported,
		"P6\n1 2\n255":                             errs.Corrupt,
		"P6\n0 2\n255\nabcdef":                     errs.Corrupt,
		"P6\n1 -2\n255\nabcdef":                    errs.Corrupt,
		"P6\n1 99999999999999\n255\nabcdef":        errs.Corrupt,
		"P6\n1 2\n255\nabcde":                      errs.Corrupt,
	} {
		var buf []byte
		dst := pixel.Grow(&buf, 1, 2)
		err := set.Decode([]byte(src), codec.PPM, codec.Request{}, dst)
		if got := errs.KindOf(err); err != nil && got != want || err == nil && want != fine {
			t.Errorf("%q: error %v, want one of kind %v", src, err, want)
		}
		if err == nil && string(buf) != "abcdef" {
			t.Errorf("%q: pixels %q", src, buf)
		}
	}
}

func TestViewIsWhatDecodeGives(t *testing.T) {
	set := codec.NewSet(codec.Limits{})
	src := encoded(t, codec.PPM, gradient(31, 17))
	region := image.Rect(3, 2, 30, 16)
	want := decode(t, set, src, codec.PPM, region)
	got, ok := codec.View(src, codec.PPM, region)
	if !ok || got.Width != want.Width || got.Height != want.Height {
		t.Fatalf("view %v of %dx%d pixels", ok, got.Width, got.Height)
	}
	for y := range want.Height {
		if !bytes.Equal(got.Row(y), want.Row(y)) {
			t.Fatalf("row %d differs", y)
		}
	}
	for name, r := range map[string]image.Rectangle{"nothing": {}, "too wide": image.Rect(0, 0, 32, 1)} {
		if _, ok := codec.View(src, codec.PPM, r); ok {
			t.Errorf("a view of %s", name)
		}
	}
	if _, ok := codec.View(src[:len(src)-190], codec.PPM, region); ok {
		t.Error("a view beyond the end")
	}
	if _, ok := codec.View(src, codec.BMP, region); ok {
		t.Error("a view of another format")
	}
}

// TestTruncatedPPM asks for the rows that are there.
func TestTruncatedPPM(t *testing.T) {
	set := codec.NewSet(codec.Limits{})
	src := encoded(t, codec.PPM, gradient(10, 10))
	var buf []byte
	dst := pixel.Grow(&buf, 4, 6)
	region := image.Rect(2, 3, 6, 9)
	cut := src[:len(src)-30*3-7] // six whole rows
	err := set.Decode(cut, codec.PPM, codec.Request{Region: region, Partial: true}, dst)
	if !errs.Is(err, errs.Corrupt) {
		t.Fatalf("error is %v, want one of kind corrupt", err)
	}
	whole := decode(t, set, src, codec.PPM, region)
	for y := range 6 {
		want := whole.Row(y)
		if y >= 3 {
			want = make([]byte, 12)
		}
		if !bytes.Equal(dst.Row(y), want) {
			t.Errorf("row %d: %v, want %v", y, dst.Row(y), want)
		}
	}
}
