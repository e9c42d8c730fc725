package calibrate

import (
	"context"
	"math"
	"slices"
	"time"

	"stoker/internal/sysinfo"
)

// Value is a figure: the median of the blocks that were kept, or of their fastest
// third, and the range of all, a fifth of them at each end apart.
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
	cores int // that a block keeps busy; 0: whoever else works does not matter
	// alone says that nothing but the cores themselves works in a block. Then others,
	// such as the host's other guests, can only make it slower, and the figure is the
	// median of the fastest third: STREAM (McCalpin 1995) and lmbench (McVoy and Staelin
	// 1996) take the fastest one.
	alone bool

	good, bad []float64 // by whether others disturbed the block
	failed    bool      // it cannot be measured here
}

// Blocks of each figure: those wanted, how many may be added where others disturb
// the machine, and the least that there must be.
const (
	rounds     = 9
	moreRounds = 4
	enough     = 3
)

// usual is how long the rounds last at most, unless the least number of blocks
// takes longer: some time is left for the framework.
const usual = 40 * time.Second

// measure runs the blocks of the items in turn, a round after the other. Disturbed
// blocks are measured again, in at most moreRounds further rounds.
func (c *calibrator) measure(ctx context.Context, items []*item) error {
	want, more := rounds, moreRounds
	if c.Quick {
		want, more = enough, 0
	}
	until := time.Now().Add(usual)
	turn := slices.Clone(items)
	for _, it := range items {
		if it.alone { // twice in a round: the more blocks, the likelier some calm ones
			turn = append(turn, it)
		}
	}
	c.Meter.Phase("measuring", "blocks", int64(want*len(turn)), 0)
	for round := range want + more {
		if round >= enough && time.Now().After(until) {
			break
		}
		if round == want {
			c.Meter.Phase("measuring disturbed blocks again", "blocks", 0, 0)
		}
		for _, it := range turn {
			if it.failed || round >= want && len(it.good) >= enough {
				continue
			}
			err := c.once(ctx, it)
			it.failed = err != nil && ctx.Err() == nil
			if err := c.lacks(ctx, err); err != nil || ctx.Err() != nil {
				return err
			}
			c.Meter.Add(1, 0)
		}
	}
	return nil
}

// once adds a block.
func (c *calibrator) once(ctx context.Context, it *item) error {
	rest(ctx)
	before := look(c.helper)
	v, err := it.block(ctx)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	if it.cores > 0 && before.until(look(c.helper)).disturbs(it.cores) {
		it.bad = append(it.bad, v)
	} else {
		it.good = append(it.good, v)
	}
	return nil
}

// rest waits until this process does nothing, at most restMost: the block before
// may have left work, such as the batches that a session makes ahead.
func rest(ctx context.Context) {
	const glance, restMost, idle = 4 * time.Millisecond, time.Second, 0.1
	for start := time.Now(); time.Since(start) < restMost && ctx.Err() == nil; {
		at, cpu := time.Now(), sysinfo.ProcessCPU()
		time.Sleep(glance)
		if (sysinfo.ProcessCPU() - cpu).Seconds() < idle*time.Since(at).Seconds() {
			return
		}
	}
}

// finish adds the row of the blocks to the report, where there are enough. Where too
// few were good all are used, and it is said.
func (c *calibrator) finish(it *item) {
	if it.failed || len(it.good)+len(it.bad) < enough {
		return
	}
	r, blocks := it.row, it.good
	if len(blocks) < enough {
		blocks, r.Disturbed = append(blocks, it.bad...), true
	}
	r.Value = value(it.unit, blocks)
	if !r.Disturbed {
		r.Value.Dropped = len(it.bad)
	}
	if it.alone {
		r.Value = r.Value.fastest(blocks)
	}
	c.add(r)
}

// fastest returns the value with the median of the fastest third of its blocks in
// the middle.
func (v Value) fastest(blocks []float64) Value {
	sorted := slices.Sorted(slices.Values(blocks))
	third := sorted[:(len(sorted)+2)/3]
	if v.Unit != "s" { // a rate
		third = sorted[len(sorted)-len(third):]
	}
	v.Mid = value(v.Unit, third).Mid
	v.Low, v.High = min(v.Low, v.Mid), max(v.High, v.Mid)
	return v
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
