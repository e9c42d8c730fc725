package forecast_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stoker/internal/errs"
	"stoker/internal/run/estimate"
	. "stoker/internal/run/forecast"
	"stoker/internal/run/history"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(math.Abs(a), math.Abs(b), 1) }

func TestHere(t *testing.T) {
	s := estimate.Status{GlobalStep: 40, Percent: 4, Rate: 10, Elapsed: 9, RemainingLow: 80, RemainingMid: 96, RemainingHigh: 120, Epoch: 1, Epochs: 5, Steps: 200}
	f, err := Here(Seen{Status: s, Steps: 35}, 0)
	if err != nil || f.Low != 89 || f.Mid != 105 || f.High != 129 || f.Steps != 1000 || !near(f.Step, 0.1) {
		t.Errorf("%+v, %v", f, err)
	}
	if all := strings.Join(f.Reasons, "\n"); !strings.Contains(all, "4 % of the run") || !strings.Contains(all, "first epoch") {
		t.Errorf("reasons %q", f.Reasons)
	}
	s.Unseen, s.RemainingMid = true, 106 // a usual validation takes 10 s: half of it is believed
	if f, _ := Here(Seen{Status: s}, 0); !near(f.Mid, 9+101) || !strings.Contains(f.Reasons[0], "validation") {
		t.Errorf("%+v", f)
	}
}

func TestHereWithoutTheLength(t *testing.T) {
	s := estimate.Status{GlobalStep: 40, Percent: 20, Rate: 10, Elapsed: 9, RemainingLow: 15, RemainingMid: 16, RemainingHigh: 18, Steps: 200, EpochOnly: true}
	if _, err := Here(Seen{Status: s}, 0); !errs.Is(err, errs.Invalid) || !strings.Contains(errs.HintOf(err), "--full-epochs") || !strings.Contains(err.Error(), "20 s: 200 steps of 100 ms") {
		t.Errorf("%v", err)
	}
	f, err := Here(Seen{Status: s}, 5)
	if err != nil || !near(f.Mid, 9+16+80) || f.Steps != 1000 || f.Low >= f.Mid || f.High <= f.Mid {
		t.Errorf("%+v, %v", f, err)
	}
	none := estimate.Status{RemainingLow: -1, RemainingMid: -1, RemainingHigh: -1, Percent: -1}
	if _, err := Here(Seen{Status: none}, 5); !errs.Is(err, errs.Invalid) {
		t.Errorf("%v", err)
	}
}

func machine(scale float64) Machine {
	return Machine{Name: "m", Device: "CPU", MeanBytes: 1e5, Feed: 3000 * scale, DiskFiles: 9000, DiskBytes: 9e8, InMemory: true,
		Products: map[string]float64{"float32": 1e11 * scale}, Copy: 2e10 * scale}
}

var hour = Forecast{Low: 3000, Mid: 3600, High: 4500, Step: 0.1, Steps: 36000}

func TestTheSameMachineTakesTheSameTime(t *testing.T) {
	for _, wait := range []float64{0, 0.02, 0.4} {
		f, r, err := Elsewhere(hour, Seen{Wait: wait}, machine(1), machine(1))
		if err != nil || f.Low > hour.Mid || f.High < hour.Mid*0.99 || !near(r.ComputeLow, 1) || !near(r.Data, 1) {
			t.Errorf("wait %v: %+v %+v %v", wait, f, r, err)
		}
	}
}

func TestTheSpeedUpIsTheLeastOfTheRatios(t *testing.T) {
	here, gpu := machine(1), machine(1)
	gpu.GPU, gpu.Products = true, map[string]float64{"float32": 5e12, "tf32": 4e13, "bfloat16": 7e14}
	gpu.Copy, gpu.Feed = 2e12, 9000
	f := func(name string, wait, low, high float64, limits string) {
		t.Helper()
		_, r, err := Elsewhere(hour, Seen{Wait: wait}, here, gpu)
		if err != nil || math.Abs(r.SpeedLow/low-1) > 0.01 || math.Abs(r.SpeedHigh/high-1) > 0.01 || r.Limits != limits {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	f("it waits for data here: feeding bounds it there", 0.3, 3, 3, "data")
	f("it computes here: feeding has slack nobody knows", 0, 3, 400, "either")
	gpu.Feed = 3000 * 1000
	f("feeding gains most: computing alone counts", 0, 50, 400, "compute")
	if _, r, _ := Elsewhere(hour, Seen{Wait: 0.3}, here, gpu); !strings.Contains(r.Sentence("gpu1"), "gpu1: ") || strings.Contains(r.ByHigh, "bfloat16") {
		t.Errorf("%s", r.Sentence("gpu1"))
	}
}

func TestTheDiskThereMayLimit(t *testing.T) {
	there := machine(4)
	there.InMemory, there.DiskFiles, there.DiskBytes = false, 6000, 3e8 // 3,000 samples of 100 KB
	_, r, err := Elsewhere(hour, Seen{Wait: 0.5}, machine(1), there)
	if err != nil || !near(r.Data, 1) || r.DataBy != "the disk" || !near(r.SpeedHigh, 1) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestNothingInCommon(t *testing.T) {
	bare := machine(1)
	bare.Products, bare.Copy = nil, 0
	if _, _, err := Elsewhere(hour, Seen{}, machine(1), bare); !errs.Is(err, errs.Invalid) || !strings.Contains(errs.HintOf(err), "--python") {
		t.Errorf("%v", err)
	}
	bare = machine(1)
	bare.Feed, bare.DiskFiles = 0, 0
	if _, _, err := Elsewhere(hour, Seen{}, bare, machine(1)); !errs.Is(err, errs.Invalid) {
		t.Errorf("%v", err)
	}
}

// TestElsewhereIsOrdered: whatever the machines, the interval is one, and a
// machine that is better in everything is not slower.
func TestElsewhereIsOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := func(name string) float64 { return math.Exp(rapid.Float64Range(-6, 6).Draw(t, name)) }
		draw := func(name string) Machine {
			return Machine{MeanBytes: 1e5, Feed: 1e3 * number(name), DiskFiles: 1e3 * number(name), DiskBytes: 1e8 * number(name),
				InMemory: rapid.Bool().Draw(t, name), Products: map[string]float64{"float32": number(name)}, Copy: number(name)}
		}
		here, there := draw("here"), draw("there")
		s := Seen{Wait: rapid.Float64Range(-1, 1).Draw(t, "wait"), WaitHalf: rapid.Float64Range(0, 0.2).Draw(t, "half")}
		f, r, err := Elsewhere(hour, s, here, there)
		if err != nil || !(f.Low > 0 && f.Low <= f.Mid && f.Mid <= f.High) || r.SpeedLow > r.SpeedHigh {
			t.Fatalf("%+v %+v %v", f, r, err)
		}
		better := there
		better.Feed, better.DiskFiles, better.DiskBytes, better.Copy = 2*there.Feed, 2*there.DiskFiles, 2*there.DiskBytes, 2*there.Copy
		better.Products = map[string]float64{"float32": 2 * there.Products["float32"]}
		g, _, err := Elsewhere(hour, s, here, better)
		if err != nil || g.Low > f.Low*1.0001 || g.High > f.High*1.0001 {
			t.Fatalf("better: %+v, was %+v, %v", g, f, err)
		}
	})
}

func TestSettle(t *testing.T) {
	made := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	whole := func(uid string, after time.Duration, seconds float64) history.Run {
		return history.Run{UID: uid, CommandKey: "c", MachineKey: "m", Started: made.Add(after), Attempts: 1,
			Record: &estimate.Record{Complete: true, Seconds: seconds}}
	}
	cut, other, resumed, again := whole("cut", time.Hour, 5), whole("other", time.Hour, 6), whole("resumed", time.Hour, 7), whole("again", time.Hour, 8)
	cut.Record.Complete, other.MachineKey, resumed.Record.First, again.Attempts = false, "x", 300, 2
	runs := []history.Run{whole("later", 3*time.Hour, 110), whole("before", -time.Hour, 1), cut, other, resumed, again, whole("first", 2*time.Hour, 100)}
	open := history.Forecast{ID: "a", CommandKey: "c", MachineKey: "m", Made: made, Low: 90, Mid: 96, High: 120, Truth: -1}
	done, elsewhere := open, open
	done.ID, done.Truth, elsewhere.ID, elsewhere.MachineKey = "b", 50, "c", "y"
	got := Settle([]history.Forecast{open, done, elsewhere}, runs)
	if len(got) != 1 || got[0].ID != "a" || got[0].UID != "first" || got[0].Truth != 100 {
		t.Fatalf("%+v", got)
	}
	track := TrackOf([]history.Forecast{got[0], done, elsewhere})
	if track.Made != 3 || track.Scored != 2 || track.Held != 1 || !near(track.MedianError, 0.92) {
		t.Errorf("%+v", track)
	}
	if s := track.Sentence(); !strings.Contains(s, "1 of 2") {
		t.Error(s)
	}
	if (Track{Made: 1}).Sentence() != "" {
		t.Error("a record of nothing")
	}
}

func TestDuration(t *testing.T) {
	for want, seconds := range map[string]float64{"0 s": -1, "41 s": 41, "2 min 05 s": 125, "12 min": 722, "3 h 05": 11100, "4.2 days": 4.2 * 86400} {
		if got := Duration(seconds); got != want {
			t.Errorf("%v: got %q, want %q", seconds, got, want)
		}
	}
}
