package pixel

import "image"

// Orientation is EXIF tag 274: how the stored pixels must be turned for viewing.
// The numbers are those of the tag, 1 to 8; 1 means as stored. TIFF 6.0, page 36,
// names them by where the stored row 0 and column 0 are seen.
type Orientation uint8

// Transposed reports whether the upright image has width and height swapped.
func (o Orientation) Transposed() bool { return o >= 5 && o <= 8 }

// mirrors returns whether the upright image, transposed back where o is
// transposed, is the stored one mirrored along x or y.
func (o Orientation) mirrors() (x, y bool) {
	switch o {
	case 2:
		return true, false
	case 3:
		return true, true
	case 4:
		return false, true
	case 6:
		return false, true
	case 7:
		return true, true
	case 8:
		return true, false
	}
	return false, false
}

// Stored maps a rectangle of the upright image back to the stored image of the
// given size.
func (o Orientation) Stored(r image.Rectangle, width, height int) image.Rectangle {
	if o.Transposed() {
		r = image.Rect(r.Min.Y, r.Min.X, r.Max.Y, r.Max.X)
	}
	mx, my := o.mirrors()
	if mx {
		r.Min.X, r.Max.X = width-r.Max.X, width-r.Min.X
	}
	if my {
		r.Min.Y, r.Max.Y = height-r.Max.Y, height-r.Min.Y
	}
	return r
}

// Orient turns the stored pixels src upright into dst, whose size is that of src,
// swapped where o is transposed. They must not overlap. It does what Pillow's
// ImageOps.exif_transpose does.
func Orient(dst, src RGB, o Orientation) {
	mx, my := o.mirrors()
	step, row := 3, src.Stride // from a pixel of dst's row or column to the next in src
	origin := 0
	if mx {
		origin += 3 * (src.Width - 1)
		step = -step
	}
	if my {
		origin += src.Stride * (src.Height - 1)
		row = -row
	}
	if o.Transposed() {
		step, row = row, step
	}
	for y := range dst.Height {
		out, at := dst.Row(y), origin+y*row
		for i := 0; i+3 <= len(out); i += 3 {
			p, q := src.Pix[at:at+3:at+3], out[i:i+3:i+3]
			q[0], q[1], q[2] = p[0], p[1], p[2]
			at += step
		}
	}
}
