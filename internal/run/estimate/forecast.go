package estimate

import (
	"math"
	"math/rand/v2"
	"slices"
)

// forecast is the remaining time as seen from the last place.
type forecast struct {
	low, mid, high float64 // seconds
	atLeast        bool    // a pause that will come was never seen
	known          bool
}

// draws is the number of resampled futures; the 5 % and 95 % quantiles of 200 are
// good to about a tenth of the interval's width.
const draws = 200

// trendShare is the share of a steady trend that is expected to go on.
const trendShare = 0.7

// ahead is what a forecast needs to know.
type ahead struct {
	pos, total float64
	epochs     int     // 0 = no epochs
	perEpoch   float64 // steps
	coverage   float64
	unseen     bool      // the first pause at an epoch's end is still to come
	changes    []float64 // logarithms of the changes of speed so far
	trend      float64   // by how much the rest would be slower if a trend goes on
	steady     bool      // the trend was no jump
}

// project resamples the rest of the run: blocks of steps with replacement (a
// block bootstrap), pauses from their mean and spread, and a level for what this
// run cannot know of itself.
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
	rest := expectPauses(l, p, a)
	f := forecast{known: true, atLeast: rest.unseen && !p.any()}
	a.unseen = f.atLeast
	f.mid = w*pace.cost + rest.mean + p.final
	rng := rand.New(rand.NewPCG(1, 2)) // fixed: the same run gives the same numbers
	spread := p.spread(a)
	sims := make([]float64, draws)
	for i := range sims {
		steps := max(0, w*pace.draw(rng)) * math.Exp(spread.sd*rng.NormFloat64())
		pauses := max(0, rest.mean+rest.sd*rng.NormFloat64())
		sims[i] = steps + pauses + p.final*math.Exp(p.finalSD*rng.NormFloat64())
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

// pace is the cost per weight of the steps to come, and how far it may be off.
type pace struct {
	cost  float64
	off   []float64 // of each block from the mean of them
	scale float64   // of the mean of picks draws with replacement
	sd    float64   // standard deviation, where there are too few blocks to draw from
}

// picks bounds the blocks that one draw takes: a mean of more is normal anyway.
const picks = 24

// draw resamples the blocks.
func (p *pace) draw(rng *rand.Rand) float64 {
	n := len(p.off)
	if n == 0 {
		return p.cost + p.sd*rng.NormFloat64()
	}
	var sum float64
	for range picks {
		sum += p.off[rng.IntN(n)]
	}
	return p.cost + p.scale*sum/picks
}

// pace weighs the run's own blocks against history, whose cost is 1 by
// construction, for steps of weight w to come.
func (l *timeline) pace(p *prior, w float64) pace {
	mean, n := l.blocks.mean()
	own := l.settle(mean)
	out := pace{cost: own, sd: 0.3 * own}
	var se float64
	if n >= 2 {
		var blockW, ss float64
		for _, b := range l.blocks.list {
			d := b.cost() - mean
			out.off = append(out.off, d)
			ss += d * d
			blockW += b.weight / float64(n)
		}
		se = math.Sqrt(ss / float64(n-1) / float64(n))
		// the mean is known from n blocks, and what comes is w/blockW of them
		out.scale = math.Sqrt(picks/float64(n) + picks/max(w/blockW, 1))
	} else {
		se = out.sd
	}
	if l.shape == nil {
		return out
	}
	priorSE := p.speedSD
	if l.blocks.change != nil {
		priorSE = 0.5 // this run has left the path of the earlier ones
	}
	if own <= 0 {
		return pace{cost: 1, sd: priorSE}
	}
	ownVar := se*se + minPaceSE*minPaceSE
	k := priorSE * priorSE / (priorSE*priorSE + ownVar)
	out.cost = k*own + (1-k)*1
	out.sd = math.Sqrt(k * ownVar)
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

func expectPauses(l *timeline, p *prior, a ahead) pausesAhead {
	var out pausesAhead
	var variance float64
	for _, kind := range pauseKinds {
		n := pausesLeft(l, p, a, kind)
		if n <= 0 {
			continue
		}
		mean, sd, known := l.pauseCost(p, kind)
		if !known {
			out.unseen = out.unseen || kind == atEpoch
			continue
		}
		own := 0
		if q := l.pauses[kind]; q != nil {
			own = q.n
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
	switch {
	case q == nil && h == nil:
		return 0, 0, false
	case q == nil:
		return h.Mean, max(h.SD, 0.1*h.Mean), true
	}
	mean, sd = q.mean()
	if h != nil {
		n := float64(min(q.n, 12))
		mean = (n*mean + h.Mean) / (n + 1)
		sd = max((n*sd+h.SD)/(n+1), 0.05*mean)
	}
	return mean, max(sd, 0.02*mean), true
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
