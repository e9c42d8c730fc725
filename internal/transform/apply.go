package transform

import (
	"image"

	"stoker/internal/codec"
	"stoker/internal/errs"
	"stoker/internal/pixel"
	"stoker/internal/tensor"
)

// Scratch is the memory that Apply reuses. One goroutine at a time may use it.
type Scratch struct {
	resizer pixel.Resizer
	images  [2][]byte
	planes  []byte
}

// NewScratch returns an empty Scratch.
func NewScratch() *Scratch { return new(Scratch) }

// Apply turns the decoded pixels of d.Region into dst, which is RowBytes long.
// region may be overwritten. Steady-state calls allocate nothing. The only errors
// are of kind Invalid: the image is so long and thin that a step would take too much
// memory.
func (p *Pipeline) Apply(d *Decision, region pixel.RGB, dst []byte, s *Scratch) error {
	a := applier{Scratch: s, image: region, at: d.Region.Min}
	a.into = pixel.RGB{Pix: dst, Stride: 3 * p.size.Width, Width: p.size.Width, Height: p.size.Height}
	a.direct = d.lastMade(p.spec.Output)
	for i := range d.n {
		if err := a.apply(&d.steps[i], i); err != nil {
			return err
		}
	}
	if a.direct < 0 {
		p.writer.Write(dst, a.image, &s.planes)
	}
	for i := range d.n {
		p.eraseOutput(&d.steps[i], dst)
	}
	return nil
}

// lastMade returns the last step that makes a new image, where that image may be
// the output itself, or -1.
func (d *Decision) lastMade(o Output) int {
	if o.DType != tensor.Uint8 || o.Layout != tensor.NHWC {
		return -1
	}
	for i := d.n - 1; i >= 0; i-- {
		switch d.steps[i].kind {
		case stepResize, stepOrient:
			return i
		case stepCrop, stepPad, stepContrast:
			return -1
		}
	}
	return -1
}

// longest is the longest side that is resized, in pixels. The coefficients of a
// side take memory in proportion to it.
const longest = 1 << 22

// applier carries an image through the steps. It covers the part of the step's
// image that has its top left corner at at.
type applier struct {
	*Scratch
	image  pixel.RGB
	at     image.Point
	into   pixel.RGB // the output as an image, for step number direct
	direct int
	turn   int // which scratch image is free
}

// fresh returns an image for the result of step number i.
func (a *applier) fresh(i int, window image.Rectangle) (pixel.RGB, error) {
	if i == a.direct {
		return a.into, nil
	}
	if int64(window.Dx())*int64(window.Dy()) > codec.DefaultMaxPixels {
		return pixel.RGB{}, errs.New(errs.Invalid, "an intermediate image of %d x %d pixels is above the limit of %d",
			window.Dx(), window.Dy(), codec.DefaultMaxPixels).
			WithHint("the image is very long and thin; crop before resizing")
	}
	a.turn ^= 1
	return pixel.Grow(&a.images[a.turn], window.Dx(), window.Dy()), nil
}

func (a *applier) apply(s *step, i int) error {
	switch s.kind {
	case stepCrop:
		a.image = crop(a.image, s.window.Add(s.rect.Min).Sub(a.at))
		a.at = s.window.Min
	case stepPad, stepResize, stepOrient:
		m, err := a.fresh(i, s.window)
		if err != nil {
			return err
		}
		if s.kind == stepResize && max(s.inWidth, s.inHeight, s.outWidth, s.outHeight) > longest {
			return errs.New(errs.Invalid, "an image of %d x %d pixels is too long to resize to %d x %d",
				s.inWidth, s.inHeight, s.outWidth, s.outHeight).
				WithHint("crop it first, or leave it out")
		}
		a.make(m, s)
	case stepFlipX:
		pixel.FlipX(a.image)
		a.at.X = s.inWidth - a.at.X - a.image.Width
	case stepFlipY:
		pixel.FlipY(a.image)
		a.at.Y = s.inHeight - a.at.Y - a.image.Height
	case stepErase:
		a.erase(s)
	default:
		a.colour(s)
	}
	return nil
}

// make fills m with the step's window and goes on with it.
func (a *applier) make(m pixel.RGB, s *step) {
	switch s.kind {
	case stepResize:
		r := s.resampling()
		a.resizer.Resize(m, a.image, a.at, &r)
	case stepOrient:
		pixel.Orient(m, a.image, s.orientation)
	case stepPad:
		pixel.Fill(m, s.colour)
		have := image.Rect(0, 0, a.image.Width, a.image.Height).Add(a.at).Add(s.rect.Min)
		if both := have.Intersect(s.window); !both.Empty() {
			to, from := both.Sub(s.window.Min), both.Sub(have.Min)
			pixel.Copy(crop(m, to), crop(a.image, from))
		}
	}
	a.image, a.at = m, s.window.Min
}

func crop(m pixel.RGB, r image.Rectangle) pixel.RGB {
	return m.Crop(r.Min.X, r.Min.Y, r.Dx(), r.Dy())
}

func (a *applier) colour(s *step) {
	switch s.kind {
	case stepBrightness:
		pixel.Brightness(a.image, s.factor)
	case stepContrast:
		pixel.Contrast(a.image, s.factor)
		a.image = crop(a.image, s.window.Sub(a.at))
		a.at = s.window.Min
	case stepSaturation:
		pixel.Saturation(a.image, s.factor)
	case stepHue:
		pixel.Hue(a.image, s.shift)
	case stepGrayscale:
		pixel.Grayscale(a.image)
	}
}

func (a *applier) erase(s *step) {
	have := image.Rect(0, 0, a.image.Width, a.image.Height).Add(a.at)
	if both := have.Intersect(s.rect); !both.Empty() {
		pixel.Fill(crop(a.image, both.Sub(a.at)), s.colour)
	}
}

// eraseOutput overwrites a rectangle of the written output. Noise is drawn channel
// by channel, row by row, whatever the layout.
func (p *Pipeline) eraseOutput(s *step, dst []byte) {
	if s.kind != stepEraseOutput {
		return
	}
	source := s.source
	for c := range 3 {
		for y := s.rect.Min.Y; y < s.rect.Max.Y; y++ {
			for x := s.rect.Min.X; x < s.rect.Max.X; x++ {
				v := s.values[c]
				if s.noise {
					v = float32(source.Normal())
				}
				p.writer.Put(dst, p.size.Width, p.size.Height, x, y, c, v)
			}
		}
	}
}
