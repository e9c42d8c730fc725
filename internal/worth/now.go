package worth

import (
	"math"

	"stoker/internal/errs"
	"stoker/internal/rng"
)

// Now asks whether to stop a run that goes on, put a cure in place, and start it
// again: a question of when it ends, whatever hours cost. Hours throughout.
type Now struct {
	Remaining Range   // of the run as it is
	Lost      float64 // what has to be done again after the stop
	Gain      Range   // share of the remaining time that the cure saves when it works
	Work      Range   // of a person, while nothing runs
	Works     int     // of one's own past cures, as in Question
	Failed    int     //
	Chance    float64 //
}

// Interruption is the answer. Saved is how much earlier the run ends, negative
// where it ends later.
type Interruption struct {
	Verdict Verdict
	Saved   float64
	Range   Range   // 80 % of the possible expectations
	Earlier float64 // probability that it ends earlier, in expectation
	Chance  float64
}

// Weigh answers n: doing nothing needs no reason, so only a clear Yes is one for
// acting. It is deterministic. Errors are of kind Invalid.
func (n Now) Weigh() (Interruption, error) {
	q := Question{Save: n.Remaining, Work: n.Work, Runs: n.Gain, Works: n.Works, Failed: n.Failed, Chance: n.Chance}
	if err := q.check(); err != nil {
		return Interruption{}, err
	}
	if n.Gain.High > 1 || !(n.Lost >= 0 && n.Lost < math.MaxFloat32) {
		return Interruption{}, errs.New(errs.Invalid, "a gain of %v and a loss of %v hours make no sense", n.Gain.High, n.Lost)
	}
	i := Interruption{Chance: q.chance()}
	i.Saved = n.saved(n.Remaining.Mid(), n.Gain.Mid(), n.Work.Mid(), i.Chance)
	source := rng.NewKey(0x6e6f77).Source()
	saved, uniform := make([]float64, draws), q.uniform()
	for k := range saved {
		saved[k] = n.saved(n.Remaining.draw(&source), min(n.Gain.draw(&source), 1), n.Work.draw(&source), q.drawChance(&source, uniform))
	}
	i.Verdict, i.Range, i.Earlier = judge(saved)
	return i, nil
}

// saved is what is expected: what has to be done again is done at the new speed.
func (n Now) saved(remaining, gain, work, chance float64) float64 {
	return chance*gain*(remaining+n.Lost) - work - n.Lost
}
