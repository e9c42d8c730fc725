package sampler

import (
	"math"
	"slices"
)

// minPairs are the fewest pairs of blocks whose signed ranks can give a 95 %
// interval.
const minPairs = 6

// z95 is the two-sided 95 % quantile of the normal distribution.
const z95 = 1.959964

// fit computes the slope from the pairs of blocks, one delayed and one not, in
// random order: the estimator of Hodges and Lehmann of the differences of their
// mean steps over the delay, with the interval of Wilcoxon's signed-rank test.
// Random order makes the differences symmetric about the truth whatever the noise
// of the machine looks like, which is all that this asks for: one step that a
// neighbour held up does not move it.
func (d *Delay) fit() {
	d.Slope, d.Low, d.High = 0, 1, -1
	slopes := pairs(d.Blocks)
	if len(slopes) < minPairs {
		return
	}
	walsh := make([]float64, 0, len(slopes)*(len(slopes)+1)/2)
	for i, x := range slopes {
		for _, y := range slopes[i:] {
			walsh = append(walsh, x/2+y/2)
		}
	}
	slices.Sort(walsh)
	n, m := float64(len(slopes)), len(walsh)
	cut := int(n*(n+1)/4 - z95*math.Sqrt(n*(n+1)*(2*n+1)/24))
	cut = max(0, min(cut, (m-1)/2))
	d.Slope, d.Low, d.High = walsh[m/2]/2+walsh[(m-1)/2]/2, walsh[cut], walsh[m-1-cut]
}

// maxPairs bounds the work of fit, which grows with their square.
const maxPairs = 500

// pairs returns the slope of each whole pair of blocks.
func pairs(blocks []Block) (slopes []float64) {
	for i := 0; i+1 < len(blocks) && len(slopes) < maxPairs; i += 2 {
		on, off := blocks[i], blocks[i+1]
		if off.Delayed {
			on, off = off, on
		}
		if !on.Delayed || off.Delayed || on.Steps == 0 || on.Steps != off.Steps || on.Added <= 0 {
			continue
		}
		slope := (on.Seconds - off.Seconds) / float64(on.Steps) / on.Added
		if !math.IsNaN(slope) && math.Abs(slope) < 1e6 {
			slopes = append(slopes, slope)
		}
	}
	return slopes
}

// conclusive reports whether the test can end: the interval leaves out 0 or 1, and
// is not wider than from one to the other.
func (d Delay) conclusive() bool {
	return d.Low <= d.High && (d.Low > 0 || d.High < 1) && d.High-d.Low <= 1
}
