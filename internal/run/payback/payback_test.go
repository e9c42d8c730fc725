package payback_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"stoker/internal/errs"
	"stoker/internal/rng"
	"stoker/internal/run/estimate"
	"stoker/internal/run/history"
	"stoker/internal/run/payback"
	"stoker/internal/run/prices"
	"stoker/internal/run/why"
	"stoker/internal/settings"
	"stoker/internal/worth"
)

// monday noon, when everybody attends.
var monday = time.Date(2026, 11, 16, 12, 0, 0, 0, time.Local)

// hourly is a case of runs of an hour, all of it steps, n of them in the last four
// weeks.
func hourly(n int) payback.Case {
	c := payback.Case{Began: monday.Add(-1000 * time.Hour), Now: monday, Settings: settings.Default(), Price: prices.Price{How: "no price known"}}
	for i := range n {
		end := monday.Add(-time.Duration(i) * 27 * 24 * time.Hour / time.Duration(n))
		c.Siblings = append(c.Siblings, history.Run{UID: string(rune('a' + i)), ID: "abcd", MachineKey: "m", Started: end.Add(-time.Hour), Ended: end,
			Record: &estimate.Record{Version: 1, Complete: true, Seconds: 3600, Steps: 3600, StepsPerEpoch: 3600, ColdStep: 1, WarmStep: 1}})
	}
	if n > 0 {
		c.Run = c.Siblings[0]
	}
	c.Diagnosis = &why.Diagnosis{Sentence: "waits for data", Cures: []why.Cure{
		{ID: "workers", Title: "more workers", Gain: 0.2, GainLow: 0.15, GainHigh: 0.25, Work: 0.1, Free: true},
		{ID: "pack", Title: "pack the data", Gain: 0.3, GainLow: 0.25, GainHigh: 0.35, Work: 0.5}}}
	return c
}

func point(v float64) *worth.Range { r := worth.Point(v); return &r }

func number(v float64) *float64 { return &v }

func weigh(t *testing.T, c payback.Case, told payback.Told) payback.Advice {
	t.Helper()
	a, err := payback.Weigh(c, told)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The worked example, asked of a run.
func TestTheWorkedExampleOfARun(t *testing.T) {
	a := weigh(t, hourly(3), payback.Told{Save: point(2. / 60), Work: point(1), Runs: point(8), Chance: number(1), Attended: number(1)})
	want := "One hour of work to save 2 minutes a run pays back after 30 runs; you plan 8: no, you would lose 44 minutes."
	if a.Items[0].Sentence != want {
		t.Errorf("got  %s\nwant %s", a.Items[0].Sentence, want)
	}
	if a.Headline != "Do nothing: no cure pays back within the runs that you plan." {
		t.Error(a.Headline)
	}
}

// Gains come from the diagnosis, planned runs from the history, the attended
// share from when the runs ran.
func TestFiguresComeFromThePast(t *testing.T) {
	c := hourly(20)
	a := weigh(t, c, payback.Told{Attended: number(1)})
	pack := a.Items[1].Question
	if math.Abs(pack.Save.Low-0.25) > 1e-9 || math.Abs(pack.Save.High-0.35) > 1e-9 || pack.Work != (worth.Range{Low: 0.25, High: 1}) || pack.Chance != 0.5 {
		t.Errorf("%+v", pack)
	}
	if pack.Runs.Low < 10 || pack.Runs.Low > 20 || pack.Runs.High < 22 || pack.Runs.High > 35 {
		t.Errorf("20 runs in 28 days, and %+v planned in 30", pack.Runs)
	}
	if !strings.HasPrefix(a.Headline, "Pack the data pays. Start the next run now and work beside it") || len(a.Assumed) != 4 {
		t.Error(a.Headline, a.Assumed)
	}
	cheap := weigh(t, c, payback.Told{Cure: "workers", Attended: number(1)})
	if !strings.HasPrefix(cheap.Headline, "More workers pays. Do it before the next run") || len(cheap.Items) != 1 {
		t.Error(cheap.Headline)
	}
	night := hourly(20)
	for i := range night.Siblings {
		y, m, d := night.Siblings[i].Ended.Date()
		night.Siblings[i].Started, night.Siblings[i].Ended = time.Date(y, m, d, 1, 0, 0, 0, time.Local), time.Date(y, m, d, 2, 0, 0, 0, time.Local)
	}
	night.Run = night.Siblings[0]
	if a := weigh(t, night, payback.Told{}); a.Items[1].Verdict != worth.No {
		t.Error("nobody waits at night, and the machine is free", a.Items[1].Sentence)
	}
}

// A record of failures makes a cure less likely to pay, one of success more; of
// exaggerated forecasts only the part that came true counts.
func TestTheRecordTeaches(t *testing.T) {
	cure := func(worked bool, measured float64) history.Cure {
		return history.Cure{Cure: "pack", Worked: worked, Predicted: &history.Gain{Mid: 0.3}, Measured: &history.Gain{Mid: measured}}
	}
	gain := func(cures ...history.Cure) float64 {
		c := hourly(20)
		c.Cures = cures
		return weigh(t, c, payback.Told{Cure: "pack"}).Items[0].Answer.PerRun
	}
	none, good, bad := gain(), gain(cure(true, 0.3), cure(true, 0.3), cure(true, 0.3)), gain(cure(false, 0), cure(false, 0), cure(false, 0))
	if !(bad < none && none < good) {
		t.Error(bad, none, good)
	}
	if half := gain(cure(true, 0.15), cure(true, 0.15), cure(true, 0.15)); math.Abs(half-good/2) > 1e-9 {
		t.Error(half, good)
	}
}

func TestDoNothingItEnds(t *testing.T) {
	for _, c := range []struct {
		live payback.Live
		cure string
		want string
	}{
		{payback.Live{Low: 1200, Mid: 1200, High: 1200, Lose: 60, Elapsed: 2400}, "pack", "Do nothing: it ends at 12:20. To stop it for its best cure (pack the data) would end it"},
		{payback.Live{Low: 1100, Mid: 1200, High: 1300, Lose: 60, Elapsed: 2400}, "pack", "Do nothing: it ends at 12:20 (12:18 to 12:21)."},
		{payback.Live{Low: 170000, Mid: 180000, High: 190000, Lose: 60, Elapsed: 2400}, "pack", "Stop it for this: pack the data. With 30 minutes of work and 1 minute to do again it ends at about "},
		{payback.Live{Low: 170000, Mid: 180000, High: 190000, Lose: -1, Elapsed: 1e6}, "pack", "Do nothing: it ends at Wed 18 Nov 14:00"},
		{payback.Live{Low: -1, Mid: -1, High: -1}, "pack", "Do nothing yet: when it ends is not known."},
	} {
		k := hourly(20)
		k.Live, k.Settings.Chance = &c.live, 0.9
		if a := weigh(t, k, payback.Told{Cure: c.cure}); !strings.HasPrefix(a.Headline, c.want) {
			t.Errorf("%+v:\n%s, want\n%s", c.live, a.Headline, c.want)
		}
	}
	k := hourly(0)
	k.Diagnosis, k.Live = nil, &payback.Live{Low: 600, Mid: 600, High: 600, Lose: -1, Elapsed: 60}
	if a := weigh(t, k, payback.Told{}); !strings.HasPrefix(a.Headline, "Do nothing: it ends at 12:10. What") || a.Ends == "" {
		t.Error(a.Headline)
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	bare := hourly(3)
	bare.Diagnosis = nil
	unknown := hourly(3)
	unknown.Run, unknown.Siblings = history.Run{}, nil
	for name, k := range map[string]struct {
		c    payback.Case
		told payback.Told
		kind errs.Kind
	}{
		"no diagnosis": {bare, payback.Told{}, errs.NotFound}, "no such cure": {hourly(3), payback.Told{Cure: "magic"}, errs.NotFound},
		"no length": {unknown, payback.Told{}, errs.NotFound}, "nonsense": {hourly(3), payback.Told{Runs: point(-1)}, errs.Invalid},
	} {
		if _, err := payback.Weigh(k.c, k.told); !errs.Is(err, k.kind) || k.kind == errs.NotFound && errs.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func timed(uid string, epoch float64) history.Run {
	return history.Run{UID: uid, Timing: &history.Timing{Epochs: []float64{2 * epoch, epoch, epoch}},
		Record: &estimate.Record{Version: 1, Complete: true, Seconds: 5 * epoch}} // a fifth of it starts and ends
}

func TestBooking(t *testing.T) {
	before := []history.Run{timed("1", 900), timed("2", 909), timed("3", 891)}
	for _, c := range []struct {
		after  float64
		worked bool
		want   string
	}{
		{720, true, "pack: an epoch takes 20.0 % less time (18.2 to 21.7), by 3 runs before and 1 run after. It worked. Forecast were 25.0 %: 80 % of that came true. 90 minutes"},
		{898, false, "pack: an epoch takes 0.2 % less time (-2.0 to 2.4), by 3 runs before and 1 run after. No gain beyond noise: it did not work."},
		{1200, false, "pack: an epoch takes 33.3 % more time"},
	} {
		want := strings.Replace(c.want, "90 minutes", "1 h 30 min of work for 12 minutes a run: earned after 8 runs.", 1)
		k, said, err := payback.Book(payback.Booking{Cure: "pack", Before: before, After: []history.Run{timed("9", c.after)}, Hours: 1.5,
			Predicted: &history.Gain{Low: 0.2, Mid: 0.25, High: 0.3}, Now: monday})
		if err != nil || k.Worked != c.worked || !strings.HasPrefix(said, want) || k.ID != "pack 9" || len(k.Before) != 3 {
			t.Errorf("%v %+v\n%s, want\n%s", err, k, said, want)
		}
	}
	if _, _, err := payback.Book(payback.Booking{Before: before, After: []history.Run{{}}}); !errs.Is(err, errs.Invalid) {
		t.Error(err)
	}
}

// A longer run, a larger gain, more runs, a dearer machine never make a cure less
// worth it.
func TestMonotone(t *testing.T) {
	source := rng.NewKey(11).Source()
	for range 12 {
		c := hourly(1 + source.IntN(20))
		cost, machine, k := source.Uniform(0.1, 5), source.Uniform(0, 10), source.Uniform(1, 3)
		told := payback.Told{Cure: "pack", Work: point(cost), Machine: &machine}
		base := weigh(t, c, told)
		better := map[string]func(*payback.Case, *payback.Told){
			"gain": func(c *payback.Case, _ *payback.Told) {
				pack := c.Diagnosis.Cures[1]
				pack.GainLow, pack.GainHigh = k*pack.GainLow, k*pack.GainHigh
				c.Diagnosis = &why.Diagnosis{Cures: []why.Cure{pack}}
			},
			"machine": func(_ *payback.Case, u *payback.Told) { u.Machine = number(k * machine) },
			"work":    func(_ *payback.Case, u *payback.Told) { u.Work = point(cost / k) },
			"horizon": func(c *payback.Case, _ *payback.Told) {
				c.Settings.Horizon = time.Duration(k * float64(c.Settings.Horizon))
			},
		}
		for name, change := range better {
			d, u := c, told
			change(&d, &u)
			if got, was := weigh(t, d, u).Items[0].Answer.Net, base.Items[0].Answer.Net; got < was-1e-9 {
				t.Fatalf("%s times %g: %g was %g", name, k, got, was)
			}
		}
	}
}

// TestOneEveningIsNoHabit: runs of one evening make the wait worth less than half,
// not nothing; those of many do.
func TestOneEveningIsNoHabit(t *testing.T) {
	for days, want := range map[int]string{
		0:  "attended: 50 % of the wait, no run has ended yet: taken as half",
		1:  "attended: 38 % of the wait, as 0 % of the earlier runs' time fell into 9 to 18 h, Monday to Friday; of one day only, so that half counts too",
		3:  "attended: 25 % of the wait, as 0 % of the earlier runs' time fell into 9 to 18 h, Monday to Friday; of 3 days only, so that half counts too",
		27: "attended: 5 % of the wait, as 0 % of the earlier runs' time fell into 9 to 18 h, Monday to Friday",
	} {
		c := hourly(max(days, 1))
		c.Siblings = c.Siblings[:days]
		for i := range c.Siblings {
			c.Siblings[i].Started, c.Siblings[i].Ended = c.Siblings[i].Started.Add(9*time.Hour), c.Siblings[i].Ended.Add(9*time.Hour)
		}
		if a := weigh(t, c, payback.Told{}); !slices.Contains(a.Assumed, want) {
			t.Errorf("%d evenings: %q", days, a.Assumed)
		}
	}
}
