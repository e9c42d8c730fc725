package why

import (
	"fmt"
	"math"

	"stoker/internal/run/sampler"
	"stoker/internal/run/student"
)

// delayed judges the newest delay test. The slope is the change of the step time over
// the delay that was added to the data of each step: where data are on the critical
// path the whole delay arrives, where they lie ready none does. That is a verdict
// without a share: it says whether less work on the data would help, not how much.
func delayed(reports []sampler.Report) (r Rung, ok bool) {
	var d *sampler.Delay
	for _, report := range reports {
		if report.Delay != nil && len(report.Delay.Blocks) > 0 && (d == nil || report.Delay.ID > d.ID) {
			d = report.Delay
		}
	}
	if d == nil || d.Low > d.High {
		return r, false
	}
	r = Rung{Name: RungDelay, Share: -1, Verdict: Unknown}
	steps := 0
	for _, b := range d.Blocks {
		steps += b.Steps
	}
	finding := "which decides nothing yet"
	switch {
	case d.Low > 0.5:
		r.Verdict, r.Conclusive = Data, true
		finding = "data are on the critical path"
	case d.High < 0.5:
		r.Verdict, r.Conclusive = Compute, true
		finding = "batches lie ready: there is slack"
	}
	r.Text = fmt.Sprintf("delay test over %d steps: of each added millisecond %.2f +- %.2f reach the step; %s",
		steps, d.Slope, (d.High-d.Low)/2, finding)
	return r, true
}

// headspace judges a throw-away run: what a step takes with the data's part in it,
// and from memory. The difference is what the best data pipeline could save; it is an
// upper bound, as a run fed from memory also has the loader's cores for itself.
func headspace(reports []sampler.Report) (r Rung, ok bool) {
	for _, report := range reports {
		h := report.Headspace
		if h == nil || h.Real.N < 8 || h.Replayed.N < 8 || h.Real.Sum <= 0 {
			continue
		}
		fed, free := h.Real.Sum/float64(h.Real.N), h.Replayed.Sum/float64(h.Replayed.N)
		mid := 1 - free/fed
		half := student.Quantile(p95, int(min(h.Real.N, h.Replayed.N))-1) * math.Hypot(standardError(h.Real)*free/fed, standardError(h.Replayed)) / fed
		s := share{min(max(mid, 0), 1), min(max(mid-half, 0), 1), min(max(mid+half, 0), 1)}
		r = Rung{Name: RungHeadspace, Share: s.mid, Low: s.low, High: s.high, Verdict: verdict(s), Conclusive: s.half() <= widest}
		r.Text = fmt.Sprintf("headspace: a step takes %s fed by the loader and %s fed from memory, %s less",
			milliseconds(fed), milliseconds(free), plusMinus(r))
		return r, true
	}
	return r, false
}

// standardError is the standard error of a mean.
func standardError(m sampler.Moments) float64 {
	n := float64(m.N)
	return math.Sqrt(max(m.SumSq-m.Sum*m.Sum/n, 0) / (n - 1) / n)
}
