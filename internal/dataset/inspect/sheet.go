package inspect

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"path"
	"strconv"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/pixel"
)

// Sizes of a sheet in pixels.
const (
	thumbSide  = 160
	captionTop = 13 // of the first line below the thumbnail, to its base line
	lineHeight = 13
	margin     = 8
	tileWidth  = thumbSide + margin
	tileHeight = thumbSide + 2*lineHeight + 2*margin
)

// MaxSheet is the most samples that a sheet shows.
const MaxSheet = 400

// Sheet draws n samples, spread evenly over the dataset, upright and small, each
// with its class and key below, as a PNG. A sample that cannot be read or decoded
// shows as a crossed grey field with the reason.
func Sheet(d *dataset.Dataset, n int) ([]byte, error) {
	if n < 1 || n > MaxSheet {
		return nil, errs.New(errs.Invalid, "a sheet of %d samples; it can hold 1 to %d", n, MaxSheet)
	}
	n = int(min(int64(n), d.Len()))
	columns := int(math.Ceil(math.Sqrt(float64(n))))
	rows := (n + columns - 1) / columns
	canvas := image.NewRGBA(image.Rect(0, 0, columns*tileWidth+margin, rows*tileHeight+margin))
	draw.Draw(canvas, canvas.Bounds(), image.White, image.Point{}, draw.Src)
	t := &tiler{d: d, canvas: canvas, set: codec.NewSet(codec.Limits{})}
	for i := range n {
		sample := (2*int64(i) + 1) * d.Len() / (2 * int64(n))
		t.tile(sample, image.Pt(margin+i%columns*tileWidth, margin+i/columns*tileHeight))
	}
	var out bytes.Buffer
	if err := png.Encode(&out, canvas); err != nil {
		return nil, errs.New(errs.Internal, "%w", err)
	}
	return out.Bytes(), nil
}

// tiler draws the tiles of a sheet and keeps the memory between them.
type tiler struct {
	d                    *dataset.Dataset
	canvas               *image.RGBA
	set                  *codec.Set
	resizer              pixel.Resizer
	blob                 []byte
	stored, small, stand []byte
}

// tile draws one sample with its captions at the given place.
func (t *tiler) tile(i int64, at image.Point) {
	caption := ""
	if m, err := t.thumb(i); err != nil {
		t.cross(at)
		caption = "cannot be read"
	} else {
		t.paste(m, at)
	}
	s, err := t.d.Sample(i)
	if caption == "" && err == nil {
		caption = fmt.Sprintf("%s  %dx%d", class(t.d, s.Label), s.Width, s.Height)
	}
	t.text(caption, at.Add(image.Pt(0, thumbSide+captionTop)), color.Black)
	t.text(path.Base(t.d.Key(i)), at.Add(image.Pt(0, thumbSide+captionTop+lineHeight)), color.Gray{110})
}

// class returns the name of a label.
func class(d *dataset.Dataset, label int64) string {
	classes := d.Manifest().Classes
	switch {
	case label < 0:
		return "-"
	case label < int64(len(classes)):
		return classes[label]
	}
	return strconv.FormatInt(label, 10)
}

// thumb decodes sample i, shrinks it to fit a square of thumbSide and turns it
// upright.
func (t *tiler) thumb(i int64) (pixel.RGB, error) {
	s, err := t.d.Sample(i)
	if err != nil {
		return pixel.RGB{}, err
	}
	if t.blob, err = t.d.Read(&s, i, t.blob); err != nil {
		return pixel.RGB{}, err
	}
	info, err := t.set.Info(t.blob)
	if err != nil {
		return pixel.RGB{}, err
	}
	stored := pixel.Grow(&t.stored, info.Width, info.Height)
	if err := t.set.Decode(t.blob, info.Format, codec.Request{}, stored); err != nil {
		return pixel.RGB{}, err
	}
	width, height := fit(info.Width, info.Height)
	small := pixel.Grow(&t.small, width, height)
	t.resizer.Resize(small, stored, image.Point{}, &pixel.Resampling{Filter: pixel.Bilinear,
		Width: info.Width, Height: info.Height, OutWidth: width, OutHeight: height})
	o := pixel.Orientation(info.Orientation)
	if o.Transposed() {
		width, height = height, width
	}
	upright := pixel.Grow(&t.stand, width, height)
	pixel.Orient(upright, small, o)
	return upright, nil
}

// fit returns the size of an image shrunk into a square of thumbSide; small
// images stay as they are.
func fit(width, height int) (w, h int) {
	long := max(width, height)
	if long <= thumbSide {
		return width, height
	}
	return max(1, width*thumbSide/long), max(1, height*thumbSide/long)
}

// paste copies pixels into the middle of the square at the given place.
func (t *tiler) paste(m pixel.RGB, at image.Point) {
	at = at.Add(image.Pt((thumbSide-m.Width)/2, (thumbSide-m.Height)/2))
	for y := range m.Height {
		row := m.Row(y)
		for x := range m.Width {
			t.canvas.SetRGBA(at.X+x, at.Y+y, color.RGBA{row[3*x], row[3*x+1], row[3*x+2], 255})
		}
	}
}

// cross marks a sample that cannot be shown.
func (t *tiler) cross(at image.Point) {
	square := image.Rectangle{at, at.Add(image.Pt(thumbSide, thumbSide))}
	draw.Draw(t.canvas, square, image.NewUniform(color.Gray{220}), image.Point{}, draw.Src)
	for i := range thumbSide {
		t.canvas.Set(at.X+i, at.Y+i, color.Gray{120})
		t.canvas.Set(at.X+i, at.Y+thumbSide-1-i, color.Gray{120})
	}
}

// text writes a line, cut to the width of a tile. The font has ASCII only: other
// characters show as boxes.
func (t *tiler) text(s string, at image.Point, c color.Color) {
	const most = thumbSide / 7 // the font's characters are 7 pixels wide
	if r := []rune(s); len(r) > most {
		s = string(r[:most-2]) + ".."
	}
	(&font.Drawer{Dst: t.canvas, Src: image.NewUniform(c), Face: basicfont.Face7x13, Dot: fixed.P(at.X, at.Y)}).DrawString(s)
}
