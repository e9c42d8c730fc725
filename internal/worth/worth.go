// Package worth weighs the work of a cure against the waiting that it saves.
//
// The model is the break-even of xkcd 1205 with what it leaves out: the chance
// that the cure works, the share of the wait that anyone attends, what the
// machine costs meanwhile, and how sure the figures are. Everything is a pure
// function of its inputs; time is in hours and money in any one currency.
package worth

import (
	"math"
	"slices"

	"stoker/internal/errs"
	"stoker/internal/rng"
)

// Range is an uncertain amount: it lies between Low and High with a probability
// of 80 %. Point makes one that is certain.
type Range struct {
	Low, High float64
}

// Point is a Range without uncertainty.
func Point(v float64) Range { return Range{v, v} }

// Mid is the middle of the range in proportion, the median of what is drawn.
func (r Range) Mid() float64 {
	if r.Low <= 0 {
		return (r.Low + r.High) / 2
	}
	return math.Sqrt(r.Low * r.High)
}

// Question is a cure for a wait that recurs.
type Question struct {
	Save     Range   // hours that each run becomes shorter when the cure works
	Work     Range   // hours of a person's work to put the cure in place
	Runs     Range   // runs that are still planned
	Works    int     // of one's own past cures, how many worked,
	Failed   int     // and how many did not
	Chance   float64 // that it works, 0 to 1; used where there is no past; 0 means certain of nothing
	Attended float64 // share of the wait that costs a person time, 0 to 1
	Person   float64 // money per hour of a person
	Machine  float64 // money per hour of the machine
	Check    float64 // hours of a run that only verifies the cure
	Currency string  // of the prices, for sentences; "" is just money
}

// Verdict is the answer in one word.
type Verdict string

// The verdicts.
const (
	Yes      Verdict = "yes"
	No       Verdict = "no"
	TooClose Verdict = "too close to call"
	Free     Verdict = "nothing to weigh" // neither time nor machine has a price
)

// Answer is what a Question comes to. Net is in hours of a person's time where
// that has a price, else in money.
type Answer struct {
	Verdict   Verdict
	InHours   bool    // unit of Net
	Net       float64 // expected gain minus cost, at the middle of the ranges
	NetRange  Range   // 80 % of the possible nets
	PaysBack  float64 // probability that the expected net is positive
	BreakEven float64 // runs after which it pays, +Inf where never
	Chance    float64 // that it works, as used
	PerRun    float64 // expected gain of one run, in the unit of Net
}

// draws is the size of the Monte Carlo sample: its 10 % quantile is good to
// about 0.4 % of probability.
const draws = 4096

// confident is the probability from which the answer is yes, or no.
const confident = 0.9

// Weigh answers q. It is deterministic. Errors are of kind Invalid and name the
// amount that makes no sense.
func Weigh(q Question) (Answer, error) {
	if err := q.check(); err != nil {
		return Answer{}, err
	}
	chance := q.chance()
	a := Answer{InHours: q.Person > 0, Chance: chance}
	if q.Person == 0 && q.Machine == 0 {
		a.Verdict, a.BreakEven = Free, math.Inf(1)
		return a, nil
	}
	middle := q.point(q.Save.Mid(), q.Work.Mid(), chance)
	a.PerRun = middle.perRun
	a.Net = q.Runs.Mid()*middle.perRun - middle.cost
	a.BreakEven = breakEven(middle)

	a.Verdict, a.NetRange, a.PaysBack = judge(q.sample())
	return a, nil
}

// judge takes draws possible gains, in any order: the verdict on them, the range of
// 80 % of them, and the share that are gains.
func judge(gains []float64) (v Verdict, r Range, positive float64) {
	slices.Sort(gains)
	r = Range{gains[draws/10], gains[draws-draws/10]}
	first, _ := slices.BinarySearch(gains, math.SmallestNonzeroFloat64)
	positive = float64(draws-first) / draws
	switch {
	case positive >= confident:
		v = Yes
	case positive <= 1-confident:
		v = No
	default:
		v = TooClose
	}
	return v, r, positive
}

// rates are the two numbers that a certain question comes down to.
type rates struct{ perRun, cost float64 }

func (q Question) point(save, work, chance float64) rates {
	perHour := q.Attended*q.Person + q.Machine // price of an hour of waiting
	unit := 1.0
	if q.Person > 0 {
		unit = q.Person
	}
	return rates{perRun: chance * save * perHour / unit, cost: (work*q.Person + q.Check*perHour) / unit}
}

func breakEven(r rates) float64 {
	switch {
	case r.cost == 0:
		return 0
	case r.perRun <= 0:
		return math.Inf(1)
	}
	return r.cost / r.perRun
}

// sample returns the expected nets of many draws from the ranges.
func (q Question) sample() []float64 {
	source := rng.NewKey(0x776f727468).Source()
	nets, uniform := make([]float64, draws), q.uniform()
	for i := range nets {
		save, work, runs := q.Save.draw(&source), q.Work.draw(&source), q.Runs.draw(&source)
		r := q.point(save, work, q.drawChance(&source, uniform))
		nets[i] = runs*r.perRun - r.cost
	}
	return nets
}

// z80 is the half width of 80 % of a standard normal distribution.
const z80 = 1.2815515655446004

// draw takes a lognormal amount, or a normal one where the range touches zero;
// 80 % of the draws lie within the range.
func (r Range) draw(s *rng.Source) float64 {
	z := s.Normal()
	if r.Low <= 0 {
		return (r.Low+r.High)/2 + z*(r.High-r.Low)/2/z80
	}
	return r.Mid() * math.Exp(z*math.Log(r.High/r.Low)/2/z80)
}

// chance is the probability that the cure works: the mean of the Beta
// distribution that past cures leave of an even start (Laplace's rule).
func (q Question) chance() float64 {
	if q.Works+q.Failed == 0 {
		return q.Chance
	}
	return float64(q.Works+1) / float64(q.Works+q.Failed+2)
}

// drawChance draws from that Beta distribution, as the order statistic of
// uniform numbers that it is; uniform is room for them.
func (q Question) drawChance(s *rng.Source, uniform []float64) float64 {
	if len(uniform) == 1 {
		return q.Chance
	}
	for i := range uniform {
		uniform[i] = s.Float64()
	}
	slices.Sort(uniform)
	return uniform[q.Works]
}

// uniform makes room for drawChance.
func (q Question) uniform() []float64 { return make([]float64, q.Works+q.Failed+1) }

// maxPast bounds the record of past cures that is taken into account; more tell
// nothing new.
const maxPast = 1000

func (q Question) check() error {
	amounts := []struct {
		name  string
		value Range
		most  float64
	}{
		{"the saving", q.Save, math.MaxFloat32}, {"the work", q.Work, math.MaxFloat32},
		{"the number of runs", q.Runs, math.MaxFloat32}, {"the chance", Point(q.Chance), 1},
		{"the attended share", Point(q.Attended), 1}, {"the person's hour", Point(q.Person), math.MaxFloat32},
		{"the machine's hour", Point(q.Machine), math.MaxFloat32}, {"the check", Point(q.Check), math.MaxFloat32},
		{"the record", Range{float64(q.Works), float64(q.Failed)}, maxPast},
	}
	for _, a := range amounts {
		for _, v := range []float64{a.value.Low, a.value.High} {
			if !(v >= 0 && v <= a.most) { // NaN too
				return errs.New(errs.Invalid, "%s is %v, must be between 0 and %v", a.name, v, a.most)
			}
		}
		if a.name != "the record" && a.value.Low > a.value.High {
			return errs.New(errs.Invalid, "%s ranges from %v down to %v", a.name, a.value.Low, a.value.High)
		}
	}
	return nil
}
