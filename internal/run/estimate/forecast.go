package estimate

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// forecast is the remaining time as seen from the last place.
type forecast struct {
	low, mid, high float64 // seconds
	unseen         bool    // a pause that will come was never seen: a usual one is taken
	known          bool
}

// draws is the number of drawn futures; the 5 % and 95 % quantiles of 600 are
// good to a twentieth of the interval's width.
const draws = 600

// futures are the standard normal numbers of each draw: for steps, level, pauses
// and end. They are always the same, so that the same run gives the same forecast.
var futures = sync.OnceValue(func() *[draws][4]float64 {
	var z [draws][4]float64
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range z {
		for k := range z[i] {
			z[i][k] = rng.NormFloat64()
		}
	}
	return &z
})

// trendShare is the share of a steady trend that is expected to go on.
const trendShare = 0.7

// ahead is what a forecast needs to know.
type ahead struct {
	pos, total float64
	epochs     int     // 0 = no epochs
	perEpoch   float64 // steps
	coverage   float64
	startup    float64   // seconds until the first step
	slower     float64   // factor against the steps of earlier runs
	changes    []float64 // logarithms of the changes of speed so far
	trend      float64   // by how much the rest would be slower if a trend goes on
	steady     bool      // the trend was no jump
}

// project draws futures of the run: the mean of the steps to come from the spread
// of the blocks so far (means of blocks are as good as normal), pauses from their
// mean and spread, and a level for what this run cannot know of itself.
func project(l *timeline, p *prior, a ahead) forecast {
	w := l.weight(a.pos, a.total)
	pace := l.pace(p, w)
	if pace.cost <= 0 {
		return forecast{}
	}
	if a.steady && l.shape == nil { // most of it, for a trend ends some time
		pace.cost *= 1 + trendShare*a.trend
		a.trend /= 2
	}
	rest := expectPauses(l, p, a, pace.cost)
	f := forecast{known: true, unseen: rest.unseen}
	end, endSD := p.end(a, l.lastT-l.start+w*pace.cost)
	f.mid = w*pace.cost + rest.mean + end
	spread := p.spread(a)
	sims, normal := make([]float64, draws), futures()
	for i := range sims {
		z := &normal[i]
		steps := max(0, w*(pace.cost+pace.sd*z[0])) * spread.level(z[1])
		pauses := max(0, rest.mean+rest.sd*z[2])
		sims[i] = steps + pauses + end*math.Exp(endSD*z[3])
	}
	slices.Sort(sims)
	tail := (1 - a.coverage) / 2
	f.low = min(quantile(sims, tail)*max(0, 1-spread.below), f.mid)
	f.high = max(quantile(sims, 1-tail)*(1+spread.above), f.mid)
	return f
}

func quantile(sorted []float64, q float64) float64 {
	x := q * float64(len(sorted)-1)
	i := int(x)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (x-float64(i))*(sorted[i+1]-sorted[i])
}

// pace is the cost per weight of the steps to come, and the standard deviation
// of their mean.
type pace struct{ cost, sd float64 }

// pace weighs the run's own blocks against history, whose cost is 1 by
// construction, for steps of weight w to come.
func (l *timeline) pace(p *prior, w float64) pace {
	mean, n := l.blocks.mean()
	own := l.settle(mean)
	out := pace{cost: own, sd: 0.3 * own}
	se := out.sd
	if n >= 2 {
		var blockW, ss float64
		for _, b := range l.blocks.list {
			d := b.cost() - mean
			ss += d * d
			blockW += b.weight / float64(n)
		}
		variance := ss / float64(n)
		se = math.Sqrt(variance / float64(n-1))
		// the mean is known from n blocks, and what comes is w/blockW of them
		out.sd = math.Sqrt(variance * (1/float64(n) + 1/max(w/blockW, 1)))
	}
	if l.shape == nil {
		return out
	}
	// Runs on a machine with other work on it differ by factors now and then: a
	// prior that the run itself refutes loses its weight.
	priorSE := max(p.speedSD, math.Abs(own-1)/2)
	if l.blocks.change != nil {
		priorSE = max(priorSE, 0.5) // this run has left the path of the earlier ones
	}
	if own <= 0 {
		return pace{cost: 1, sd: priorSE}
	}
	ownVar := se*se + minPaceSE*minPaceSE
	k := priorSE * priorSE / (priorSE*priorSE + ownVar)
	out.cost = k*own + (1-k)*1
	out.sd = max(out.sd, math.Sqrt(k*ownVar))
	return out
}

// minPaceSE is the least standard error of a run's own speed against history.
const minPaceSE = 0.005

// settle weighs the cost of the current regime against that of the whole run. One
// change of speed is believed; where the speed went up and down again it will do
// so in the rest, too: the share of the regime is the net change over the sum of
// all changes.
func (l *timeline) settle(own float64) float64 {
	if len(l.changes) < 3 || own <= 0 {
		return own
	}
	var net, all float64
	for _, c := range l.changes {
		net += c
		all += math.Abs(c)
	}
	c := &l.curve
	from := max(l.warmFrom, l.first)
	spent, ok := c.secondsAt(max(from, first(c.pos)))
	w := l.weight(max(from, first(c.pos)), l.last)
	if !ok || w <= 0 || all == 0 {
		return own
	}
	overall := (c.total - spent) / w
	share := math.Abs(net) / all
	return share*own + (1-share)*overall
}

func first(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	return x[0]
}

// pausesAhead is the time that pauses will still take.
type pausesAhead struct {
	mean, sd float64
	unseen   bool // an epoch's end will come, and none was ever seen
}

// unseenPause is what the pause at an epoch's end takes, as a share of the
// epoch's steps, before one was seen: the median of the recorded runs
// (testdata/runs: 0.01 to 0.25).
const unseenPause = 0.1

func expectPauses(l *timeline, p *prior, a ahead, cost float64) pausesAhead {
	var out pausesAhead
	var variance float64
	for _, kind := range pauseKinds {
		n := pausesLeft(l, p, a, kind)
		if n <= 0 {
			continue
		}
		mean, sd, known := l.pauseCost(p, kind)
		if !known {
			if kind == atEpoch && !p.any() {
				out.unseen = true
				usual := n * unseenPause * l.weight(0, a.perEpoch) * cost
				out.mean += usual
				variance += usual * usual // all of them would be off alike
			}
			continue
		}
		own := 0
		if q := l.pauses[kind]; q != nil {
			own = q.n
		} else if h := p.pauses[kind]; h.First > 0 {
			out.mean += bounded(l.slower()) * (h.First - h.Mean)
		}
		out.mean += n * mean
		// the spread of each, and that the mean itself is known from few
		variance += n*sd*sd + n*n*sd*sd/float64(own+p.seen(kind)+1)
	}
	out.sd = math.Sqrt(variance)
	return out
}

// pauseCost is what one pause of this kind costs: the own mean, with history
// counting as one pause more.
func (l *timeline) pauseCost(p *prior, kind string) (mean, sd float64, known bool) {
	q, h := l.pauses[kind], p.pauses[kind]
	slower := bounded(l.slower())
	switch {
	case q == nil && h == nil:
		return 0, 0, false
	case q == nil:
		return slower * h.Mean, slower * max(h.SD, 0.1*h.Mean), true
	case h == nil:
		mean, sd = q.mean(false)
		return mean, max(sd, 0.02*mean), true
	}
	mean, sd = q.mean(h.First > 0)
	if q.n == 1 && h.First > 0 { // the first is like the first ones before it
		mean, sd = mean*h.Mean/h.First, slower*h.SD
	}
	n := float64(min(q.n, 12))
	mean = (n*mean + slower*h.Mean) / (n + 1)
	return mean, max((n*sd+slower*h.SD)/(n+1), 0.05*mean), true
}

// bounded is by what factor pauses and the end of a run are taken to be slower
// whose steps are: not all of a great difference, which may be that of the steps
// alone.
func bounded(slower float64) float64 { return max(0.5, min(slower, 2)) }

// slower is by what factor this run's steps are slower than those of earlier runs:
// on a machine with other work on it, so is all else. 1 where there is no history.
func (l *timeline) slower() float64 {
	cost, n := l.blocks.mean()
	if l.shape == nil || n < 2 || cost <= 0 {
		return 1
	}
	return cost
}

// pausesLeft is how many pauses of this kind are still to come.
func pausesLeft(l *timeline, p *prior, a ahead, kind string) float64 {
	if kind == atEpoch {
		if a.perEpoch <= 0 || a.epochs < 1 {
			return 0
		}
		done := math.Floor(a.pos/a.perEpoch + 1e-9)
		left := float64(a.epochs) - done
		if a.pos > 0 && math.Abs(a.pos-done*a.perEpoch) < 1e-9 {
			left++ // standing at the boundary: its pause is not over
		}
		return max(0, left-lastEpochFree(p))
	}
	slack := 1.0
	if n := l.stepsOf.n; n > 0 {
		slack = l.stepsOf.sum() / float64(len(l.stepsOf.values()))
	}
	if q := l.pauses[kind]; q != nil && q.n > 0 {
		last := q.pos[len(q.pos)-1]
		every := q.every(slack, l.first <= slack)
		if every > 0 && a.pos-last < 1.5*every+2*slack { // else one was due and did not come
			return max(0, math.Floor((a.total-last+slack)/every)-atEnd(p, a.total-last, every, slack))
		}
		if done := a.pos - l.first; done > 0 {
			if h := p.pauses[kind]; h != nil {
				return float64(h.Count) * (a.total - a.pos) / a.total
			}
			return float64(q.n) * (a.total - a.pos) / done
		}
	}
	if h := p.pauses[kind]; h != nil && a.total > 0 {
		return float64(h.Count) * (a.total - a.pos) / a.total
	}
	return 0
}

// lastEpochFree is 1 where the pause after the last epoch is not a pause but the
// end, which history has seen as FinalSeconds.
func lastEpochFree(p *prior) float64 {
	if p.any() {
		return 1
	}
	return 0
}

// atEnd is 1 where the last of the pauses to come in a stretch of steps falls on
// the end of the run, for the same reason.
func atEnd(p *prior, stretch, every, slack float64) float64 {
	if rest := math.Mod(stretch, every); p.any() && min(rest, every-rest) <= slack {
		return 1
	}
	return 0
}
