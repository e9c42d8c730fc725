package estimate

import (
	"math"
	"slices"
	"time"
)

// RecordVersion changes when the meaning of a Record's fields does. Records of
// another version are ignored as history.
const RecordVersion = 1

// Record is what one run leaves for the next ones: stored by the supervisor as
// JSON. Seconds throughout.
type Record struct {
	Version  int       `json:"version"`
	Started  time.Time `json:"started"`
	Complete bool      `json:"complete"` // the run reached its end by itself
	Seconds  float64   `json:"seconds"`  // whole run, start to end

	Source        string `json:"source,omitempty"`
	Steps         int64  `json:"steps"`           // of the whole run; 0 = unknown
	Epochs        int    `json:"epochs"`          // 0 = unknown
	StepsPerEpoch int64  `json:"steps_per_epoch"` // 0 = unknown
	First         int64  `json:"first,omitempty"` // position at which the run began, > 0 if resumed

	StartSeconds float64 `json:"start_seconds"` // until the first step was done
	FinalSeconds float64 `json:"final_seconds"` // after the last step
	ColdStep     float64 `json:"cold_step"`     // mean seconds per step in the first epoch, pauses apart
	WarmStep     float64 `json:"warm_step"`     // in the later epochs; ColdStep if there was one epoch

	// Profile holds the mean seconds per step, pauses apart, over equal parts of
	// the run's steps; empty for a run without a known total.
	Profile []float64 `json:"profile,omitempty"`
	Pauses  []Pauses  `json:"pauses,omitempty"`

	Estimates []Estimate `json:"estimates,omitempty"`
}

// Pauses sums up the interruptions of one kind.
type Pauses struct {
	Kind  string  `json:"kind"`            // "epoch" (at an epoch's end), "validation", "checkpoint", "gap"
	Count int     `json:"count"`           //
	Mean  float64 `json:"mean"`            // seconds
	SD    float64 `json:"sd"`              // seconds
	Every float64 `json:"every,omitempty"` // steps between them, 0 = irregular
	First float64 `json:"first,omitempty"` // seconds of the first one, which Mean then leaves out; 0 = it had no other
}

// Estimate is a forecast as it was made.
type Estimate struct {
	Percent float64 `json:"percent"` // share of the steps done when it was made
	Elapsed float64 `json:"elapsed"` // seconds since the start
	Low     float64 `json:"low"`     // remaining seconds
	Mid     float64 `json:"mid"`
	High    float64 `json:"high"`
}

// History are the records of earlier runs of the same command on the same
// machine, oldest first. Nil is no history.
type History []Record

// ScorePoints are the percentages at which forecasts are kept and scored.
var ScorePoints = []float64{1, 5, 10, 25, 50}

// Scored is a forecast compared with what happened.
type Scored struct {
	Percent float64 `json:"percent"`
	Error   float64 `json:"error"` // (forecast - truth) / truth of the remaining time
	Held    bool    `json:"held"`  // the truth lay inside the interval
}

// Score compares the forecasts in r with the run's true whole duration.
func Score(r Record, truth time.Duration) []Scored {
	var out []Scored
	for _, e := range r.Estimates {
		left := truth.Seconds() - e.Elapsed
		if left <= 0 {
			continue
		}
		out = append(out, Scored{Percent: e.Percent, Error: (e.Mid - left) / left, Held: e.Low <= left && left <= e.High})
	}
	return out
}

// TrackAt sums up how forecasts at the given percentage held over the complete
// runs of h; nil if none was scored.
func (h History) TrackAt(percent float64) *Track {
	var all []Scored
	for _, r := range h.usable() {
		all = append(all, Score(r, time.Duration(r.Seconds*float64(time.Second)))...)
	}
	return SumUp(percent, all)
}

// SumUp sums up the scores at the given percentage; nil where there is none.
func SumUp(percent float64, scores []Scored) *Track {
	t := Track{At: percent}
	var errors []float64
	for _, s := range scores {
		if s.Percent != percent {
			continue
		}
		t.Runs++
		errors = append(errors, math.Abs(s.Error))
		if s.Held {
			t.Held++
		}
	}
	if t.Runs == 0 {
		return nil
	}
	slices.Sort(errors)
	t.MedianError = errors[len(errors)/2]
	return &t
}

// maxHistory bounds how many records shape a forecast: the newest ones.
const maxHistory = 8

// usable returns the newest complete records of this version.
func (h History) usable() []Record {
	var out []Record
	for i := len(h) - 1; i >= 0 && len(out) < maxHistory; i-- {
		if r := h[i]; r.Version == RecordVersion && r.Complete && r.Seconds > 0 {
			out = append(out, r)
		}
	}
	slices.Reverse(out)
	return out
}
