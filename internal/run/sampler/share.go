package sampler

import (
	"cmp"
	"math"
	"slices"

	"stoker/internal/run/student"
)

// Main returns the reports of the processes that train: those that took at least
// half as many steps as the one that took most, one for each rank of a
// distributed run. Where none took steps, the one whose main thread was looked at
// most among those that use a framework. Empty where there is none.
func Main(reports []Report) []Report {
	var most int64
	for _, r := range reports {
		if r.Role != RoleWorker {
			most = max(most, r.Steps.Count)
		}
	}
	var mains []Report
	for _, r := range reports {
		switch {
		case r.Role == RoleWorker:
		case most > 0 && 2*r.Steps.Count >= most, most == 0 && r.Role == RoleMain:
			mains = append(mains, r)
		}
	}
	if most == 0 && len(mains) > 1 {
		mains = []Report{slices.MaxFunc(mains, func(a, b Report) int { return cmp.Compare(a.Stacks.trained(), b.Stacks.trained()) })}
	}
	return mains
}

// trained weighs looks in which the process did something of its own: a launcher
// waits for its children.
func (s Stacks) trained() float64 {
	return s.ByClass[Waiting] + s.ByClass[Working] + s.ByClass[Compute] + s.ByClass[Transfer] + s.ByClass[Validation]
}

// Training is the loader whose steps are counted, or nil.
func (r Report) Training() *Loader {
	for i := range r.Loaders {
		if r.Loaders[i].Training {
			return &r.Loaders[i]
		}
	}
	return nil
}

// Share is a share of the time with its 95 % interval.
type Share struct {
	Mid  float64 `json:"mid"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

const (
	minSteps = 10
	minLooks = 40
)

// DataShare is the share of the training steps in which the process waited for
// data, over all steps: a ratio of sums, whose interval follows from the
// single steps (the delta method). ok is false below 10 steps, and where steps
// were seen but not their waits.
func (s Steps) DataShare() (share Share, ok bool) {
	n := float64(s.Count)
	if s.Count < minSteps || s.Seconds.Sum <= 0 || s.Wait.N == 0 {
		return share, false
	}
	mid := min(1, s.Wait.Sum/s.Seconds.Sum)
	// The variance of wait - mid*seconds over the steps; what their covariance
	// is, Recent tells.
	var sum, squares, total float64
	for _, r := range s.Recent {
		x := r[1] - mid*r[0]
		sum, squares, total = sum+x, squares+x*x, total+r[0]
	}
	half := 1.0
	if k := float64(len(s.Recent)); k >= minSteps && total > 0 {
		variance := max(0, squares-sum*sum/k) / (k - 1)
		half = student.Quantile(0.975, len(s.Recent)-1)*math.Sqrt(variance/n)/(s.Seconds.Sum/n) + s.Unsure/s.Seconds.Sum
	}
	return Share{mid, max(0, mid-half), min(1, mid+half)}, true
}

// LiveShare is the share over the newest steps alone (at most 2,048).
func (s Steps) LiveShare() (float64, bool) {
	var wait, total float64
	for _, r := range s.Recent {
		total, wait = total+r[0], wait+r[1]
	}
	if len(s.Recent) < minSteps || total <= 0 || s.Wait.N == 0 {
		return 0, false
	}
	return min(1, wait/total), true
}

// DataShare is the share of the looks during training that found data work or a
// wait for data in the main thread. The interval is Wilson's for a share of
// independent looks, which random intervals make them. ok is false below 40
// looks of the training: a run that is stopped while it imports has hardly any.
func (s Stacks) DataShare() (share Share, ok bool) {
	from := s.Loop
	if len(from) == 0 {
		from = s.ByClass
	}
	data := from[Waiting] + from[Working]
	all := data + from[Compute] + from[Transfer] + from[Logging] + from[Other]
	var weights float64
	for _, w := range s.ByClass {
		weights += w
	}
	n := all * min(1, float64(s.Looks)/weights) // late looks weigh more, but are one look
	if !(n >= minLooks) {                       // also NaN, of no looks
		return share, false
	}
	p, z := data/all, z95
	centre := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return Share{p, max(0, min(p, centre-half)), min(1, max(p, centre+half))}, true
}
