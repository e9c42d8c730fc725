package transform

import (
	"encoding/json"
	"fmt"
	"image"
	"math"

	"stoker/internal/errs"
)

// RandomErasing overwrites a random rectangle with probability P (Zhong et al.
// 2017; torchvision's RandomErasing draws it so). Where it stands before
// normalize, or without one, Value is in 0 to 255; behind normalize it is in
// normalised units, as in torchvision's usual order.
type RandomErasing struct {
	P     float64    `json:"p"`
	Scale Range      `json:"scale"` // of the image's area
	Ratio Range      `json:"ratio"` // height by width, drawn log-uniformly
	Value EraseValue `json:"value"`

	normalised bool // set by Compile: stands behind normalize
}

// EraseValue is what an erased pixel holds. JSON: one number, three numbers, or
// "random" for standard normal noise, which only goes behind normalize.
type EraseValue struct {
	Channels [3]float64
	Random   bool
}

// UnmarshalJSON reads the three forms.
func (v *EraseValue) UnmarshalJSON(data []byte) error {
	var all float64
	var each []float64
	var word string
	switch {
	case json.Unmarshal(data, &all) == nil:
		*v = EraseValue{Channels: [3]float64{all, all, all}}
	case json.Unmarshal(data, &each) == nil && len(each) == 3:
		*v = EraseValue{Channels: [3]float64(each)}
	case json.Unmarshal(data, &word) == nil && word == "random":
		*v = EraseValue{Random: true}
	default:
		return fmt.Errorf(`value is one number, three numbers or "random", not %s`, data)
	}
	return nil
}

// MarshalJSON writes three numbers or "random".
func (v EraseValue) MarshalJSON() ([]byte, error) {
	if v.Random {
		return json.Marshal("random")
	}
	return json.Marshal(v.Channels)
}

// NewRandomErasing returns the operation with torchvision's defaults.
func NewRandomErasing() *RandomErasing {
	return &RandomErasing{P: 0.5, Scale: Range{0.02, 0.33}, Ratio: Range{0.3, 3.3}}
}

// Name implements Op.
func (*RandomErasing) Name() string           { return "random_erasing" }
func (*RandomErasing) version() int           { return 1 }
func (*RandomErasing) steps() int             { return 1 }
func (*RandomErasing) extent(e extent) extent { return e }

func (o *RandomErasing) check() error {
	if err := o.Scale.check(o.Name(), "scale", 0, 1); err != nil {
		return err
	}
	if err := o.Ratio.check(o.Name(), "ratio", 1e-3, 1e3); err != nil {
		return err
	}
	if err := o.checkValue(); err != nil {
		return err
	}
	return checkP(o.Name(), o.P)
}

func (o *RandomErasing) checkValue() error {
	if o.normalised {
		return nil
	}
	if o.Value.Random {
		return errs.New(errs.Invalid, "random_erasing: value \"random\" is noise in normalised units").
			WithHint("put random_erasing behind normalize, or give value as a number from 0 to 255")
	}
	for _, v := range o.Value.Channels {
		if !(v >= 0 && v <= 255) {
			return errs.New(errs.Invalid, "random_erasing: value %g is not in 0 to 255", v).
				WithHint("behind normalize any number will do")
		}
	}
	return nil
}

func (o *RandomErasing) decide(c *chooser) {
	if !c.Bool(o.P) {
		return
	}
	rect := o.draw(c)
	if rect.Empty() {
		return
	}
	s := step{kind: stepErase, rect: rect}
	for i, v := range o.Value.Channels {
		s.colour[i], s.values[i] = byte(math.RoundToEven(max(0, min(v, 255)))), float32(v)
	}
	if o.normalised {
		s.kind = stepEraseOutput
		s.noise, s.source = o.Value.Random, c.Source
	}
	c.add(s)
}

// draw tries ten times to fit a drawn area and ratio into the image.
func (o *RandomErasing) draw(c *chooser) image.Rectangle {
	area := float64(c.width) * float64(c.height)
	for range 10 {
		target := area * c.Uniform(o.Scale.Lo, o.Scale.Hi)
		aspect := c.LogUniform(o.Ratio.Lo, o.Ratio.Hi)
		h := roundEven(math.Sqrt(target * aspect))
		w := roundEven(math.Sqrt(target / aspect))
		if h < c.height && w < c.width {
			y, x := c.IntN(c.height-h+1), c.IntN(c.width-w+1)
			return image.Rect(x, y, x+w, y+h)
		}
	}
	return image.Rectangle{}
}
