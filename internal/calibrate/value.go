package calibrate

import (
	"context"
	"math"
	"slices"
	"time"
)

// Value is a figure: the median of the blocks that were kept, and their range, a
// fifth of them at each end apart.
type Value struct {
	Mid     float64 `json:"mid"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	Unit    string  `json:"unit"`
	Blocks  int     `json:"blocks"`            // kept
	Dropped int     `json:"dropped,omitempty"` // disturbed by others, and measured again
}

// Spread is half the range relative to the middle: "+- 3 %" is 0.03.
func (v Value) Spread() float64 {
	if v.Mid == 0 {
		return 0
	}
	return (v.High - v.Low) / 2 / v.Mid
}

// value sums up what blocks measured.
func value(unit string, blocks []float64) Value {
	blocks = slices.DeleteFunc(slices.Clone(blocks), func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
	if len(blocks) == 0 {
		return Value{Unit: unit}
	}
	slices.Sort(blocks)
	n := len(blocks)
	mid := (blocks[(n-1)/2] + blocks[n/2]) / 2
	return Value{Mid: mid, Low: blocks[n/5], High: blocks[n-1-n/5], Unit: unit, Blocks: n}
}

// item is a figure in the making.
type item struct {
	row  Row
	unit string
	// block measures once, for some tenths of a second.
	block func(context.Context) (float64, error)
	// cores is how many a block keeps busy; 0: whoever else works does not matter.
	cores  int
	helper int // process that works for this one in the blocks; 0: none

	good, bad []float64 // by whether others disturbed the block
}

// Blocks of each figure: those wanted, how many may be added where others disturb
// the machine, and the least that there must be.
const (
	rounds     = 9
	moreRounds = 4
	enough     = 3
)

// measure runs the blocks of the items in turn, a round after the other, and adds
// their rows to the report. Disturbed blocks are measured again, in at most
// moreRounds further rounds; where that was not enough they are used, and said.
// When the part's time is over, figures that have enough blocks get no more.
func (c *calibrator) measure(ctx context.Context, items ...*item) error {
	want, more := rounds, moreRounds
	if c.Quick {
		want, more = enough, 0
	}
	c.Meter.Phase(c.verb, "blocks", int64(want*len(items)), 0)
	for round := range want + more {
		if round >= enough && time.Now().After(c.until) {
			break
		}
		for _, it := range items {
			if round >= want && len(it.good) >= enough {
				continue
			}
			if err := it.measure(ctx); err != nil {
				return err
			}
			c.Meter.Add(1, 0)
		}
	}
	for _, it := range items {
		c.add(it.finish())
	}
	return nil
}

// measure adds a block.
func (it *item) measure(ctx context.Context) error {
	before := look(it.helper)
	v, err := it.block(ctx)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	if it.cores > 0 && before.until(look(it.helper)).disturbs(it.cores) {
		it.bad = append(it.bad, v)
	} else {
		it.good = append(it.good, v)
	}
	return nil
}

// finish makes the row of the blocks.
func (it *item) finish() Row {
	r := it.row
	if len(it.good) >= enough {
		r.Value = value(it.unit, it.good)
		r.Value.Dropped = len(it.bad)
		return r
	}
	r.Value, r.Disturbed = value(it.unit, append(it.good, it.bad...)), true
	return r
}

// typical repeats ask for some time, the last time with last, and returns the
// seconds of the median: the mean is that of the few times in which a process was
// not woken at once.
func typical(lasts time.Duration, ask func(last bool) error) (float64, error) {
	var took []float64
	for start, before := time.Now(), time.Now(); ; {
		last := len(took)+1 >= enough && time.Since(start) >= lasts
		if err := ask(last); err != nil {
			return 0, err
		}
		now := time.Now()
		took = append(took, now.Sub(before).Seconds())
		before = now
		if last {
			return value("s", took).Mid, nil
		}
	}
}
