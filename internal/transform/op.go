package transform

import (
	"image"
	"math"

	"stoker/internal/rng"
)

// Op is one operation of a Spec: a pointer to one of the operation types of this
// package.
type Op interface {
	// Name is the operation's name in JSON.
	Name() string

	// version is bumped whenever any output byte could change.
	version() int

	// check validates the parameters.
	check() error

	// steps returns how many steps decide adds at most.
	steps() int

	// extent returns what is known of the output's size.
	extent(in extent) extent

	// decide draws the operation's parameters and adds its steps.
	decide(c *chooser)
}

// extent is what is known of an image's size at compile time: the exact size, or
// an upper bound, or nothing (0).
type extent struct {
	width, height       int // exact, or 0
	maxWidth, maxHeight int // bound, or 0
}

func exactly(s Size) extent { return extent{s.Width, s.Height, s.Width, s.Height} }

func (e extent) known() bool { return e.width > 0 && e.height > 0 }

// chooser collects the steps of one sample. The image has width x height pixels
// at the point where the next step is added.
type chooser struct {
	rng.Source
	width, height int
	d             Decision
}

func (c *chooser) add(s step) {
	s.inWidth, s.inHeight = c.width, c.height
	switch s.kind {
	case stepCrop, stepPad, stepResize, stepOrient:
	default:
		s.outWidth, s.outHeight = c.width, c.height
	}
	c.width, c.height = s.outWidth, s.outHeight
	c.d.steps[c.d.n] = s
	c.d.n++
}

func (c *chooser) crop(x, y, width, height int) {
	if x == 0 && y == 0 && width == c.width && height == c.height {
		return
	}
	c.add(step{kind: stepCrop, rect: image.Rect(x, y, x+width, y+height), outWidth: width, outHeight: height})
}

func (c *chooser) pad(p Padding, fill Colour) {
	if p == (Padding{}) {
		return
	}
	c.add(step{
		kind: stepPad, rect: image.Rect(p.Left, p.Top, p.Left+c.width, p.Top+c.height), colour: fill,
		outWidth: c.width + p.Left + p.Right, outHeight: c.height + p.Top + p.Bottom,
	})
}

// flip mirrors the image. Where only pointwise steps lie between it and a resize,
// the resize does it for nothing.
func (c *chooser) flip(kind stepKind) {
	for i := c.d.n - 1; i >= 0; i-- {
		s := &c.d.steps[i]
		if s.kind == stepResize {
			s.flipX = s.flipX != (kind == stepFlipX)
			s.flipY = s.flipY != (kind == stepFlipY)
			return
		}
		if !s.kind.pointwise() {
			break
		}
	}
	c.add(step{kind: kind})
}

// roundEven is Python's round: halves go to the even neighbour.
func roundEven(x float64) int { return int(math.RoundToEven(x)) }
