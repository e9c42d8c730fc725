package pixel

import (
	"fmt"
	"math"
	"strings"
)

// Filter is the kernel of a resampling. All but Nearest are antialiased: when
// shrinking, the kernel is stretched over all source pixels that an output pixel
// covers.
type Filter uint8

// The filters, as Pillow's Image.Resampling defines them. The zero value is the
// one that torchvision uses where nothing else is asked for.
const (
	Bilinear Filter = iota
	Bicubic         // Keys 1981 with a = -0.5
	Nearest
	Box
	Lanczos // three lobes
)

var filterNames = [...]string{"bilinear", "bicubic", "nearest", "box", "lanczos"}

func (f Filter) String() string { return filterNames[f] }

// ParseFilter is the inverse of String.
func ParseFilter(name string) (Filter, error) {
	for i, n := range filterNames {
		if n == name {
			return Filter(i), nil
		}
	}
	return 0, fmt.Errorf("unknown interpolation %q (%s)", name, strings.Join(filterNames[:], ", "))
}

// radius returns half the kernel's width in source pixels when enlarging.
func (f Filter) radius() float64 {
	switch f {
	case Box:
		return 0.5
	case Bicubic:
		return 2
	case Lanczos:
		return 3
	}
	return 1
}

// weight returns the kernel at distance x. The order of the operations is
// Pillow's, so the rounding is too; the conversions keep processors with fused
// multiply-add from rounding less often.
func (f Filter) weight(x float64) float64 {
	switch f {
	case Box:
		if x > -0.5 && x <= 0.5 {
			return 1
		}
		return 0
	case Bicubic:
		return cubic(math.Abs(x))
	case Lanczos:
		if -3 <= x && x < 3 {
			return sinc(x) * sinc(x/3)
		}
		return 0
	}
	return triangle(math.Abs(x))
}

func triangle(x float64) float64 {
	if x < 1 {
		return 1 - x
	}
	return 0
}

func cubic(x float64) float64 {
	const a = -0.5
	switch {
	case x < 1:
		return float64(float64(float64(float64((a+2)*x)-(a+3))*x)*x) + 1
	case x < 2:
		return (float64((float64((x-5)*x)+8)*x) - 4) * a
	}
	return 0
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// MarshalText writes the name.
func (f Filter) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads a name.
func (f *Filter) UnmarshalText(name []byte) error {
	v, err := ParseFilter(string(name))
	if err == nil {
		*f = v
	}
	return err
}
