package transform

import (
	"stoker/internal/errs"
	"stoker/internal/pixel"
)

// ColorJitter changes brightness, contrast, saturation and hue by factors drawn
// uniformly, in an order drawn uniformly, as torchvision's ColorJitter does on
// Pillow images. Factors of 1 and a hue shift of 0 change nothing; a range that
// holds nothing else leaves that change out.
type ColorJitter struct {
	Brightness Range `json:"brightness"`
	Contrast   Range `json:"contrast"`
	Saturation Range `json:"saturation"`
	Hue        Range `json:"hue"` // of the circle, within [-0.5, 0.5]
}

// NewColorJitter returns a ColorJitter that changes nothing.
func NewColorJitter() *ColorJitter {
	return &ColorJitter{Brightness: Range{1, 1}, Contrast: Range{1, 1}, Saturation: Range{1, 1}}
}

// Name implements Op.
func (*ColorJitter) Name() string { return "color_jitter" }
func (*ColorJitter) version() int { return 1 }
func (*ColorJitter) steps() int   { return 4 }

func (o *ColorJitter) check() error {
	for _, r := range [3]struct {
		name string
		Range
	}{{"brightness", o.Brightness}, {"contrast", o.Contrast}, {"saturation", o.Saturation}} {
		if err := r.Range.check(o.Name(), r.name, 0, 1e6); err != nil {
			return err
		}
	}
	return o.Hue.check(o.Name(), "hue", -0.5, 0.5)
}

func (*ColorJitter) extent(e extent) extent { return e }

func (o *ColorJitter) decide(c *chooser) {
	order := [4]int{0, 1, 2, 3}
	for i := 3; i > 0; i-- {
		j := c.IntN(i + 1)
		order[i], order[j] = order[j], order[i]
	}
	ranges := [4]Range{o.Brightness, o.Contrast, o.Saturation, o.Hue}
	kinds := [4]stepKind{stepBrightness, stepContrast, stepSaturation, stepHue}
	neutral := [4]float64{1, 1, 1, 0}
	var factors [4]float64
	for i, r := range ranges {
		factors[i] = c.Uniform(r.Lo, r.Hi)
	}
	for _, i := range order {
		if ranges[i] == (Range{neutral[i], neutral[i]}) {
			continue
		}
		s := step{kind: kinds[i], factor: float32(factors[i])}
		if s.kind == stepHue {
			s.shift = pixel.HueShift(factors[i])
		}
		c.add(s)
	}
}

// Grayscale sets all three channels to the luma with probability P, 1 by default.
type Grayscale struct {
	P float64 `json:"p"`
}

// Name implements Op.
func (*Grayscale) Name() string           { return "grayscale" }
func (*Grayscale) version() int           { return 1 }
func (*Grayscale) steps() int             { return 1 }
func (o *Grayscale) check() error         { return checkP(o.Name(), o.P) }
func (*Grayscale) extent(e extent) extent { return e }
func (o *Grayscale) decide(c *chooser) {
	if c.Bool(o.P) {
		c.add(step{kind: stepGrayscale})
	}
}

// Normalize turns channel values x into (x/255 - Mean) / Std in 32-bit floats, as
// torchvision's ToTensor and Normalize do. It needs a float output; without it
// float outputs hold x/255.
type Normalize struct {
	Mean [3]float64 `json:"mean"`
	Std  [3]float64 `json:"std"`
}

// Name implements Op.
func (*Normalize) Name() string { return "normalize" }
func (*Normalize) version() int { return 1 }
func (*Normalize) steps() int   { return 0 }

func (o *Normalize) check() error {
	for _, s := range o.Std {
		if s == 0 || float32(s) == 0 {
			return errs.New(errs.Invalid, "normalize: std is %v; zero cannot be divided by", o.Std).
				WithHint("give std as three numbers above 0")
		}
	}
	return nil
}

func (*Normalize) extent(e extent) extent { return e }

// decide adds nothing: normalisation is a part of writing the output.
func (*Normalize) decide(*chooser) {}
