package past

import (
	"fmt"
	"math"

	"stoker/internal/run/history"
	"stoker/internal/run/student"
)

// Without a history of the same work, less than small is taken for noise, and
// only more than large for a difference; TraceML's comparison draws the same
// lines. assumed is the spread that makes small the limit of two single runs.
const (
	small = 0.03
	large = 0.08
	least = 0.01 // no history makes noise smaller than this
)

// manyFree stands for a spread that is known.
const manyFree = 1000

var assumed = Spread{SD: math.Log1p(small) / student.Quantile(0.975, manyFree) / math.Sqrt2, Free: manyFree}

// Gate tells a difference from noise. Its limits are logarithms of a ratio.
type Gate struct {
	Noise float64 // up to here nothing is claimed
	Sure  float64 // from here on it is a difference; between them it may be one
	Runs  int     // of history that it rests on; 0: the usual figures of 3 and 8 %
}

// NewGate is the gate for means over na and nb runs, at 95 %.
func NewGate(s Spread, na, nb int) Gate {
	if s.Free < 2 {
		return Gate{Noise: math.Log1p(small), Sure: math.Log1p(large)}
	}
	// A spread known from few runs is known badly itself: between the limits that
	// it gives taken as exact and as Student takes it, a difference is possible.
	unit := s.SD * math.Sqrt(1/float64(na)+1/float64(nb))
	return Gate{Noise: max(student.Quantile(0.975, manyFree)*unit, math.Log1p(least)), Sure: max(student.Quantile(0.975, s.Free)*unit, math.Log1p(least)), Runs: s.Runs}
}

// Difference is what a gate makes of a ratio.
type Difference string

// The differences.
const (
	None    Difference = "none"    // beyond noise
	Perhaps Difference = "perhaps" // more than usual noise, but single runs differ by as much
	Clear   Difference = "clear"
)

// Judge says whether a ratio of two times is a difference.
func (g Gate) Judge(ratio float64) Difference {
	switch l := math.Abs(math.Log(ratio)); {
	case l <= g.Noise || math.IsNaN(l):
		return None
	case l <= g.Sure:
		return Perhaps
	}
	return Clear
}

// String says what the gate rests on.
func (g Gate) String() string {
	if g.Runs == 0 {
		return fmt.Sprintf("too few earlier runs to know the noise: below %.0f %% nothing is claimed, from %.0f %% on a difference", 100*small, 100*large)
	}
	if g.Noise > math.Ln2 {
		return fmt.Sprintf("%d runs of this work differ too much by themselves to tell: %.1f times is noise", g.Runs, math.Exp(g.Noise))
	}
	return fmt.Sprintf("%d runs of this work differ so much by themselves that up to %.1f %% is noise, and from %.1f %% on it is a difference", g.Runs, 100*math.Expm1(g.Noise), 100*math.Expm1(g.Sure))
}

// Gain measures what was gained between the runs before and those after, with an
// interval of 80 %, and whether it lies beyond the noise. others are further runs
// of the same work, which tell how much runs differ. ok is false where the runs
// have no measure in common.
func Gain(before, after, others []history.Run) (g history.Gain, d Difference, m Measure, ok bool) {
	m = Best(append(append([]history.Run{}, before...), after...)...)
	if m == "" || len(before) == 0 || len(after) == 0 {
		return g, None, m, false
	}
	logs := func(runs []history.Run) (out []float64) {
		for _, r := range runs {
			s, _ := Seconds(r, m)
			out = append(out, math.Log(s))
		}
		return out
	}
	b, a := logs(before), logs(after)
	l := mean(a) - mean(b)
	spread := Pool(spreadOfLogs(b), spreadOfLogs(a), SpreadOf(others, m))
	d = NewGate(spread, len(before), len(after)).Judge(math.Exp(l))
	if spread.Free < 2 {
		spread = assumed
	}
	half := student.Quantile(0.9, spread.Free) * spread.SD * math.Sqrt(1/float64(len(b))+1/float64(len(a)))
	return history.Gain{Low: -math.Expm1(l + half), Mid: -math.Expm1(l), High: -math.Expm1(l - half)}, d, m, true
}

// spreadOfLogs is that of times of the same work, given as logarithms.
func spreadOfLogs(x []float64) Spread {
	if len(x) < 2 {
		return Spread{Runs: len(x)}
	}
	m, sum := mean(x), 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	return Spread{SD: math.Sqrt(sum / float64(len(x)-1)), Free: len(x) - 1, Runs: len(x)}
}
