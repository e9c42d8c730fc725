package past

import (
	"slices"

	"stoker/internal/run/history"
)

// Record is how one's own cures went.
type Record struct {
	Works, Failed int
	// Ratio is how much of what was forecast came true, over the cures that had a
	// forecast: the median, 0 where there is none.
	Ratio float64
	Rated int
}

// RecordOf counts the cures that were measured: those of one kind where there are
// at least enough of them, else all.
func RecordOf(cures []history.Cure, kind string) Record {
	const enough = 3
	same := slices.DeleteFunc(slices.Clone(cures), func(c history.Cure) bool { return c.Measured == nil || c.Cure != kind })
	if len(same) < enough {
		same = slices.DeleteFunc(slices.Clone(cures), func(c history.Cure) bool { return c.Measured == nil })
	}
	var r Record
	var ratios []float64
	for _, c := range same {
		if c.Worked {
			r.Works++
		} else {
			r.Failed++
		}
		if c.Worked && c.Predicted != nil && c.Predicted.Mid > 0 {
			ratios = append(ratios, c.Measured.Mid/c.Predicted.Mid)
		}
	}
	if r.Rated = len(ratios); r.Rated > 0 {
		r.Ratio = Median(ratios)
	}
	return r
}

// Faster looks for a run of a command that became faster, or slower, without a
// cure that is on the books: the newest run against those before it on the same
// machine. runs are newest first.
func Faster(runs []history.Run, cures []history.Cure) (before []history.Run, after history.Run, g history.Gain, found bool) {
	if len(runs) < 2 {
		return nil, after, g, false
	}
	after = runs[0]
	for _, r := range runs[1:] {
		if r.MachineKey == after.MachineKey && Best(r, after) != "" {
			before = append(before, r)
		}
	}
	booked := slices.ContainsFunc(cures, func(c history.Cure) bool { return slices.Contains(c.After, after.UID) })
	if len(before) == 0 || booked {
		return nil, after, g, false
	}
	g, d, _, ok := Gain(before, []history.Run{after}, nil)
	return before, after, g, ok && d == Clear
}
