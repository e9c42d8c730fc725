package pixel_test

import (
	"testing"

	"stoker/internal/pixel"
	"stoker/internal/tensor"
)

// BenchmarkWriter writes samples of 224x224 in every form.
func BenchmarkWriter(b *testing.B) {
	p := pillowCase{Width: 224, Height: 224, Style: "noise"}
	m := p.source()
	mean, std := [3]float64{0.485, 0.456, 0.406}, [3]float64{0.229, 0.224, 0.225}
	for _, dtype := range []tensor.DType{tensor.Uint8, tensor.Float32, tensor.Float16, tensor.BFloat16} {
		for _, layout := range []tensor.Layout{tensor.NHWC, tensor.NCHW} {
			w := pixel.NewWriter(dtype, layout, &mean, &std)
			dst := make([]byte, 3*224*224*dtype.Size())
			for _, level := range pixel.Levels() {
				b.Run(dtype.String()+"/"+layout.String()+"/"+level.String(), func(b *testing.B) {
					defer pixel.UseLevel(level)()
					var planes []byte
					for range b.N {
						w.Write(dst, m, &planes)
					}
				})
			}
		}
	}
}

// BenchmarkColour changes the colours of 224x224 pixels.
func BenchmarkColour(b *testing.B) {
	p := pillowCase{Width: 224, Height: 224, Style: "noise"}
	m := p.source()
	for name, op := range map[string]func(){
		"brightness": func() { pixel.Brightness(m, 1.01) },
		"contrast":   func() { pixel.Contrast(m, 1.01) },
		"saturation": func() { pixel.Saturation(m, 1.01) },
		"hue":        func() { pixel.Hue(m, 3) },
		"grayscale":  func() { pixel.Grayscale(m) },
		"flip":       func() { pixel.FlipX(m) },
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				op()
			}
		})
	}
}
