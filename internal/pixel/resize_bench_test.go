package pixel_test

import (
	"image"
	"testing"

	"stoker/internal/pixel"
)

func BenchmarkResize(b *testing.B) {
	for _, c := range []struct {
		name          string
		filter        pixel.Filter
		width, height int
		out           int
	}{
		{"bilinear/500x375to224", pixel.Bilinear, 500, 375, 224},
		{"bilinear/350x280to224", pixel.Bilinear, 350, 280, 224},
		{"bilinear/1600x1200to224", pixel.Bilinear, 1600, 1200, 224},
		{"bilinear/160x140to224", pixel.Bilinear, 160, 140, 224},
		{"bicubic/500x375to224", pixel.Bicubic, 500, 375, 224},
	} {
		for _, level := range pixel.Levels() {
			b.Run(c.name+"/"+level.String(), func(b *testing.B) {
				defer pixel.UseLevel(level)()
				p := pillowCase{Width: c.width, Height: c.height, Style: "noise"}
				src := p.source()
				var buf []byte
				dst := pixel.Grow(&buf, c.out, c.out)
				var z pixel.Resizer
				b.ReportAllocs()
				for i := range b.N {
					// Another geometry each time, as random crops have: coefficients count.
					r := pixel.Resampling{Filter: c.filter, Width: c.width - i%2, Height: c.height - i%2, OutWidth: c.out, OutHeight: c.out}
					z.Resize(dst, src.Crop(0, 0, r.Width, r.Height), image.Point{}, &r)
				}
			})
		}
	}
}
