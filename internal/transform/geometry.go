package transform

import (
	"encoding/json"
	"fmt"
	"math"

	"stoker/internal/errs"
	"stoker/internal/pixel"
)

// filter is a pixel.Filter with its name in JSON.
type filter = pixel.Filter

// Pillow is the major version of Pillow whose resizing is wanted: 13, the default,
// or 12, which stands for all before. They differ in the last bit of some pixels of
// some tall images (pixel.Resampling.RowsFirst).
type Pillow int

// UnmarshalJSON reads 12 or 13.
func (p *Pillow) UnmarshalJSON(data []byte) error {
	if v := string(data); v != "12" && v != "13" {
		return fmt.Errorf("pillow is 12 or 13, not %s", data)
	}
	*p = Pillow(10 + int(data[1]-'0'))
	return nil
}

// MarshalJSON writes the version.
func (p Pillow) MarshalJSON() ([]byte, error) {
	if p == 0 {
		p = 13
	}
	return json.Marshal(int(p))
}

// RandomResizedCrop crops a random part and resizes it: area and aspect ratio are
// drawn as torchvision's RandomResizedCrop draws them (after Szegedy et al. 2015).
type RandomResizedCrop struct {
	Size          Size   `json:"size"`
	Scale         Range  `json:"scale"` // of the image's area
	Ratio         Range  `json:"ratio"` // width by height, drawn log-uniformly
	Interpolation filter `json:"interpolation"`
	Pillow        Pillow `json:"pillow"`
}

// NewRandomResizedCrop returns the operation with torchvision's defaults.
func NewRandomResizedCrop(height, width int) *RandomResizedCrop {
	return &RandomResizedCrop{Size: Size{height, width}, Scale: Range{0.08, 1}, Ratio: Range{3.0 / 4, 4.0 / 3}}
}

// Name implements Op.
func (*RandomResizedCrop) Name() string { return "random_resized_crop" }
func (*RandomResizedCrop) version() int { return 1 }
func (*RandomResizedCrop) steps() int   { return 2 }

func (o *RandomResizedCrop) check() error {
	if err := o.Scale.check(o.Name(), "scale", 1e-6, 1); err != nil {
		return err
	}
	if err := o.Ratio.check(o.Name(), "ratio", 1e-3, 1e3); err != nil {
		return err
	}
	return o.Size.check(o.Name())
}

func (o *RandomResizedCrop) extent(extent) extent { return exactly(o.Size) }

func (o *RandomResizedCrop) decide(c *chooser) {
	x, y, w, h := o.draw(c)
	c.crop(x, y, w, h)
	c.resize(o.Size.Width, o.Size.Height, o.Interpolation, o.Pillow)
}

// draw tries ten times to fit a drawn area and ratio, then takes the largest
// central crop within the ratios.
func (o *RandomResizedCrop) draw(c *chooser) (x, y, w, h int) {
	area := float64(c.width) * float64(c.height)
	for range 10 {
		target := area * c.Uniform(o.Scale.Lo, o.Scale.Hi)
		aspect := c.LogUniform(o.Ratio.Lo, o.Ratio.Hi)
		w = roundEven(math.Sqrt(target * aspect))
		h = roundEven(math.Sqrt(target / aspect))
		if 0 < w && w <= c.width && 0 < h && h <= c.height {
			return c.IntN(c.width - w + 1), c.IntN(c.height - h + 1), w, h
		}
	}
	w, h = c.width, c.height
	switch aspect := float64(w) / float64(h); {
	case aspect < o.Ratio.Lo:
		h = min(max(roundEven(float64(w)/o.Ratio.Lo), 1), c.height)
	case aspect > o.Ratio.Hi:
		w = min(max(roundEven(float64(h)*o.Ratio.Hi), 1), c.width)
	}
	return (c.width - w) / 2, (c.height - h) / 2, w, h
}

// resize adds a resampling, unless it would copy.
func (c *chooser) resize(width, height int, f filter, p Pillow) {
	if width == c.width && height == c.height {
		return
	}
	c.add(step{kind: stepResize, filter: f, rowsFirst: p == 12, outWidth: width, outHeight: height})
}

// Resize scales the whole image: to Size; or the short side to Short, the long
// side to at most Max where that is given too; or the long side to Max. Sizes
// round as torchvision's Resize rounds them. JSON takes "size" with one number for
// "short".
type Resize struct {
	Size          *Size  `json:"size,omitempty"`
	Short         int    `json:"short,omitempty"`
	Max           int    `json:"max,omitempty"`
	Interpolation filter `json:"interpolation"`
	Pillow        Pillow `json:"pillow"`
}

// UnmarshalJSON reads the members; a "size" of one number means "short".
func (o *Resize) UnmarshalJSON(data []byte) error {
	type plain Resize
	var short struct {
		Size *int `json:"size"`
	}
	if json.Unmarshal(data, &short) != nil || short.Size == nil {
		return json.Unmarshal(data, (*plain)(o))
	}
	err := json.Unmarshal(data, (*plain)(o))
	o.Size, o.Short = nil, *short.Size
	return err
}

// Name implements Op.
func (*Resize) Name() string { return "resize" }
func (*Resize) version() int { return 1 }
func (*Resize) steps() int   { return 1 }

func (o *Resize) check() error {
	exact := o.Size != nil
	if exact == (o.Short != 0 || o.Max != 0) {
		return errs.New(errs.Invalid, "resize: give either size, or short, or max, or short and max")
	}
	if exact {
		return o.Size.check(o.Name())
	}
	for _, side := range [2]int{o.Short, o.Max} {
		if side < 0 || side > maxSide {
			return errs.New(errs.Invalid, "resize: a side of %d pixels; sides go from 1 to %d", side, maxSide)
		}
	}
	if o.Max != 0 && o.Max <= o.Short {
		return errs.New(errs.Invalid, "resize: max is %d and must be above short, which is %d", o.Max, o.Short)
	}
	return nil
}

func (o *Resize) extent(in extent) extent {
	switch {
	case o.Size != nil:
		return exactly(*o.Size)
	case in.known():
		w, h := o.target(in.width, in.height)
		return exactly(Size{h, w})
	}
	return extent{maxWidth: o.Max, maxHeight: o.Max}
}

func (o *Resize) decide(c *chooser) {
	w, h := o.target(c.width, c.height)
	c.resize(w, h, o.Interpolation, o.Pillow)
}

// target returns the new size of an image. Torchvision lets a long thin image
// lose its short side; here a side keeps at least one pixel.
func (o *Resize) target(width, height int) (int, int) {
	if o.Size != nil {
		return o.Size.Width, o.Size.Height
	}
	short, long := min(width, height), max(width, height)
	newShort, newLong := o.Short, 0
	if o.Short > 0 {
		newLong = int(float64(o.Short*long) / float64(short))
		if o.Max > 0 && newLong > o.Max {
			newShort, newLong = int(float64(o.Max*newShort)/float64(newLong)), o.Max
		}
	} else {
		newShort, newLong = int(float64(o.Max*short)/float64(long)), o.Max
	}
	newShort = max(newShort, 1)
	if width <= height {
		return newShort, newLong
	}
	return newLong, newShort
}

// HorizontalFlip mirrors left to right with probability P, 0.5 by default.
type HorizontalFlip struct {
	P float64 `json:"p"`
}

// Name implements Op.
func (*HorizontalFlip) Name() string           { return "horizontal_flip" }
func (*HorizontalFlip) version() int           { return 1 }
func (*HorizontalFlip) steps() int             { return 1 }
func (o *HorizontalFlip) check() error         { return checkP(o.Name(), o.P) }
func (*HorizontalFlip) extent(e extent) extent { return e }
func (o *HorizontalFlip) decide(c *chooser) {
	if c.Bool(o.P) {
		c.flip(stepFlipX)
	}
}

// VerticalFlip mirrors top to bottom with probability P, 0.5 by default.
type VerticalFlip struct {
	P float64 `json:"p"`
}

// Name implements Op.
func (*VerticalFlip) Name() string           { return "vertical_flip" }
func (*VerticalFlip) version() int           { return 1 }
func (*VerticalFlip) steps() int             { return 1 }
func (o *VerticalFlip) check() error         { return checkP(o.Name(), o.P) }
func (*VerticalFlip) extent(e extent) extent { return e }
func (o *VerticalFlip) decide(c *chooser) {
	if c.Bool(o.P) {
		c.flip(stepFlipY)
	}
}
