package bar

import (
	"fmt"
	"math"
	"strings"
	"time"

	"stoker/internal/run/estimate"
)

// Weights: what stays longest in a narrow terminal has the highest.
const (
	weightStop    = 4
	weightTrack   = 5
	weightRate    = 10
	weightElapsed = 15
	weightLoss    = 20
	weightWait    = 25
	weightStep    = 30
	weightEpoch   = 35
	weightLose    = 40
	weightGraph   = 45
	weightPhase   = 50
	weightArrival = 60
	weightRange   = 70
	weightLeft    = 80
	weightPercent = 90
)

func partsOf(s estimate.Status) []part {
	var p []part
	add := func(weight int, st style, text, short string) {
		if text != "" {
			p = append(p, part{text: clean(text), short: clean(short), weight: weight, style: st, tight: weight == weightRange})
		}
	}
	add(weightPhase, cyan, phaseText(s), s.Phase)
	if s.Epoch > 0 && s.Unit != "epoch" {
		add(weightEpoch, plain, "epoch "+of(int64(s.Epoch), int64(s.Epochs), ""), "ep "+of(int64(s.Epoch), int64(s.Epochs), ""))
	}
	if step := stepText(s); s.Percent < 0 {
		add(weightStep, plain, guessed(s, step), "")
	} else {
		add(weightStep, plain, step, strings.TrimPrefix(step, "step "))
	}
	if s.Percent >= 0 {
		add(weightGraph, cyan, graph(s.Percent, minGraph), "")
		add(weightPercent, bold, guessed(s, fmt.Sprintf("%.0f %%", math.Floor(s.Percent))), "")
	}
	add(weightRate, dim, rateText(s), "")
	add(weightElapsed, dim, Duration(s.Elapsed)+" elapsed", "")
	addRemaining(s, add)
	if s.Loss != nil {
		add(weightLoss, plain, fmt.Sprintf("loss %.4g", *s.Loss), "")
	}
	if s.DataWait >= 0.05 && s.DataWait <= 1 { // below that nobody can gain anything
		add(weightWait, yellow, fmt.Sprintf("waits for data %.0f %%", 100*s.DataWait), fmt.Sprintf("data %.0f %%", 100*s.DataWait))
	}
	add(weightTrack, dim, Record(s.Track), "")
	if e := s.EarlyStop; e != nil {
		add(weightStop, dim, bestEpoch(*e), "")
	}
	if s.LoseSeconds >= 60 {
		add(weightLose, yellow, "if it dies now you lose "+Duration(s.LoseSeconds), "lose "+Duration(s.LoseSeconds))
	}
	return p
}

func addRemaining(s estimate.Status, add func(int, style, string, string)) {
	switch {
	case s.Over:
	case s.RemainingMid < 0:
		add(weightLeft-25, dim, "no forecast yet", "")
	default:
		left := Duration(s.RemainingMid)
		long, short := left, left
		if s.Unseen {
			long, short = "about "+left, "~"+left
		}
		scope := " left"
		if s.EpochOnly {
			scope = " left in this epoch"
		}
		add(weightLeft, bold, long+scope, short+" left")
		if r := interval(s.RemainingLow, s.RemainingHigh); r != left {
			add(weightRange, dim, "("+r+")", "")
		}
		if !s.Arrival.IsZero() && !s.EpochOnly {
			add(weightArrival, plain, "done "+Clock(s.At, s.Arrival), Clock(s.At, s.Arrival))
		}
	}
}

// Record says how earlier forecasts of the command held; "" where none was made.
func Record(t *estimate.Track) string {
	if t == nil || t.Runs == 0 {
		return ""
	}
	return fmt.Sprintf("forecasts at %.0f %%: off by %.0f %%, held %d/%d", t.At, 100*t.MedianError, t.Held, t.Runs)
}

// bestEpoch is the guess at where the validation loss stops falling; the forecast
// knows nothing of it.
func bestEpoch(e estimate.EarlyStop) string {
	if e.Low == e.High {
		return fmt.Sprintf("best epoch ~%d (guess)", e.Epoch)
	}
	return fmt.Sprintf("best epoch ~%d, %d–%d (guess)", e.Epoch, e.Low, e.High)
}

// clean takes control characters out: what a program calls its unit must not move
// the cursor.
func clean(s string) string {
	out := []rune(s)
	for i, r := range out {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 {
			out[i] = '?'
		}
	}
	return string(out)
}

func phaseText(s estimate.Status) string {
	if s.PhaseExpected > 0 && s.Phase != "train" {
		return s.Phase + " ~" + Duration(s.PhaseExpected)
	}
	return s.Phase
}

func guessed(s estimate.Status, text string) string {
	if s.Guess && text != "" {
		return "~" + text + " (guess)"
	}
	return text
}

func stepText(s estimate.Status) string {
	if s.Unit == "%" || s.Step == 0 && s.Steps == 0 {
		return ""
	}
	name := "step "
	if s.Unit == "epoch" {
		name = "epoch "
	}
	if s.Unit == "B" {
		return of(s.Step, s.Steps, "B")
	}
	return name + of(s.Step, s.Steps, "")
}

// of writes "3/10", with bytes scaled.
func of(n, total int64, unit string) string {
	f := func(x int64) string {
		if unit == "B" {
			return bytes(float64(x))
		}
		return fmt.Sprint(x)
	}
	if total > 0 {
		return f(n) + "/" + f(total)
	}
	return f(n)
}

func bytes(x float64) string {
	for _, u := range []string{"B", "kB", "MB", "GB", "TB"} {
		if x < 1000 {
			return fmt.Sprintf("%.3g %s", x, u)
		}
		x /= 1000
	}
	return fmt.Sprintf("%.3g PB", x)
}

func rateText(s estimate.Status) string {
	switch {
	case s.Rate <= 0 || s.Unit == "%":
		return ""
	case s.Unit == "B":
		return bytes(s.Rate) + "/s"
	case s.Rate < 1:
		return fmt.Sprintf("%.3g s/%s", 1/s.Rate, unit(s))
	}
	return fmt.Sprintf("%.3g %s/s", s.Rate, unit(s))
}

func unit(s estimate.Status) string {
	if s.Unit == "" || s.Unit == "it" {
		return "step"
	}
	return s.Unit
}

// Duration writes seconds as a person says them: "40 s", "12 min", "3 h 05", "2 d 4 h".
func Duration(seconds float64) string {
	s := int64(math.Round(max(0, min(seconds, 1e12))))
	switch {
	case s < 100:
		return fmt.Sprintf("%d s", s)
	case s < 100*60:
		return fmt.Sprintf("%d min", (s+30)/60)
	case s < 48*3600:
		m := (s + 30) / 60
		return fmt.Sprintf("%d h %02d", m/60, m%60)
	}
	h := (s + 1800) / 3600
	return fmt.Sprintf("%d d %d h", h/24, h%24)
}

// interval writes two durations, the unit once where it is the same.
func interval(low, high float64) string {
	a, b := Duration(low), Duration(high)
	if a == b {
		return a
	}
	for _, u := range []string{" s", " min"} {
		if len(a) > len(u) && a[len(a)-len(u):] == u && len(b) > len(u) && b[len(b)-len(u):] == u {
			return a[:len(a)-len(u)] + "–" + b
		}
	}
	return a + " – " + b
}

// Clock writes a time of day as seen from now: "17:40", "Sat 09:15" within six
// days, else "Nov 28, 17:40". Both times are shown in now's zone.
func Clock(now, t time.Time) string {
	t = t.In(now.Location())
	y1, m1, d1 := now.Date()
	y2, m2, d2 := t.Date()
	switch {
	case y1 == y2 && m1 == m2 && d1 == d2:
		return t.Format("15:04")
	case t.Sub(now) < 6*24*time.Hour:
		return t.Format("Mon 15:04")
	}
	return t.Format("Jan 2, 15:04")
}
