package codec_test

import (
	"image"
	"image/color"
	"math"
	"os"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/pixel"
)

// scene returns an image with the smoothness and noise of a photograph.
func scene(width, height int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	noise := uint32(1)
	for y := range height {
		for x := range width {
			noise = noise*1664525 + 1013904223
			v := 110 + 60*math.Sin(float64(x)/31) + 60*math.Cos(float64(y)/47) + float64(noise>>29)
			m.SetNRGBA(x, y, color.NRGBA{uint8(v), uint8(v * 0.8), uint8(255 - v), 255})
		}
	}
	return m
}

// BenchmarkDecode decodes the middle of an image of every format, 224x224 of
// 500x375 pixels; the WebP files are those of testdata and tiny.
func BenchmarkDecode(b *testing.B) {
	files := map[string][]byte{}
	for _, f := range []codec.Format{codec.JPEG, codec.PNG, codec.GIF, codec.BMP} {
		files[f.String()] = encoded(b, f, scene(500, 375))
	}
	for _, name := range []string{"lossy.webp", "lossless.webp"} {
		src, err := os.ReadFile("testdata/images/" + name)
		if err != nil {
			b.Fatal(err)
		}
		files[name] = src
	}
	for name, src := range files {
		b.Run(name, func(b *testing.B) {
			set := codec.NewSet(codec.Limits{})
			info, err := set.Info(src)
			if err != nil {
				b.Fatal(err)
			}
			region := image.Rect(0, 0, info.Width, info.Height)
			if info.Width == 500 {
				region = image.Rect(138, 75, 138+224, 75+224)
			}
			var buf []byte
			dst := pixel.Grow(&buf, region.Dx(), region.Dy())
			b.SetBytes(int64(3 * info.Width * info.Height))
			b.ReportAllocs()
			for range b.N {
				if err := set.Decode(src, info.Format, codec.Request{Region: region}, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestDecodingAllocatesLittle: nothing for JPEG and PNG, and a GIF's palette.
func TestDecodingAllocatesLittle(t *testing.T) {
	for f, most := range map[codec.Format]float64{codec.JPEG: 0, codec.PNG: 0, codec.GIF: 10} {
		set := codec.NewSet(codec.Limits{})
		src := encoded(t, f, scene(100, 80))
		region := image.Rect(10, 10, 90, 70)
		var buf []byte
		dst := pixel.Grow(&buf, 80, 60)
		one := func() {
			if err := set.Decode(src, f, codec.Request{Region: region}, dst); err != nil {
				t.Fatal(err)
			}
		}
		one()
		if n := testing.AllocsPerRun(20, one); n > most {
			t.Errorf("%v: %v allocations for an image, at most %v wanted", f, n, most)
		}
	}
}
