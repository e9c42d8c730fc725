// Package past is what one's own runs teach: how much runs of the same work
// differ by themselves, how often they recur, when anybody waits for them, and
// what cures have really gained. It is pure; the runs come from the history.
package past

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"stoker/internal/run/history"
	"stoker/internal/settings"
)

// Measure is what a run's speed is told by.
type Measure string

// The measures, best first: a warm epoch holds everything that recurs.
const (
	Epoch Measure = "epoch" // median of the epochs after the first
	Step  Measure = "step"  // mean of the steps, those of the first epoch apart where possible
	Whole Measure = "run"   // a complete run from start to end
)

// Measures lists them, best first.
var Measures = []Measure{Epoch, Step, Whole}

// Seconds returns what m of r took; ok is false where it was not measured.
func Seconds(r history.Run, m Measure) (seconds float64, ok bool) {
	t, rec := r.Timing, r.Record
	switch m {
	case Epoch:
		if t != nil && len(t.Epochs) > 1 {
			seconds = Median(t.Epochs[1:])
		}
	case Step:
		switch {
		case t != nil && t.Source != "log" && t.StepMean > 0:
			seconds = t.StepMean
		case rec != nil && rec.WarmStep > 0:
			seconds = rec.WarmStep
		case t != nil:
			seconds = t.StepMean
		}
	case Whole:
		if rec != nil && rec.Complete {
			seconds = rec.Seconds
		}
	}
	return seconds, seconds > 0 && !math.IsInf(seconds, 0)
}

// Best returns the best measure that all runs have, "" if there is none.
func Best(runs ...history.Run) Measure {
	for _, m := range Measures {
		if !slices.ContainsFunc(runs, func(r history.Run) bool { _, ok := Seconds(r, m); return !ok }) {
			return m
		}
	}
	return ""
}

// Median of x, which is not empty; x stays as it is.
func Median(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Spread is how much runs of the same work differ by themselves.
type Spread struct {
	SD   float64 // standard deviation of the logarithm: 0.02 is 2 %
	Free int     // degrees of freedom; 0: nothing is known
	Runs int     // that tell
}

// SpreadOf measures it over runs of one command on one machine. Runs of another
// commit or other versions of the frameworks form groups of their own, so that
// what was improved does not count as noise.
func SpreadOf(runs []history.Run, m Measure) Spread {
	groups := map[string][]float64{}
	for _, r := range runs {
		if s, ok := Seconds(r, m); ok {
			key := r.Facts.Commit + versions(r.Facts.Packages) + r.MachineKey
			groups[key] = append(groups[key], math.Log(s))
		}
	}
	var all []Spread
	for _, g := range groups {
		all = append(all, spreadOfLogs(g))
	}
	return Pool(all...)
}

func versions(packages map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		fmt.Fprintf(&b, " %s=%s", name, packages[name])
	}
	return b.String()
}

// Pool joins spreads of several places into one.
func Pool(spreads ...Spread) Spread {
	var sum float64
	var all Spread
	for _, s := range spreads {
		sum += s.SD * s.SD * float64(s.Free)
		all.Free += s.Free
		all.Runs += s.Runs
	}
	if all.Free > 0 {
		all.SD = math.Sqrt(sum / float64(all.Free))
	}
	return all
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// window is how far back the rate of runs is looked at, and the least history
// that tells one.
const (
	window      = 28 * 24 * time.Hour
	leastWindow = 7 * 24 * time.Hour
)

// Planned says how many runs of a command the next horizon will see if things go
// on as they did: an interval of 80 %. runs are those of the command, first is
// when the history began. Runs are taken for a Poisson process whose rate is as
// unknown as the count leaves it (Jeffreys' prior), which makes the coming count
// negative binomial. low is not below one half, the least that "none" can mean on
// a scale of proportions.
func Planned(runs []history.Run, first, now time.Time, horizon time.Duration) (low, high float64, seen int, over time.Duration) {
	over = min(max(now.Sub(first), leastWindow), window)
	for _, r := range runs {
		if !r.Imported && r.Started.After(now.Add(-over)) && !r.Started.After(now) {
			seen++
		}
	}
	shape := float64(seen) + 0.5
	low, high = negativeBinomial(shape, horizon.Hours()/over.Hours())
	return max(low, 0.5), max(high, 0.5), seen, over
}

// negativeBinomial returns the 10 % and 90 % quantiles of a Poisson count whose
// mean is gamma distributed with this shape and scale.
func negativeBinomial(shape, scale float64) (low, high float64) {
	const most = 1e6
	logP := -shape * math.Log1p(scale) // of no event
	step := math.Log(scale / (1 + scale))
	sum := 0.0
	low = -1
	for k := 0.0; k < most; k++ {
		sum += math.Exp(logP)
		if low < 0 && sum >= 0.1 {
			low = k
		}
		if sum >= 0.9 {
			return low, k
		}
		logP += step + math.Log((k+shape)/(k+1))
	}
	return max(low, 0), most
}

// Attended is the share of the runs' time that fell into working hours, Monday
// to Friday, and the number of days on which they ended; 0 where none has.
func Attended(runs []history.Run, s settings.Settings) (share float64, days int) {
	var inside, all time.Duration
	dates := map[string]bool{}
	for _, r := range runs {
		if r.Imported || r.Ended.IsZero() || !r.Ended.After(r.Started) || r.Ended.Sub(r.Started) > 366*24*time.Hour {
			continue
		}
		inside += workingTime(r.Started.Local(), r.Ended.Local(), s)
		all += r.Ended.Sub(r.Started)
		dates[r.Ended.Local().Format(time.DateOnly)] = true
	}
	if all == 0 {
		return 0, 0
	}
	return float64(inside) / float64(all), len(dates)
}

func workingTime(from, to time.Time, s settings.Settings) (sum time.Duration) {
	for day := from.Add(-24 * time.Hour); day.Before(to.Add(24 * time.Hour)); day = day.Add(24 * time.Hour) {
		if w := day.Weekday(); w == time.Saturday || w == time.Sunday {
			continue
		}
		midnight := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, day.Location())
		start := midnight.Add(time.Duration(s.WorkStart * float64(time.Hour)))
		end := midnight.Add(time.Duration(s.WorkEnd * float64(time.Hour)))
		if from.After(start) {
			start = from
		}
		if to.Before(end) {
			end = to
		}
		sum += max(0, end.Sub(start))
	}
	return sum
}
