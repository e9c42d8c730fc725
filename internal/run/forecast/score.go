package forecast

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"stoker/internal/run/history"
)

// Settle finds, among runs, the truth of forecasts that have none: the first
// whole run of the same command on a machine of the same kind that started after
// the forecast was made. It returns the forecasts that now have one.
func Settle(forecasts []history.Forecast, runs []history.Run) (settled []history.Forecast) {
	runs = slices.Clone(runs)
	slices.SortFunc(runs, func(a, b history.Run) int { return a.Started.Compare(b.Started) })
	for _, f := range forecasts {
		if f.Truth >= 0 {
			continue
		}
		for _, r := range runs {
			if r.CommandKey == f.CommandKey && r.MachineKey == f.MachineKey && r.Started.After(f.Made) && whole(&r) {
				f.Truth, f.UID = r.Record.Seconds, r.UID
				settled = append(settled, f)
				break
			}
		}
	}
	return settled
}

// whole says that a run came from its first step to its end by itself, in one go.
func whole(r *history.Run) bool {
	return r.Record != nil && r.Record.Complete && r.Record.First == 0 && r.Record.Seconds > 0 && r.Attempts <= 1
}

// Track sums up how forecasts held.
type Track struct {
	Made        int     `json:"made"`
	Scored      int     `json:"scored"`
	Held        int     `json:"held"`         // whose interval held the truth
	MedianError float64 `json:"median_error"` // |forecast - truth| / truth
}

// TrackOf sums up the forecasts.
func TrackOf(forecasts []history.Forecast) Track {
	t := Track{Made: len(forecasts)}
	var errors []float64
	for _, f := range forecasts {
		if f.Truth <= 0 {
			continue
		}
		t.Scored++
		errors = append(errors, math.Abs(f.Mid-f.Truth)/f.Truth)
		if f.Low <= f.Truth && f.Truth <= f.High {
			t.Held++
		}
	}
	if len(errors) > 0 {
		slices.SortFunc(errors, cmp.Compare)
		t.MedianError = errors[len(errors)/2]
	}
	return t
}

// Sentence says the record; "" where nothing was scored yet.
func (t Track) Sentence() string {
	if t.Scored == 0 {
		return ""
	}
	return fmt.Sprintf("forecasts so far: %d of %d came true within their interval; the middle was off by %.0f %% (median)", t.Held, t.Scored, 100*t.MedianError)
}
