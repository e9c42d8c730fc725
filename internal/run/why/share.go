package why

import (
	"math"

	"stoker/internal/run/student"
)

// p95 is the probability below the upper end of an interval of 95 %.
const p95 = 0.975

// share is a ratio of sums with a 95 % interval.
type share struct{ mid, low, high float64 }

func (s share) half() float64 { return (s.high - s.low) / 2 }

// pair is one step, or one line of a log: its seconds, and of them the wait.
type pair struct{ seconds, wait float64 }

// maxBatches is how many batches the steps are cut into. With fewer and longer ones
// less of the steps' likeness to their neighbours is lost, with more the estimate of
// the spread is better; 10 to 30 are usual (Schmeiser 1982, Oper. Res. 30); runs are short here.
const maxBatches = 10

// shareOf computes the wait's share of the time and its interval by batch means:
// steps near each other resemble each other (epochs begin cold, a queue drains), so
// that they are no independent samples; means of long batches nearly are. The
// interval is never narrower than the one for independent steps.
func shareOf(steps []pair) (share, bool) {
	var all pair
	for _, p := range steps {
		all.seconds += p.seconds
		all.wait += p.wait
	}
	if len(steps) < 8 || all.seconds <= 0 {
		return share{}, false
	}
	mid := min(max(all.wait/all.seconds, 0), 1)
	half := max(halfWidth(steps, mid, len(steps)), halfWidth(steps, mid, min(maxBatches, len(steps)/4)))
	return share{mid, max(mid-half, 0), min(mid+half, 1)}, true
}

// halfWidth is half of the interval when steps are cut into n batches: Student's t
// times the standard error of the ratio (delta method).
func halfWidth(steps []pair, mid float64, n int) float64 {
	if n < 2 {
		return 1
	}
	var squares, total float64
	for i := range n {
		var rest float64
		for _, p := range steps[i*len(steps)/n : (i+1)*len(steps)/n] {
			rest += p.wait - mid*p.seconds
			total += p.seconds
		}
		squares += rest * rest
	}
	k := float64(n)
	return student.Quantile(p95, n-1) * math.Sqrt(squares*k/(k-1)) / total
}
