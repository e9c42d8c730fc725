package estimate

import (
	"math"
	"slices"
)

// block is a stretch of plain steps: weight is the number of steps, each counted
// as history's seconds for its place if there is history, so that cost per weight
// is comparable across the run.
type block struct {
	pos, weight, seconds float64
	at                   float64 // seconds since the start at which it ended
	epoch                int
}

func (b block) cost() float64 { return b.seconds / b.weight }

// blocks keeps the plain steps of the current regime, the stretch in which the
// speed was one and the same, as at most maxBlocks blocks of growing length.
type blocks struct {
	list   []block
	open   block
	length float64 // least seconds of a closed block
	change *change // the last change of regime
}

const (
	maxBlocks = 96
	// Lines of fast steps come in bursts, as the pseudo-terminal and the program's
	// buffers have it: shorter stretches say nothing about the speed.
	minBlockSeconds = 0.25
)

// change is a place at which the steps became slower or faster.
type change struct {
	at      float64 // seconds since the start
	pos     float64 // place
	ratio   float64 // new cost over old
	atEpoch bool    // at an epoch's boundary, into its second epoch: a cold cache
}

// add takes a stretch of steps. It returns a change of regime if this stretch
// revealed one.
func (b *blocks) add(s block) *change {
	if b.open.weight > 0 && b.open.epoch != s.epoch {
		b.close()
	}
	b.open.pos, b.open.at, b.open.epoch = s.pos, s.at, s.epoch
	b.open.weight += s.weight
	b.open.seconds += s.seconds
	if b.open.seconds < max(b.length, minBlockSeconds) {
		return nil
	}
	b.close()
	return b.detect()
}

// extend adds steps to the last stretch that add took.
func (b *blocks) extend(weight float64) {
	if b.open.weight > 0 {
		b.open.weight += weight
	} else if n := len(b.list); n > 0 {
		b.list[n-1].weight += weight
	}
}

func (b *blocks) close() {
	if b.open.weight > 0 {
		b.list = append(b.list, b.open)
	}
	b.open = block{}
	if len(b.list) < maxBlocks {
		return
	}
	merged := b.list[:0]
	for i := 0; i < len(b.list); i++ {
		x := b.list[i]
		if i+1 < len(b.list) && b.list[i+1].epoch == x.epoch {
			y := b.list[i+1]
			x.weight += y.weight
			x.seconds += y.seconds
			x.pos, x.at = y.pos, y.at
			i++
		}
		merged = append(merged, x)
	}
	b.list = merged
	b.length = max(2*b.length, b.list[0].seconds)
}

// Thresholds of detect: a change counts when it is clear against the noise (a
// two-sample z statistic, maximised over places, hence well above 3) and large
// enough to matter.
const (
	minZ      = 5.5
	minChange = 0.06
	minAfter  = 4
)

// detect looks for the place at which the cost changed: the split with the
// largest standardised difference of means (a CUSUM over blocks; the noise is
// estimated from successive differences, which a change does not inflate). On a
// change the blocks before it are dropped.
func (b *blocks) detect() *change {
	n := len(b.list)
	if n < minAfter+3 {
		return nil
	}
	sigma := b.noise()
	var w, s float64
	for _, x := range b.list {
		w += x.weight
		s += x.seconds
	}
	best, bestZ, bestRatio := -1, 0.0, 0.0
	var w1, s1 float64
	for k := 1; k <= n-minAfter; k++ {
		w1 += b.list[k-1].weight
		s1 += b.list[k-1].seconds
		boundary := b.list[k-1].epoch != b.list[k].epoch
		if k < 3 && !boundary {
			continue
		}
		before, after := s1/w1, (s-s1)/(w-w1)
		if before <= 0 || after <= 0 {
			continue
		}
		z := math.Abs(after-before) / (sigma * math.Sqrt(1/float64(k)+1/float64(n-k)))
		if boundary {
			z *= 1.3 // speed changes at epochs for a reason: caches, curriculum
		}
		if z > bestZ {
			best, bestZ, bestRatio = k, z, after/before
		}
	}
	if best < 0 || bestZ < minZ || math.Abs(bestRatio-1) < minChange {
		return nil
	}
	x := b.list[best]
	c := &change{at: x.at - x.seconds, pos: b.list[best-1].pos, ratio: bestRatio, atEpoch: b.list[best-1].epoch != x.epoch && b.list[best-1].epoch <= 1}
	b.list = slices.Delete(b.list, 0, best)
	b.change = c
	return c
}

// noise estimates the standard deviation of a block's cost.
func (b *blocks) noise() float64 {
	d := make([]float64, 0, len(b.list))
	var mean float64
	for i := 1; i < len(b.list); i++ {
		d = append(d, math.Abs(b.list[i].cost()-b.list[i-1].cost()))
		mean += b.list[i].cost()
	}
	mean /= float64(len(d))
	slices.Sort(d)
	return max(d[len(d)/2]/0.954, 0.002*mean, 1e-9)
}

// mean returns the cost per weight over the regime and how many blocks tell it.
func (b *blocks) mean() (cost float64, n int) {
	w, s := b.open.weight, b.open.seconds
	for _, x := range b.list {
		w += x.weight
		s += x.seconds
	}
	if w == 0 {
		return 0, 0
	}
	return s / w, len(b.list)
}
