package estimate

import (
	"math"
	"slices"
)

// Kinds of pause: time in which no steps are done.
const (
	atEpoch    = "epoch"      // at an epoch's end, validation and saving included
	validating = "validation" // inside an epoch
	saving     = "checkpoint" // inside an epoch
	gap        = "gap"        // seen from the clock alone
)

// pauseKinds in the order in which they are forecast and recorded.
var pauseKinds = []string{atEpoch, validating, saving, gap}

// pauses are the interruptions of one kind so far.
type pauses struct {
	pos  []float64 // places, at most maxPauses, the newest
	cost []float64 // seconds, of the same
	n    int       // all
	// The first pause is often dearer than the rest (a validation that compiles,
	// and reads files for the first time) and is kept apart.
	first float64
}

const maxPauses = 64

func (p *pauses) add(pos, cost float64) {
	if p.n++; p.n == 1 {
		p.first = cost
	}
	if len(p.pos) == maxPauses {
		p.pos = slices.Delete(p.pos, 0, 1)
		p.cost = slices.Delete(p.cost, 0, 1)
	}
	p.pos = append(p.pos, pos)
	p.cost = append(p.cost, cost)
}

// mean returns the mean cost of the newest pauses and its standard deviation.
// The first of the run is left out where that is known to be right, or when it
// is far above the rest.
func (p *pauses) mean(firstApart bool) (mean, sd float64) {
	c := p.cost
	if len(c) > 12 {
		c = c[len(c)-12:]
	}
	if p.n == len(c) && (firstApart && len(c) >= 2 || len(c) >= 3 && c[0] > 1.5*median(c[1:])) {
		c = c[1:]
	}
	for _, x := range c {
		mean += x
	}
	mean /= float64(len(c))
	for _, x := range c {
		sd += (x - mean) * (x - mean)
	}
	if len(c) > 1 {
		return mean, math.Sqrt(sd / float64(len(c)-1))
	}
	return mean, mean / 4
}

// every returns the distance in steps at which the pauses come, 0 if irregular.
// slack is by how much a place may be off: the distance between two printed
// lines. After a single pause in a run from the start it is the place of that.
func (p *pauses) every(slack float64, fromStart bool) float64 {
	n := len(p.pos)
	if n == 1 && fromStart {
		return p.pos[0]
	}
	if n < 2 {
		return 0
	}
	d := make([]float64, 0, n-1)
	for i := 1; i < n; i++ {
		d = append(d, p.pos[i]-p.pos[i-1])
	}
	m := median(d)
	if m <= 0 {
		return 0
	}
	for _, x := range d {
		k := math.Round(x / m)
		if k < 1 || math.Abs(x-k*m) > max(min(2*slack, 0.2*m), 0.05*m) {
			return 0
		}
	}
	return (p.pos[n-1] - p.pos[0]) / math.Round((p.pos[n-1]-p.pos[0])/m)
}

func median(x []float64) float64 {
	s := slices.Clone(x)
	slices.Sort(s)
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
