package payback

import (
	"fmt"
	"math"
	"strings"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/history"
	"stoker/internal/run/past"
	"stoker/internal/worth"
)

// Booking is a cure that was done.
type Booking struct {
	Cure          string
	Before, After []history.Run // the runs of the command on the machine, without and with it
	Others        []history.Run // further runs, for the noise
	Predicted     *history.Gain
	Hours         float64 // of work, -1 not told
	Host          string
	Now           time.Time
}

// Book measures what the cure gained and says it. Errors: runs without a measure
// in common are errs.Invalid.
func Book(b Booking) (history.Cure, string, error) {
	g, difference, measure, ok := past.Gain(b.Before, b.After, b.Others)
	if !ok {
		return history.Cure{}, "", errs.New(errs.Invalid, "the runs have no measure in common: neither epochs nor steps, nor their whole length").
			WithHint("runs under stoker run are measured; stoker compare shows what is known of them")
	}
	c := history.Cure{Host: b.Host, CommandKey: b.After[0].CommandKey, Cure: b.Cure, Predicted: b.Predicted, Measured: &g, Hours: b.Hours,
		Worked: difference == past.Clear && g.Mid > 0, At: b.Now, Before: uids(b.Before), After: uids(b.After)}
	c.ID = b.Cure + " " + c.After[0]
	what := map[past.Measure]string{past.Epoch: "an epoch", past.Step: "a step", past.Whole: "a run"}[measure]
	said := fmt.Sprintf("%s: %s takes %s, by %s before and %s after. ", b.Cure, what, change(g), runs(len(b.Before)), runs(len(b.After)))
	switch {
	case c.Worked:
		said += "It worked."
	case difference == past.Clear:
		said += "It did harm."
	case difference == past.Perhaps:
		said += "Single runs differ by as much: booked as not worked until more runs after it say otherwise."
	default:
		said += "No gain beyond noise: it did not work."
	}
	if c.Worked {
		said += came(b, g) + payback(b, g, measure)
	}
	return c, said, nil
}

func uids(runs []history.Run) (out []string) {
	for _, r := range runs {
		out = append(out, r.UID)
	}
	return out
}

func runs(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

func change(g history.Gain) string {
	if g.Mid >= 0 {
		return fmt.Sprintf("%.1f %% less time (%.1f to %.1f)", 100*g.Mid, 100*g.Low, 100*g.High)
	}
	return fmt.Sprintf("%.1f %% more time (%.1f to %.1f)", -100*g.Mid, -100*g.High, -100*g.Low)
}

// came says how much of the forecast came true.
func came(b Booking, g history.Gain) string {
	if b.Predicted == nil || b.Predicted.Mid <= 0 {
		return ""
	}
	return fmt.Sprintf(" Forecast were %.1f %%: %.0f %% of that came true.", 100*b.Predicted.Mid, 100*math.Max(0, g.Mid/b.Predicted.Mid))
}

// payback says after how many runs the work is earned, by time alone.
func payback(b Booking, g history.Gain, m past.Measure) string {
	var parts []float64
	for _, r := range b.Before {
		if s := shortened(r, m); s > 0 {
			parts = append(parts, s)
		}
	}
	if b.Hours <= 0 || len(parts) == 0 || g.Mid <= 0 {
		return ""
	}
	saved := g.Mid * past.Median(parts) / 3600
	return fmt.Sprintf(" %s of work for %s a run: earned after %.0f runs.", sentenceCase(worth.Duration(b.Hours)), worth.Duration(saved), math.Ceil(b.Hours/saved))
}

// shortened is the time of a complete run that became shorter, in seconds: start and
// end do not with its epochs. 0 where the run is not complete.
func shortened(r history.Run, m past.Measure) float64 {
	whole, ok := past.Seconds(r, past.Whole)
	switch {
	case ok && m == past.Step:
		return whole * stepShare(r, whole)
	case ok && m == past.Epoch:
		var epochs float64
		for _, s := range r.Timing.Epochs {
			epochs += s
		}
		return min(epochs, whole)
	}
	return whole
}

func sentenceCase(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
