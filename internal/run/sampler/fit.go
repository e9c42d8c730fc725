package sampler

import "math"

// fit computes the slope from the blocks: the mean step of the delayed blocks
// less that of the others, over the mean delay.
//
// Its standard error is the larger of two: from the steps as if they were
// independent, and from the means of the blocks, which also holds where steps
// near each other resemble each other. With t of Student for the degrees of
// freedom of the one taken.
func (d *Delay) fit() {
	d.Slope, d.Low, d.High = 0, 1, -1
	on, off := gather(d.Blocks, true), gather(d.Blocks, false)
	if on.steps < 3 || off.steps < 3 || on.added <= 0 {
		return
	}
	added := on.added / on.steps
	bySteps := math.Sqrt(on.variance()/on.steps + off.variance()/off.steps)
	se, freedom := bySteps, on.steps+off.steps-2
	if len(on.means) > 1 && len(off.means) > 1 {
		byBlocks := math.Sqrt(spread(on.means)/float64(len(on.means)) + spread(off.means)/float64(len(off.means)))
		if f := float64(len(on.means) + len(off.means) - 2); byBlocks*student95(f) > bySteps*student95(freedom) {
			se, freedom = byBlocks, f
		}
	}
	half := student95(freedom) * se / added
	slope := (on.sum/on.steps - off.sum/off.steps) / added
	if math.IsNaN(slope+half) || math.IsInf(slope+half, 0) {
		return
	}
	d.Slope, d.Low, d.High = slope, slope-half, slope+half
}

// group is the blocks with, or without, the delay.
type group struct {
	steps, sum, squares, added float64
	means                      []float64
}

func gather(blocks []Block, delayed bool) (g group) {
	for _, b := range blocks {
		if b.Delayed != delayed || b.Steps == 0 {
			continue
		}
		n := float64(b.Steps)
		g.steps, g.sum, g.squares, g.added = g.steps+n, g.sum+b.Seconds, g.squares+b.Squares, g.added+n*b.Added
		g.means = append(g.means, b.Seconds/n)
	}
	return g
}

// variance of the single steps.
func (g group) variance() float64 {
	return max(0, (g.squares-g.sum*g.sum/g.steps)/(g.steps-1))
}

// spread is the variance of xs.
func spread(xs []float64) float64 {
	var sum, squares float64
	for _, x := range xs {
		sum += x
	}
	mean := sum / float64(len(xs))
	for _, x := range xs {
		squares += (x - mean) * (x - mean)
	}
	return squares / float64(len(xs)-1)
}

// student95 is the two-sided 95 % quantile of Student's t, by the expansion of
// Cornish and Fisher (Abramowitz & Stegun 26.7.5), exact for 1 and 2 degrees of
// freedom; within 1 % from 3 on.
func student95(freedom float64) float64 {
	switch {
	case freedom < 1:
		return math.Inf(1)
	case freedom < 2:
		return 12.706
	case freedom < 3:
		return 4.303
	}
	const z = 1.959964
	g1 := (z*z*z + z) / 4
	g2 := (5*math.Pow(z, 5) + 16*z*z*z + 3*z) / 96
	g3 := (3*math.Pow(z, 7) + 19*math.Pow(z, 5) + 17*z*z*z - 15*z) / 384
	return z + g1/freedom + g2/(freedom*freedom) + g3/(freedom*freedom*freedom)
}
