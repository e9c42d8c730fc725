package worth

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Sentence says the answer to q as one would to a colleague.
func (a Answer) Sentence(q Question) string {
	if a.Verdict == Free {
		return "Neither your time nor the machine's has a price here: do what you enjoy, or nothing."
	}
	head := fmt.Sprintf("%s of work to save %s a run", span(q.Work), span(q.Save))
	if a.Chance < 1 {
		head += fmt.Sprintf(", with a chance of %.0f %% that it works,", 100*a.Chance)
	}
	unit := q.Currency
	if unit == "" {
		unit = "in money"
	}
	return capital(head) + " " + a.payback(q) + a.plan(q, unit)
}

func (a Answer) payback(q Question) string {
	if math.IsInf(a.BreakEven, 1) {
		if q.Attended*q.Person == 0 && q.Machine == 0 {
			return "never pays back, as nobody waits for the runs and the machine costs nothing"
		}
		return "never pays back"
	}
	runs := math.Ceil(a.BreakEven - 1e-9)
	if runs <= 1 {
		return "pays back with the first run"
	}
	return fmt.Sprintf("pays back after %.0f runs", runs)
}

// even is the net, in hours or money, below which nobody cares: half a second.
const even = 0.5 / 3600

func (a Answer) plan(q Question, unit string) string {
	planned := fmt.Sprintf("; you plan %s: ", count(q.Runs))
	certain := a.signed(a.NetRange.Low, unit) == a.signed(a.NetRange.High, unit) // as far as one reads
	switch {
	case math.Abs(a.Net) < even && certain:
		return planned + "it comes out even."
	case a.Verdict == TooClose:
		return planned + fmt.Sprintf("too close to call, between %s and %s.", a.signed(a.NetRange.Low, unit), a.signed(a.NetRange.High, unit))
	case a.Verdict == Yes && certain:
		return planned + fmt.Sprintf("yes, you would win %s.", a.amount(a.Net, unit))
	case a.Verdict == No && certain:
		return planned + fmt.Sprintf("no, you would lose %s.", a.amount(-a.Net, unit))
	}
	word := map[Verdict]string{Yes: "yes", No: "no"}[a.Verdict]
	return planned + fmt.Sprintf("%s, the outcome is between %s and %s.", word, a.signed(a.NetRange.Low, unit), a.signed(a.NetRange.High, unit))
}

func (a Answer) signed(net float64, unit string) string {
	if net < 0 {
		return "a loss of " + a.amount(-net, unit)
	}
	return "a gain of " + a.amount(net, unit)
}

// amount prints a net without its sign.
func (a Answer) amount(v float64, unit string) string {
	if a.InHours {
		return Duration(v)
	}
	return fmt.Sprintf("%.2f %s", v, unit)
}

func span(r Range) string {
	low, high := Duration(r.Low), Duration(r.High)
	switch {
	case low == high:
		return low
	case r.Low == 0:
		return "up to " + high
	}
	return low + " to " + high
}

func count(r Range) string {
	switch {
	case r.Low == r.High:
		return fmt.Sprintf("%.4g", r.Low)
	case r.Low < 1:
		return fmt.Sprintf("up to %.4g", r.High)
	}
	return fmt.Sprintf("%.4g to %.4g", r.Low, r.High)
}

// Duration prints hours as people say them: "44 minutes", "1 h 30 min", "3 days".
func Duration(hours float64) string {
	d := time.Duration(hours * float64(time.Hour))
	switch {
	case hours > 24*3650:
		return "more than ten years"
	case d < time.Second:
		return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
	case d < 2*time.Minute && d%time.Minute != 0:
		return fmt.Sprintf("%.3g seconds", d.Seconds())
	}
	minutes := int(d.Round(time.Minute) / time.Minute)
	switch {
	case minutes == 60:
		return "one hour"
	case minutes == 1:
		return "1 minute"
	case minutes < 60:
		return fmt.Sprintf("%d minutes", minutes)
	case minutes < 48*60 && minutes%60 == 0:
		return fmt.Sprintf("%d hours", minutes/60)
	case minutes < 48*60:
		return fmt.Sprintf("%d h %02d min", minutes/60, minutes%60)
	}
	return fmt.Sprintf("%.1f days", hours/24)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
