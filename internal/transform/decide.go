package transform

import (
	"image"
	"sync"

	"stoker/internal/codec"
	"stoker/internal/pixel"
	"stoker/internal/rng"
)

type stepKind uint8

const (
	stepCrop stepKind = iota
	stepPad
	stepResize
	stepFlipX
	stepFlipY
	stepOrient
	stepBrightness
	stepContrast
	stepSaturation
	stepHue
	stepGrayscale
	stepErase
	stepEraseOutput // after the output is written, in its units
)

// pointwise reports whether the step changes pixels by their value (and the mean
// of all) alone, so that mirroring before or after it makes no difference.
func (k stepKind) pointwise() bool { return k >= stepBrightness && k <= stepGrayscale }

// step is an operation with its choices made.
type step struct {
	kind                stepKind
	inWidth, inHeight   int             // of the image before
	outWidth, outHeight int             // of the image after
	window              image.Rectangle // the part of the image after that is needed
	rect                image.Rectangle // crop, erase: what; pad: where the image lies
	filter              pixel.Filter    // resize
	flipX, flipY        bool            // resize: mirror the result
	rowsFirst           bool            // resize
	orientation         pixel.Orientation
	factor              float32    // colour changes
	shift               uint8      // hue
	colour              Colour     // pad, erase
	values              [3]float32 // eraseOutput
	noise               bool       // eraseOutput: draw from source instead
	source              rng.Source
}

// maxSteps bounds the steps of a pipeline; one is for the orientation.
const maxSteps = 24

// Decision is everything that was decided for one sample.
type Decision struct {
	// Region is the rectangle of stored pixels to decode, never empty.
	Region image.Rectangle

	n     int
	steps [maxSteps]step
}

// Decide draws the random choices of one sample, whose header says info, and
// finds the pixels that they need. It is a pure function. Operation i of the spec
// draws from key.Sub(i).
func (p *Pipeline) Decide(key rng.Key, info codec.Info) Decision {
	c := choosers.Get().(*chooser)
	defer choosers.Put(c)
	*c = chooser{width: max(info.Width, 1), height: max(info.Height, 1)}
	if p.spec.ApplyOrientation && info.Orientation > 1 {
		c.orient(pixel.Orientation(info.Orientation))
	}
	for i, op := range p.spec.Ops {
		c.Source = key.Sub(uint64(i)).Source()
		op.decide(c)
	}
	c.d.narrow(image.Rect(0, 0, c.width, c.height))
	return c.d
}

// choosers saves Decide an allocation: what goes through an interface lies on the
// heap.
var choosers = sync.Pool{New: func() any { return new(chooser) }}

func (c *chooser) orient(o pixel.Orientation) {
	s := step{kind: stepOrient, orientation: o, outWidth: c.width, outHeight: c.height}
	if o.Transposed() {
		s.outWidth, s.outHeight = c.height, c.width
	}
	c.add(s)
}

// narrow goes back from the wanted part of the result to the part of every step's
// image, and of the stored one, that it depends on.
func (d *Decision) narrow(want image.Rectangle) {
	for i := d.n - 1; i >= 0; i-- {
		d.steps[i].window = want
		want = d.steps[i].needs()
	}
	d.Region = want
}

// needs returns the part of the image before that the window depends on.
func (s *step) needs() image.Rectangle {
	w := s.window
	switch s.kind {
	case stepCrop:
		return w.Add(s.rect.Min)
	case stepPad:
		return inside(w.Sub(s.rect.Min), s.inWidth, s.inHeight)
	case stepResize:
		r := s.resampling()
		return r.Source()
	case stepFlipX:
		return mirrorX(w, s.inWidth)
	case stepFlipY:
		return mirrorY(w, s.inHeight)
	case stepOrient:
		return s.orientation.Stored(w, s.inWidth, s.inHeight)
	case stepContrast: // takes the mean of the whole
		return image.Rect(0, 0, s.inWidth, s.inHeight)
	}
	return w
}

// resampling returns the resize of the step, limited to its window.
func (s *step) resampling() pixel.Resampling {
	r := pixel.Resampling{
		Filter: s.filter, Width: s.inWidth, Height: s.inHeight,
		OutWidth: s.outWidth, OutHeight: s.outHeight,
		Window: s.window, FlipX: s.flipX, FlipY: s.flipY, RowsFirst: s.rowsFirst,
	}
	if s.flipX {
		r.Window = mirrorX(r.Window, s.outWidth)
	}
	if s.flipY {
		r.Window = mirrorY(r.Window, s.outHeight)
	}
	return r
}

func mirrorX(r image.Rectangle, width int) image.Rectangle {
	r.Min.X, r.Max.X = width-r.Max.X, width-r.Min.X
	return r
}

func mirrorY(r image.Rectangle, height int) image.Rectangle {
	r.Min.Y, r.Max.Y = height-r.Max.Y, height-r.Min.Y
	return r
}

// inside returns the part of r inside an image, or where there is none one pixel,
// so that there is always something to decode.
func inside(r image.Rectangle, width, height int) image.Rectangle {
	if r = r.Intersect(image.Rect(0, 0, width, height)); !r.Empty() {
		return r
	}
	return image.Rect(0, 0, 1, 1)
}
