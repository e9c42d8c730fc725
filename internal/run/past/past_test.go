package past

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stoker/internal/rng"
	"stoker/internal/run/estimate"
	"stoker/internal/run/history"
	"stoker/internal/settings"
)

var monday = time.Date(2026, 11, 16, 0, 0, 0, 0, time.Local)

func run(i int, seconds float64) history.Run {
	return history.Run{UID: fmt.Sprint(i), MachineKey: "m", Started: monday.Add(time.Duration(i) * time.Hour),
		Timing: &history.Timing{StepMean: seconds / 100, Epochs: []float64{2 * seconds, seconds, seconds}}}
}

func TestBestMeasure(t *testing.T) {
	short := run(1, 5)
	short.Timing.Epochs = short.Timing.Epochs[:1]
	whole := history.Run{Record: &estimate.Record{Complete: true, Seconds: 9}}
	for _, c := range []struct {
		runs []history.Run
		want Measure
	}{{[]history.Run{run(1, 5), run(2, 6)}, Epoch}, {[]history.Run{run(1, 5), short}, Step}, {[]history.Run{whole, run(1, 5)}, ""}, {[]history.Run{whole}, Whole}} {
		if got := Best(c.runs...); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// What was improved by a commit is no noise.
func TestSpreadIsThatWithinACommit(t *testing.T) {
	var runs []history.Run
	for i, s := range []float64{100, 102, 98, 50, 51, 49} {
		r := run(i, s)
		r.Facts.Commit = []string{"old", "new"}[i/3]
		runs = append(runs, r)
	}
	s := SpreadOf(runs, Epoch)
	if s.Free != 4 || math.Abs(s.SD-0.02) > 0.001 {
		t.Error(s)
	}
	g := NewGate(s, 1, 1)
	if g.Judge(1.05) != None || g.Judge(0.90) != Clear || g.Runs != 6 {
		t.Errorf("%+v", g)
	}
	if g := NewGate(Spread{}, 1, 1); g.Judge(1.02) != None || g.Judge(1/1.05) != Perhaps || g.Judge(1.2) != Clear {
		t.Errorf("%+v", g)
	}
}

// The interval of a measured gain holds the truth as often as it says, and what
// is no gain passes the gate one time in twenty (one-sided: less).
func TestGainCovers(t *testing.T) {
	source := rng.NewKey(5).Source()
	draw := func(n int, seconds float64) (runs []history.Run) {
		for i := range n {
			runs = append(runs, run(i, seconds*math.Exp(0.04*source.Normal())))
		}
		return runs
	}
	const trials = 1000
	for _, shape := range [][2]int{{3, 1}, {4, 3}, {2, 2}} {
		inside, false1 := 0, 0
		for range trials {
			g, _, _, _ := Gain(draw(shape[0], 100), draw(shape[1], 80), nil)
			if g.Low <= 0.2 && 0.2 <= g.High {
				inside++
			}
			if _, d, _, _ := Gain(draw(shape[0], 100), draw(shape[1], 100), nil); d == Clear {
				false1++
			}
		}
		if share := float64(inside) / trials; math.Abs(share-0.8) > 0.035 {
			t.Errorf("%v: the 80 %% interval held %.1f %% of the time", shape, 100*share)
		}
		if share := float64(false1) / trials; share > 0.065 {
			t.Errorf("%v: %.1f %% of the differences are none", shape, 100*share)
		}
	}
}

func TestGainIsScaleFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Float64Range(1, 1e4).Draw(t, "a"), rapid.Float64Range(1, 1e4).Draw(t, "b")
		k := rapid.Float64Range(1e-3, 1e3).Draw(t, "k")
		g, d, _, _ := Gain([]history.Run{run(1, a)}, []history.Run{run(2, b)}, nil)
		h, e, _, _ := Gain([]history.Run{run(1, k*a)}, []history.Run{run(2, k*b)}, nil)
		if d != e || math.Abs(g.Mid-h.Mid) > 1e-9*(1+math.Abs(g.Mid)) || g.Low > g.Mid || g.Mid > g.High {
			t.Fatal(g, h, d, e)
		}
	})
}

// Planned covers: with runs that come at a constant rate, the count of the next
// horizon lies in the interval at least 80 % of the time.
func TestPlannedCovers(t *testing.T) {
	source := rng.NewKey(9).Source()
	const trials = 800
	for _, perWeek := range []float64{0.5, 3, 20} {
		inside := 0
		for range trials {
			now := monday.Add(window)
			var runs []history.Run
			for at := arrival(&source, perWeek); at < window; at += arrival(&source, perWeek) {
				runs = append(runs, history.Run{Started: monday.Add(at)})
			}
			truth := 0.0
			for at := arrival(&source, perWeek); at < 2*window; at += arrival(&source, perWeek) {
				truth++
			}
			if low, high, _, _ := Planned(runs, monday.Add(-window), now, 2*window); math.Floor(low) <= truth && truth <= high {
				inside++
			}
		}
		if share := float64(inside) / trials; share < 0.77 || share > 0.95 {
			t.Errorf("%g runs a week: held %.1f %% of the time", perWeek, 100*share)
		}
	}
	if low, high, seen, over := Planned([]history.Run{run(1, 1)}, monday, monday.Add(2*time.Hour), 30*24*time.Hour); seen != 1 || over != leastWindow || low > 2 || high < 7 || high > 20 {
		t.Error(low, high, seen, over)
	}
}

func arrival(s *rng.Source, perWeek float64) time.Duration {
	return time.Duration(-math.Log(1-s.Float64()) / perWeek * 7 * 24 * float64(time.Hour))
}

func TestAttended(t *testing.T) {
	s := settings.Default()
	day := func(from, to float64) history.Run {
		at := func(h float64) time.Time { return monday.Add(time.Duration(h * float64(time.Hour))) }
		return history.Run{Started: at(from), Ended: at(to)}
	}
	for _, c := range []struct {
		r    history.Run
		want float64
	}{{day(10, 12), 1}, {day(20, 22), 0}, {day(17, 19), 0.5}, {day(5*24+10, 5*24+12), 0}, {day(0, 24), 9. / 24}, {day(0, 7*24), 45. / 168}} {
		if got, days := Attended([]history.Run{c.r}, s); days != 1 || math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v to %v: %g, want %g", c.r.Started, c.r.Ended, got, c.want)
		}
	}
	if _, days := Attended(nil, s); days != 0 {
		t.Error("known from nothing")
	}
	if got, days := Attended([]history.Run{day(9, 10), day(16, 17), day(33, 34), day(44, 46)}, s); days != 2 || math.Abs(got-0.6) > 1e-9 {
		t.Errorf("%g of %d days", got, days)
	}
}

func TestCuresTeach(t *testing.T) {
	cure := func(kind string, worked bool, predicted, measured float64) history.Cure {
		return history.Cure{Cure: kind, Worked: worked, Predicted: &history.Gain{Mid: predicted}, Measured: &history.Gain{Mid: measured}}
	}
	cures := []history.Cure{cure("workers", true, 0.2, 0.1), cure("pack", false, 0.5, 0), cure("amp", true, 0.2, 0.2), {Cure: "planned"}}
	if r := RecordOf(cures, "workers"); r.Works != 2 || r.Failed != 1 || r.Ratio != 0.75 {
		t.Errorf("%+v", r)
	}
	cures = append(cures, cure("workers", true, 0.2, 0.1), cure("workers", true, 0.2, 0.1))
	if r := RecordOf(cures, "workers"); r.Works != 3 || r.Failed != 0 || r.Ratio != 0.5 {
		t.Errorf("%+v", r)
	}
}

func TestFasterRunsAreNoticedOnce(t *testing.T) {
	runs := []history.Run{run(9, 80), run(3, 100), run(2, 101), run(1, 99)}
	before, after, g, found := Faster(runs, nil)
	if !found || len(before) != 3 || after.UID != "9" || math.Abs(g.Mid-0.2) > 0.01 {
		t.Error(before, g, found)
	}
	if _, _, _, found := Faster(runs, []history.Cure{{After: []string{"9"}}}); found {
		t.Error("it is on the books")
	}
	if _, _, _, found := Faster([]history.Run{run(9, 100), run(3, 100), run(2, 101), run(1, 99)}, nil); found {
		t.Error("no difference")
	}
}
