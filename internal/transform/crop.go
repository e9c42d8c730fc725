package transform

import "stoker/internal/errs"

// CenterCrop cuts the middle out. Smaller images are first padded with black, the
// odd pixel to the right and below, as torchvision's CenterCrop does.
type CenterCrop struct {
	Size Size `json:"size"`
}

// Name implements Op.
func (*CenterCrop) Name() string           { return "center_crop" }
func (*CenterCrop) version() int           { return 1 }
func (*CenterCrop) steps() int             { return 2 }
func (o *CenterCrop) check() error         { return o.Size.check(o.Name()) }
func (o *CenterCrop) extent(extent) extent { return exactly(o.Size) }

func (o *CenterCrop) decide(c *chooser) {
	c.padTo(o.Size, Colour{})
	x, y := c.width-o.Size.Width, c.height-o.Size.Height
	c.crop(roundEven(float64(x)/2), roundEven(float64(y)/2), o.Size.Width, o.Size.Height)
}

// padTo pads the image to at least the given size, keeping it in the middle.
func (c *chooser) padTo(s Size, fill Colour) {
	dx, dy := max(s.Width-c.width, 0), max(s.Height-c.height, 0)
	c.pad(Padding{Left: dx / 2, Top: dy / 2, Right: (dx + 1) / 2, Bottom: (dy + 1) / 2}, fill)
}

// RandomCrop cuts a part at a uniformly drawn place, after adding Padding. Images
// that are still too small are padded on both sides by what is missing, as
// torchvision does with pad_if_needed.
type RandomCrop struct {
	Size    Size    `json:"size"`
	Padding Padding `json:"padding"`
	Fill    Colour  `json:"fill"`
}

// Name implements Op.
func (*RandomCrop) Name() string { return "random_crop" }
func (*RandomCrop) version() int { return 1 }
func (*RandomCrop) steps() int   { return 4 }

func (o *RandomCrop) check() error {
	if err := o.Padding.check(o.Name()); err != nil {
		return err
	}
	return o.Size.check(o.Name())
}

func (o *RandomCrop) extent(extent) extent { return exactly(o.Size) }

func (o *RandomCrop) decide(c *chooser) {
	c.pad(o.Padding, o.Fill)
	if dx := o.Size.Width - c.width; dx > 0 {
		c.pad(Padding{Left: dx, Right: dx}, o.Fill)
	}
	if dy := o.Size.Height - c.height; dy > 0 {
		c.pad(Padding{Top: dy, Bottom: dy}, o.Fill)
	}
	x, y := c.IntN(c.width-o.Size.Width+1), c.IntN(c.height-o.Size.Height+1)
	c.crop(x, y, o.Size.Width, o.Size.Height)
}

// Pad adds Padding; or, where Size is given, what is missing to that size, with
// the image in the middle. It never cuts.
type Pad struct {
	Padding *Padding `json:"padding,omitempty"`
	Size    *Size    `json:"size,omitempty"`
	Fill    Colour   `json:"fill"`
}

// Name implements Op.
func (*Pad) Name() string { return "pad" }
func (*Pad) version() int { return 1 }
func (*Pad) steps() int   { return 1 }

func (o *Pad) check() error {
	switch {
	case (o.Padding == nil) == (o.Size == nil):
		return errs.New(errs.Invalid, "pad: give either padding or size")
	case o.Size != nil:
		return o.Size.check(o.Name())
	}
	return o.Padding.check(o.Name())
}

func (o *Pad) extent(in extent) extent {
	grow := func(n, by int) int {
		if n == 0 {
			return 0
		}
		return n + by
	}
	if p := o.Padding; p != nil {
		x, y := p.Left+p.Right, p.Top+p.Bottom
		return extent{grow(in.width, x), grow(in.height, y), grow(in.maxWidth, x), grow(in.maxHeight, y)}
	}
	w, maxW := padded(in.maxWidth, in.width, o.Size.Width)
	h, maxH := padded(in.maxHeight, in.height, o.Size.Height)
	return extent{w, h, maxW, maxH}
}

// padded returns the exact length, or 0, and the bound, or 0, of an axis padded to
// at least size.
func padded(bound, exact, size int) (int, int) {
	switch {
	case exact > 0:
		return max(exact, size), max(exact, size)
	case bound > 0 && bound <= size:
		return size, size
	case bound > 0:
		return 0, bound
	}
	return 0, 0
}

func (o *Pad) decide(c *chooser) {
	if o.Padding != nil {
		c.pad(*o.Padding, o.Fill)
		return
	}
	c.padTo(*o.Size, o.Fill)
}
