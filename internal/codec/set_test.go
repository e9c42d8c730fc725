package codec_test

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"golang.org/x/image/bmp"

	"stoker/internal/codec"
	"stoker/internal/errs"
	"stoker/internal/pixel"
)

// gradient returns an image in which every pixel differs from its neighbours.
func gradient(width, height int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.SetNRGBA(x, y, color.NRGBA{uint8(3 * x), uint8(5 * y), uint8(x + y), 255})
		}
	}
	return m
}

func encoded(t testing.TB, f codec.Format, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch f {
	case codec.JPEG:
		err = jpeg.Encode(&b, m, nil)
	case codec.PNG:
		err = png.Encode(&b, m)
	case codec.GIF:
		err = gif.Encode(&b, m, nil)
	case codec.BMP:
		err = bmp.Encode(&b, m)
	case codec.PPM:
		r := m.Bounds()
		var buf []byte
		rgb := pixel.Grow(&buf, r.Dx(), r.Dy())
		for y := range rgb.Height {
			for x := range rgb.Width {
				c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
				copy(rgb.Row(y)[3*x:], []byte{c.R, c.G, c.B})
			}
		}
		b.Write(codec.AppendPPM(nil, rgb))
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEveryFormatDecodesWholeAndByRegion(t *testing.T) {
	set := codec.NewSet(codec.Limits{})
	for _, f := range []codec.Format{codec.JPEG, codec.PNG, codec.GIF, codec.BMP, codec.PPM} {
		src := encoded(t, f, gradient(61, 43))
		info, err := set.Info(src)
		if err != nil {
			t.Fatalf("%v: %v", f, err)
		}
		if want := (codec.Info{Format: f, Width: 61, Height: 43, Orientation: 1}); info != want {
			t.Fatalf("%v: info is %+v, want %+v", f, info, want)
		}
		whole := decode(t, set, src, f, image.Rect(0, 0, 61, 43))
		region := image.Rect(7, 5, 40, 31)
		part := decode(t, set, src, f, region)
		for y := range part.Height {
			if !bytes.Equal(part.Row(y), whole.Crop(7, 5, 33, 26).Row(y)) {
				t.Fatalf("%v: row %d of a region differs from the whole image", f, y)
			}
		}
	}
}

func decode(t testing.TB, set *codec.Set, src []byte, f codec.Format, r image.Rectangle) pixel.RGB {
	t.Helper()
	var buf []byte
	dst := pixel.Grow(&buf, r.Dx(), r.Dy())
	if err := set.Decode(src, f, codec.Request{Region: r}, dst); err != nil {
		t.Fatalf("%v: %v", f, err)
	}
	return dst
}

func TestBombsAreRefusedByTheirHeader(t *testing.T) {
	set := codec.NewSet(codec.Limits{MaxPixels: 1000})
	for _, f := range []codec.Format{codec.JPEG, codec.PNG, codec.GIF, codec.BMP, codec.PPM} {
		src := encoded(t, f, gradient(100, 11))
		if _, err := set.Info(src); !errs.Is(err, errs.Invalid) {
			t.Errorf("%v: error is %v, want one of kind invalid", f, err)
		}
		var buf []byte
		if err := set.Decode(src, f, codec.Request{}, pixel.Grow(&buf, 100, 11)); !errs.Is(err, errs.Invalid) {
			t.Errorf("%v: error is %v, want one of kind invalid", f, err)
		}
	}
}

func TestIndexChangesNoPixel(t *testing.T) {
	set := codec.NewSet(codec.Limits{})
	src := encoded(t, codec.JPEG, gradient(161, 143))
	index, err := set.AppendIndex(nil, src, codec.JPEG, codec.DefaultIndexStep)
	if err != nil || len(index) == 0 {
		t.Fatalf("index of %d bytes, error %v", len(index), err)
	}
	region := image.Rect(30, 20, 130, 125)
	want := decode(t, set, src, codec.JPEG, region)
	var buf []byte
	got := pixel.Grow(&buf, region.Dx(), region.Dy())
	req := codec.Request{Region: region, Index: index}
	if err := set.Decode(src, codec.JPEG, req, got); err != nil || !bytes.Equal(got.Pix, want.Pix) {
		t.Errorf("with the index the pixels differ, error %v", err)
	}
	other := encoded(t, codec.JPEG, gradient(161, 144))
	if err := set.Decode(other, codec.JPEG, req, got); !errs.Is(err, errs.Corrupt) {
		t.Errorf("another image's index: error is %v, want one of kind corrupt", err)
	}
}
