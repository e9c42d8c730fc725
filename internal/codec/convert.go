package codec

import (
	"image"
	"image/color"

	"stoker/internal/pixel"
)

// convert writes the part of m with its top left corner at from into dst, as
// Pillow's convert("RGB") does: alpha is dropped, not composited, and the colour
// below a transparent pixel shows.
func convert(dst pixel.RGB, m image.Image, from image.Point, f Format) error {
	b := m.Bounds()
	if !image.Rect(0, 0, dst.Width, dst.Height).Add(from).In(b) {
		return corrupt(f, "its pixels cover %v only", b)
	}
	for y := range dst.Height {
		convertRow(dst.Row(y), m, from.X, from.Y+y)
	}
	return nil
}

func convertRow(row []byte, m image.Image, x, y int) {
	width := len(row) / 3
	switch m := m.(type) {
	case *image.Gray:
		for i, v := range m.Pix[m.PixOffset(x, y):][:width] {
			row[3*i], row[3*i+1], row[3*i+2] = v, v, v
		}
	case *image.Gray16: // held at 255, as Pillow converts mode I;16
		p := m.Pix[m.PixOffset(x, y):][:2*width]
		for i := range width {
			v := p[2*i+1]
			if p[2*i] > 0 {
				v = 255
			}
			row[3*i], row[3*i+1], row[3*i+2] = v, v, v
		}
	case *image.Paletted:
		paletteRow(row, m.Pix[m.PixOffset(x, y):][:width], m.Palette)
	case *image.NRGBA:
		everyFourth(row, m.Pix[m.PixOffset(x, y):])
	case *image.RGBA: // of opaque images only
		everyFourth(row, m.Pix[m.PixOffset(x, y):])
	case *image.NRGBA64:
		highBytes(row, m.Pix[m.PixOffset(x, y):])
	case *image.RGBA64: // of opaque images only
		highBytes(row, m.Pix[m.PixOffset(x, y):])
	case *image.CMYK:
		cmykRow(row, m.Pix[m.PixOffset(x, y):])
	default:
		for i := range width {
			c := color.NRGBAModel.Convert(m.At(x+i, y)).(color.NRGBA)
			row[3*i], row[3*i+1], row[3*i+2] = c.R, c.G, c.B
		}
	}
}

func everyFourth(row, p []byte) {
	for i, j := 0, 0; i < len(row); i, j = i+3, j+4 {
		row[i], row[i+1], row[i+2] = p[j], p[j+1], p[j+2]
	}
}

func highBytes(row, p []byte) {
	for i, j := 0, 0; i < len(row); i, j = i+3, j+8 {
		row[i], row[i+1], row[i+2] = p[j], p[j+2], p[j+4]
	}
}

func paletteRow(row, p []byte, palette color.Palette) {
	for i, v := range p {
		switch c := palette[v].(type) {
		case color.RGBA:
			row[3*i], row[3*i+1], row[3*i+2] = c.R, c.G, c.B
		case color.NRGBA:
			row[3*i], row[3*i+1], row[3*i+2] = c.R, c.G, c.B
		}
	}
}

// cmykRow converts inks to light as Pillow does: white less black, less the part
// of it that the ink takes.
func cmykRow(row, p []byte) {
	for i, j := 0, 0; i < len(row); i, j = i+3, j+4 {
		light := 255 - int(p[j+3])
		for k := range 3 {
			row[i+k] = byte(max(light-mulDiv255(int(p[j+k]), light), 0))
		}
	}
}

// mulDiv255 returns a*b/255, rounded, for a and b up to 255.
func mulDiv255(a, b int) int {
	v := a*b + 128
	return (v + v>>8) >> 8
}
