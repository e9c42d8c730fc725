package pixel

import "image"

// Resampling says how a source image becomes another size.
//
// The source is a whole image of Width x Height pixels of which a Resizer need
// only see the part that Source names; the pixels are those of resampling the
// whole, bit for bit as Pillow's Image.resize(size, filter, box).
type Resampling struct {
	Filter        Filter
	Width, Height int             // of the whole source, positive
	Box           FloatRect       // part of the source to resample; zero means all of it
	OutWidth      int             // of the whole result, positive
	OutHeight     int             // of the whole result, positive
	Window        image.Rectangle // part of the result to compute; zero means all of it
	FlipX, FlipY  bool            // mirror the window

	// RowsFirst resamples along rows first whatever the sizes, as Pillow does up to
	// version 12.0. Pillow 13 begins with the columns where the height loses more
	// than twice as many pixels as the width; the last bit of some pixels differs.
	RowsFirst bool
}

// columnsFirst reports whether the columns come before the rows.
func (r *Resampling) columnsFirst() bool {
	lost := r.Height - r.OutHeight
	return !r.RowsFirst && lost > 0 && lost > 2*(r.Width-r.OutWidth)
}

// FloatRect is a rectangle with 32-bit float edges, X1 and Y1 exclusive.
type FloatRect struct{ X0, Y0, X1, Y1 float32 }

// Size returns the width and height of the result's window.
func (r *Resampling) Size() (width, height int) {
	if r.Window.Empty() {
		return r.OutWidth, r.OutHeight
	}
	return r.Window.Dx(), r.Window.Dy()
}

func (r *Resampling) spans() (x, y span) {
	box, win := r.Box, r.Window
	if box == (FloatRect{}) {
		box = FloatRect{0, 0, float32(r.Width), float32(r.Height)}
	}
	if win.Empty() {
		win = image.Rect(0, 0, r.OutWidth, r.OutHeight)
	}
	x = span{r.Filter, r.Width, box.X0, box.X1, r.OutWidth, win.Min.X, win.Max.X, r.FlipX}
	y = span{r.Filter, r.Height, box.Y0, box.Y1, r.OutHeight, win.Min.Y, win.Max.Y, r.FlipY}
	return x, y
}

// Source returns the source pixels that the window takes from.
func (r *Resampling) Source() image.Rectangle {
	x, y := r.spans()
	var s image.Rectangle
	s.Min.X, s.Max.X = x.source()
	s.Min.Y, s.Max.Y = y.source()
	return s
}

// Resizer resamples images. It keeps coefficients and intermediate images between
// calls, so one goroutine at a time may use it. The zero value is ready.
type Resizer struct {
	x, y axis
	mids [2][]byte
}

// Resize computes the window of r into dst, which has its size. src holds the
// part of the source whose top left corner is at; it covers r.Source().
// Steady-state calls allocate nothing.
//
// The method is the one of Pillow's resample: along rows, then along columns (or
// the other way round, see RowsFirst), each time a weighted sum with 22-bit
// coefficients rounded to 8 bits.
func (z *Resizer) Resize(dst, src RGB, at image.Point, r *Resampling) {
	sx, sy := r.spans()
	z.x.set(sx)
	z.y.set(sy)
	need := r.Source()
	part := need.Sub(at)
	src = src.Crop(part.Min.X, part.Min.Y, part.Dx(), part.Dy())
	switch {
	case sx.identity() && !sx.flip:
		vertical(dst, src, &z.y, need.Min.Y)
	case sy.identity() && !sy.flip:
		z.horizontal(dst, src, need.Min.X)
	case r.columnsFirst():
		mid := z.middle(1, src.Width, dst.Height)
		vertical(mid, src, &z.y, need.Min.Y)
		z.horizontal(dst, mid, need.Min.X)
	default:
		mid := z.middle(0, dst.Width, src.Height)
		horizontal(mid, src, &z.x, need.Min.X)
		vertical(dst, mid, &z.y, need.Min.Y)
	}
}

// horizontal resamples rows into an image without room behind them.
func (z *Resizer) horizontal(dst, src RGB, x0 int) {
	if Bytes(dst.Width, 1)%rowSlack == 0 {
		horizontal(dst, src, &z.x, x0)
		return
	}
	out := z.middle(0, dst.Width, dst.Height)
	horizontal(out, src, &z.x, x0)
	Copy(dst, out)
}

// middle returns intermediate image number k. Rows begin at cache lines.
func (z *Resizer) middle(k, width, height int) RGB {
	stride := (Bytes(width, 1) + rowSlack + 63) &^ 63
	z.mids[k] = resized(z.mids[k], stride*height)
	return RGB{Pix: z.mids[k], Stride: stride, Width: width, Height: height}
}
