package text

import (
	"math"
	"strconv"

	"stoker/internal/errs"
)

// Len returns how many numbers a value of kind Numbers has.
func (v *Value) Len() int {
	if v.Ints != nil {
		return len(v.Ints)
	}
	return len(v.Floats)
}

// Number returns number i.
func (v *Value) Number(i int) float64 {
	if v.Ints != nil {
		return float64(v.Ints[i])
	}
	return v.Floats[i]
}

// Integer returns number i where it is whole.
func (v *Value) Integer(i int) (n int64, ok bool) {
	if v.Ints != nil {
		return v.Ints[i], true
	}
	return Whole(v.Floats[i])
}

// Whole returns f as an integer where it is one exactly.
func Whole(f float64) (n int64, ok bool) {
	return int64(f), f == math.Trunc(f) && math.Abs(f) <= 1<<53
}

// ParseNumbers reads a JSON list of numbers, or of lists of numbers of one length,
// into dst, whose slices it uses again. It is Ints where all are whole.
func ParseNumbers(data []byte, dst *Value) error {
	p := &numberParser{jsonParser: jsonParser{data: data}, ints: dst.Ints[:0], floats: dst.Floats[:0]}
	*dst = Value{Kind: Numbers}
	if err := p.list(); err != nil {
		return err
	}
	if p.space(); p.at < len(data) {
		return errs.New(errs.Invalid, "more stands behind the list of numbers")
	}
	dst.Features = p.features
	if p.float {
		dst.Floats = p.floats
		return nil
	}
	if p.ints == nil {
		p.ints = []int64{} // an empty list is one of integers
	}
	dst.Ints = p.ints
	return nil
}

type numberParser struct {
	jsonParser
	ints     []int64
	floats   []float64
	float    bool // numbers go to floats from now on
	features int
}

var errNoNumbers = "is no list of numbers, nor a list of lists of numbers"

func (p *numberParser) list() error {
	if p.space(); !p.take('[') {
		return errs.New(errs.Invalid, "%s", errNoNumbers)
	}
	p.space()
	nested := p.at < len(p.data) && p.data[p.at] == '['
	for n := 0; !p.take(']'); n++ {
		if n > 0 && !p.take(',') {
			return errs.New(errs.Invalid, "%s: element %d", errNoNumbers, n)
		}
		p.space()
		var err error
		if nested {
			err = p.vector(n)
		} else {
			err = p.one(n)
		}
		if err != nil {
			return err
		}
		p.space()
	}
	return nil
}

// vector reads element n, a list of as many numbers as the others.
func (p *numberParser) vector(n int) error {
	if !p.take('[') {
		return errs.New(errs.Invalid, "element %d is no list of numbers as those before it", n)
	}
	p.space()
	count := 0
	for ; !p.take(']'); count++ {
		if count > 0 && !p.take(',') {
			return errs.New(errs.Invalid, "%s: element %d", errNoNumbers, n)
		}
		p.space()
		if err := p.one(n); err != nil {
			return err
		}
		p.space()
	}
	if n == 0 {
		p.features = count
	}
	if count != p.features || count == 0 {
		return errs.New(errs.Invalid, "element %d has %d numbers, the first has %d", n, count, p.features)
	}
	return nil
}

// one reads a number.
func (p *numberParser) one(n int) error {
	from := p.at
	whole, ok := p.numberText()
	if !ok {
		return errs.New(errs.Invalid, "%s: element %d", errNoNumbers, n)
	}
	s := string(p.data[from:p.at])
	if whole && !p.float {
		if v, err := strconv.ParseInt(s, 10, 64); err == nil {
			p.ints = append(p.ints, v)
			return nil
		}
	}
	if !p.float { // the first fraction: all are floats
		p.float = true
		for _, v := range p.ints {
			p.floats = append(p.floats, float64(v))
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return errs.New(errs.Invalid, "element %d, %s, does not fit 64 bits", n, s)
	}
	p.floats = append(p.floats, v)
	return nil
}
