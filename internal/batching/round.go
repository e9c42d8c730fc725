package batching

import (
	"math"

	"stoker/internal/errs"
)

// Round says to what lengths batches are padded, so that compilers and kernels
// meet few shapes. The zero value pads to the longest of the batch.
type Round struct {
	// Multiple rounds up to a multiple, such as 8 for tensor cores.
	Multiple int32
	// Ladder, above 1, rounds up to the powers of a ratio instead: 1.1 costs
	// 4.6 % on average and knows 38 shapes from 64 to 2,470.
	Ladder float64
}

// Up returns the padded length of a batch whose longest sequence has n tokens.
func (r Round) Up(n int32) int32 {
	switch {
	case n <= 0:
		return 0
	case r.Ladder > 1:
		return r.rung(n)
	case r.Multiple > 1:
		return int32(min((int64(n)+int64(r.Multiple)-1)/int64(r.Multiple)*int64(r.Multiple), math.MaxInt32))
	}
	return n
}

// rung returns the lowest step of the ladder that reaches n. The steps are whole
// numbers and each is at least one above the last.
func (r Round) rung(n int32) int32 {
	k := math.Floor(math.Log(float64(n)) / math.Log(r.Ladder))
	for k = max(k-1, 0); ; k++ {
		if step := math.Ceil(math.Pow(r.Ladder, k)); step >= float64(n) {
			return int32(min(step, math.MaxInt32))
		}
	}
}

func (r Round) check() error {
	if r.Multiple < 0 || r.Ladder != 0 && !(r.Ladder >= 1.001 && r.Ladder <= 16) || r.Multiple > 0 && r.Ladder != 0 {
		return errs.New(errs.Invalid, "cannot pad to multiples of %d on a ladder of %v", r.Multiple, r.Ladder).
			WithHint("give a multiple, or a ratio between 1.001 and 16, or neither")
	}
	return nil
}
