package transform

import (
	"encoding/json"
	"fmt"

	"stoker/internal/errs"
)

// Size is height and width in pixels. JSON: [height, width], or one number for a
// square.
type Size struct{ Height, Width int }

// UnmarshalJSON reads both forms.
func (s *Size) UnmarshalJSON(data []byte) error {
	var side int
	if json.Unmarshal(data, &side) == nil {
		*s = Size{side, side}
		return nil
	}
	var sides []int
	if err := json.Unmarshal(data, &sides); err != nil || len(sides) != 2 {
		return fmt.Errorf("a size is [height, width] or one number, not %s", data)
	}
	*s = Size{sides[0], sides[1]}
	return nil
}

// MarshalJSON writes [height, width].
func (s Size) MarshalJSON() ([]byte, error) { return json.Marshal([2]int{s.Height, s.Width}) }

// IsZero reports whether no size was given.
func (s Size) IsZero() bool { return s == Size{} }

// maxSide is the largest side of an output.
const maxSide = 1 << 14

func (s Size) check(op string) error {
	if s.Height < 1 || s.Width < 1 || s.Height > maxSide || s.Width > maxSide {
		return errs.New(errs.Invalid, "%s: size is %d x %d; sides go from 1 to %d", op, s.Height, s.Width, maxSide)
	}
	return nil
}

// Range is a closed interval. JSON: [lo, hi].
type Range struct{ Lo, Hi float64 }

// UnmarshalJSON reads [lo, hi].
func (r *Range) UnmarshalJSON(data []byte) error {
	var v []float64
	if err := json.Unmarshal(data, &v); err != nil || len(v) != 2 {
		return fmt.Errorf("a range is [low, high], not %s", data)
	}
	*r = Range{v[0], v[1]}
	return nil
}

// MarshalJSON writes [lo, hi].
func (r Range) MarshalJSON() ([]byte, error) { return json.Marshal([2]float64{r.Lo, r.Hi}) }

func (r Range) check(op, member string, lo, hi float64) error {
	if !(r.Lo >= lo && r.Lo <= r.Hi && r.Hi <= hi) {
		return errs.New(errs.Invalid, "%s: %s is [%g, %g]; it must rise and lie within [%g, %g]",
			op, member, r.Lo, r.Hi, lo, hi)
	}
	return nil
}

// Padding is the number of pixels added at each side. JSON: one number, [left and
// right, top and bottom], or [left, top, right, bottom], as in torchvision.
type Padding struct{ Left, Top, Right, Bottom int }

// UnmarshalJSON reads the three forms.
func (p *Padding) UnmarshalJSON(data []byte) error {
	var v []int
	var all int
	if json.Unmarshal(data, &all) == nil {
		v = []int{all}
	} else if err := json.Unmarshal(data, &v); err != nil {
		v = nil
	}
	switch len(v) {
	case 1:
		*p = Padding{v[0], v[0], v[0], v[0]}
	case 2:
		*p = Padding{v[0], v[1], v[0], v[1]}
	case 4:
		*p = Padding{v[0], v[1], v[2], v[3]}
	default:
		return fmt.Errorf("padding is one, two or four numbers, not %s", data)
	}
	return nil
}

// MarshalJSON writes [left, top, right, bottom].
func (p Padding) MarshalJSON() ([]byte, error) {
	return json.Marshal([4]int{p.Left, p.Top, p.Right, p.Bottom})
}

func (p Padding) check(op string) error {
	for _, v := range [4]int{p.Left, p.Top, p.Right, p.Bottom} {
		if v < 0 || v > maxSide {
			return errs.New(errs.Invalid, "%s: padding of %d pixels; it goes from 0 to %d", op, v, maxSide)
		}
	}
	return nil
}

// Colour is an 8-bit RGB value. JSON: [r, g, b], or one number for grey.
type Colour [3]byte

// UnmarshalJSON reads both forms.
func (c *Colour) UnmarshalJSON(data []byte) error {
	var grey uint8
	if json.Unmarshal(data, &grey) == nil {
		*c = Colour{grey, grey, grey}
		return nil
	}
	var v []uint8
	var wide []int // a JSON array of numbers is no []byte
	if err := json.Unmarshal(data, &wide); err == nil {
		for _, n := range wide {
			if n >= 0 && n <= 255 {
				v = append(v, uint8(n))
			}
		}
	}
	if len(v) != 3 || len(wide) != 3 {
		return fmt.Errorf("a colour is [red, green, blue] or one number, each 0 to 255, not %s", data)
	}
	*c = Colour(v)
	return nil
}

// MarshalJSON writes [r, g, b].
func (c Colour) MarshalJSON() ([]byte, error) {
	return json.Marshal([3]int{int(c[0]), int(c[1]), int(c[2])})
}

func checkP(op string, p float64) error {
	if !(p >= 0 && p <= 1) {
		return errs.New(errs.Invalid, "%s: p is %g; a probability lies within [0, 1]", op, p)
	}
	return nil
}
