// Package forecast says how long a whole run will take from some of its steps,
// here and on another machine, and keeps score of what it said: the arithmetic of
// `stoker estimate`.
//
// Here the estimator's own interval is taken. Elsewhere a step is at best as long as the longer of computing and
// feeding, each scaled by what two calibrations say of the machines: the speed-up
// is the least of the two ratios, as an interval, because nobody knows which part
// of a machine a network's time depends on. The bound is that of a roofline
// (Williams, Waterman and Patterson 2009) with the input as one more roof.
//
// Pure: nothing is measured or run here.
package forecast

import (
	"fmt"
	"math"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/estimate"
)

// Seen is what some steps of a run showed.
type Seen struct {
	Status    estimate.Status
	Steps     int64   // training steps that were followed, warm-up apart
	Wait      float64 // share of a step that waits for data, -1 unknown
	WaitHalf  float64 // half the interval of Wait
	BatchSize int     // 0 unknown
}

// Forecast is the time of a whole run, from its start, in seconds.
type Forecast struct {
	Low  float64 `json:"low"`
	Mid  float64 `json:"mid"`
	High float64 `json:"high"`
	// Step is the seconds of a training step, Steps how many of them there are; 0
	// unknown.
	Step    float64  `json:"step"`
	Steps   int64    `json:"steps"`
	Reasons []string `json:"reasons,omitempty"` // for the width of the interval, most important first
}

// seldom is the share of a run below which what was seen may be unlike the rest:
// the reasons for the width of the interval then say so. The interval itself is
// the estimator's, which at 30 steps of simulated runs holds as often as it says
// (TestThirtySteps of package estimate; docs/estimates.md has the table).
const seldom = 0.1

// Here forecasts the run on the machine where its steps were seen. epochs is the
// number that the user tells where the output does not; 0 = none told. Errors:
// Invalid where the length of the run is unknown.
func Here(s Seen, epochs int) (Forecast, error) {
	st := s.Status
	var f Forecast
	if st.Rate > 0 {
		f.Step = 1 / st.Rate
	}
	left, low, high := st.RemainingMid, st.RemainingLow, st.RemainingHigh
	done := st.Percent / 100
	switch {
	case st.EpochOnly && epochs == 0 && left >= 0:
		return f, errs.New(errs.Invalid, "the output does not tell how many epochs the run has; one takes about %s: %d steps of %s",
			Duration(float64(st.Steps)*f.Step), st.Steps, short(f.Step)).WithHint("say it: --full-epochs N")
	case left < 0:
		return f, errs.New(errs.Invalid, "the output does not tell how long the run is").
			WithHint("say it: --total STEPS of the whole run")
	case st.EpochOnly:
		more := float64(max(0, epochs-max(st.Epoch, 1))) * float64(st.Steps) * f.Step
		left, low, high = left+more, low+more*(1-unseenSpread), high+more*(1+unseenSpread)
		f.Steps = int64(epochs) * st.Steps
		done /= float64(epochs)
		f.Reasons = append(f.Reasons, "what comes between epochs was not seen")
	case done > 0:
		f.Steps = int64(math.Round(float64(st.GlobalStep) / done))
	}
	left = min(max(left-doubtful(&st, done), low), high)
	f.Low, f.Mid, f.High = st.Elapsed+low, st.Elapsed+left, st.Elapsed+high
	f.explain(&st, done)
	return f, nil
}

// doubt is the part of a usual validation that is left out of the middle while
// none was seen: after a few steps nobody knows whether there is one at all. It
// brings runs without one to within 10 %.
const doubt = 0.5

// doubtful is the time that is left out of the middle: a part of what the
// estimator's forecast has beyond the steps.
func doubtful(st *estimate.Status, done float64) float64 {
	if !st.Unseen || st.Rate <= 0 || done <= 0 {
		return 0
	}
	steps := float64(st.GlobalStep) * (1/done - 1) / st.Rate
	return doubt * max(0, st.RemainingMid-steps)
}

// unseenSpread is how far the pauses between epochs that nobody saw may move the
// rest of a run, as a share of it.
const unseenSpread = 0.2

// explain lists what the interval has room for.
func (f *Forecast) explain(st *estimate.Status, done float64) {
	early := done < seldom
	if st.Unseen {
		f.Reasons = append(f.Reasons, "no validation was seen yet: its time is a usual one")
	}
	if early && (st.Epochs > 1 || st.EpochOnly) && st.Epoch <= 1 {
		f.Reasons = append(f.Reasons, "the first epoch may have read from the disk what later ones find in the page cache")
	}
	if early {
		f.Reasons = append(f.Reasons, fmt.Sprintf("only %s of the run was seen", percent(done)))
	}
	if st.Guess {
		f.Reasons = append(f.Reasons, "the counter of steps is a guess: --pattern names it")
	}
}

func percent(share float64) string {
	if share < 0.01 {
		return "less than 1 %"
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}

// short writes the seconds of a step.
func short(seconds float64) string {
	if seconds < 1 {
		return fmt.Sprintf("%.3g ms", 1000*seconds)
	}
	return fmt.Sprintf("%.3g s", seconds)
}

// Duration writes seconds as people say them, coarsely: "41 s", "12 min", "3 h 05".
func Duration(seconds float64) string {
	d := time.Duration(max(0, seconds) * float64(time.Second))
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 10*time.Minute:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 100*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 100*time.Hour:
		m := int(d.Minutes() + 0.5)
		return fmt.Sprintf("%d h %02d", m/60, m%60)
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}
