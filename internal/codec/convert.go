package codec

import (
	"image"
	"image/color"

	"stoker/internal/errs"
	"stoker/internal/pixel"
)

// convert writes the part of m with its top left corner at from into dst, as
// Pillow's convert("RGB") does: alpha is dropped, not composited, and the colour
// below a transparent pixel shows. m is of a kind that golang.org/x/image's BMP and
// VP8L decoders give.
func convert(dst pixel.RGB, m image.Image, from image.Point, f Format) error {
	b := m.Bounds()
	if !image.Rect(0, 0, dst.Width, dst.Height).Add(from).In(b) {
		return corrupt(f, "its pixels cover %v only", b)
	}
	for y := range dst.Height {
		x, y, row := from.X, from.Y+y, dst.Row(y)
		switch m := m.(type) {
		case *image.Paletted:
			if !paletteRow(row, m.Pix[m.PixOffset(x, y):], m.Palette) {
				return corrupt(f, "a pixel's colour is missing from the palette")
			}
		case *image.NRGBA:
			everyFourth(row, m.Pix[m.PixOffset(x, y):])
		case *image.RGBA: // opaque
			everyFourth(row, m.Pix[m.PixOffset(x, y):])
		default:
			return errs.New(errs.Internal, "%v decoder gave a %T", f, m)
		}
	}
	return nil
}

func everyFourth(row, p []byte) {
	for i, j := 0, 0; i < len(row); i, j = i+3, j+4 {
		row[i], row[i+1], row[i+2] = p[j], p[j+1], p[j+2]
	}
}

func paletteRow(row, p []byte, palette color.Palette) bool {
	for i := 0; 3*i < len(row); i++ {
		if int(p[i]) >= len(palette) {
			return false
		}
		c := palette[p[i]].(color.RGBA) // what the BMP decoder gives
		row[3*i], row[3*i+1], row[3*i+2] = c.R, c.G, c.B
	}
	return true
}
