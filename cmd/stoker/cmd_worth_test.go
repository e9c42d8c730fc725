package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/history"
	"stoker/internal/run/why"
)

// TestWorthOfTypedAmounts: the worked example, to the minute, and settings under
// the flags.
func TestWorthOfTypedAmounts(t *testing.T) {
	ownState(t)
	example := []string{"worth", "--save", "2m", "--cost", "1h", "--runs", "8"}
	out, err := dataCLI(t, example...)
	want := "One hour of work to save 2 minutes a run pays back after 30 runs; you plan 8: no, you would lose 44 minutes.\n"
	if err != nil || !strings.HasPrefix(out, want) {
		t.Error(out, err)
	}
	if err := os.WriteFile(os.Getenv("STOKER_CONFIG"), []byte("currency = EUR\nperson_hour = 0\nmachine_hour = 60\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err = dataCLI(t, example...); err != nil || !strings.Contains(out, "yes, you would win 16.00 EUR") {
		t.Error(out, err)
	}
	if out, err = dataCLI(t, append(example, "--person", "50", "--machine", "0")...); err != nil || !strings.HasPrefix(out, want) {
		t.Error(out, err)
	}
	if _, err = dataCLI(t, "worth", "--save", "2m"); !errs.Is(err, errs.Invalid) {
		t.Error(err)
	}
}

// timedRun is a run of three epochs of so many seconds, i hours after the first.
func timedRun(i int, name string, epoch float64) history.Run {
	start := time.Now().Add(time.Duration(i-24) * time.Hour)
	return history.Run{UID: name, ID: name, Name: name, Argv: []string{"python", "train.py"}, CommandKey: "k", MachineKey: "m", Started: start,
		Ended: start.Add(time.Duration(3 * epoch * float64(time.Second))), Cause: "done", DataWait: -1, Percent: 100,
		Timing: &history.Timing{Source: "sampler", StepMean: epoch / 100, Epochs: []float64{epoch, epoch, epoch}, DataWait: 0.3, BatchSize: 32}}
}

// TestACureFromForecastToRecord: the diagnosis forecasts a gain, the runs after it
// show another, and the books tell the next advice.
func TestACureFromForecastToRecord(t *testing.T) {
	ownState(t)
	diagnosis, err := json.Marshal(why.Diagnosis{Verdict: why.Data, Sentence: "waits for data 30 % of each step", Cures: []why.Cure{
		{ID: "workers", Title: "num_workers=2", Gain: 0.3, GainLow: 0.25, GainHigh: 0.3, Work: 0.1, Free: true}}})
	if err != nil {
		t.Fatal(err)
	}
	err = withHistory(t.Context(), func(db *history.DB) error {
		for i, epoch := range []float64{1000, 1010, 990, 750} {
			r := timedRun(i, []string{"b1", "b2", "base", "fast"}[i], epoch)
			r.Total = 3 * epoch
			if r.Name == "base" {
				r.Diagnosis = diagnosis
			}
			if err := db.Put(t.Context(), r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	say := func(want string, args ...string) {
		t.Helper()
		out, err := dataCLI(t, args...)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v: %v\n%s, want %s", args, err, out, want)
		}
	}
	say("with a chance of 50 % that it works", "worth", "base", "--cure", "workers")
	say("If you did something for it: stoker worth done fast", "worth", "cures")
	say("workers: an epoch takes 25.0 % less time", "worth", "done", "base", "fast", "--cure", "workers", "--hours", "0.5")
	say("On the books: 1 of 1 cures worked; of what was forecast, 83 % came true", "worth", "done", "fast", "--cure", "workers", "--hours", "0.5")
	say("workers ", "worth", "cures")
	say("with a chance of 67 % that it works", "worth", "base", "--cure", "workers")
	if out, _ := dataCLI(t, "worth", "cures"); strings.Contains(out, "If you did something") {
		t.Error("it is on the books, and asked for again")
	}
	for args, kind := range map[string]errs.Kind{"worth none": errs.NotFound, "worth done fast": errs.Invalid, "worth done b1 --cure x": errs.NotFound,
		"worth base --save 2m": errs.Invalid, "worth done base fast --cure x --predicted 3": errs.Invalid} {
		if _, err := dataCLI(t, strings.Fields(args)...); !errs.Is(err, kind) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// TestOtherWorkIsNotBooked: a smaller batch is no gain.
func TestOtherWorkIsNotBooked(t *testing.T) {
	ownState(t)
	err := withHistory(context.Background(), func(db *history.DB) error {
		other := timedRun(1, "fast", 500)
		other.Timing.BatchSize = 16
		if err := db.Put(t.Context(), other); err != nil {
			return err
		}
		return db.Put(t.Context(), timedRun(0, "base", 1000))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dataCLI(t, "worth", "done", "base", "fast", "--cure", "x"); !errs.Is(err, errs.Mismatch) || !strings.Contains(err.Error(), "batch size") {
		t.Error(err)
	}
	if _, err := dataCLI(t, "worth", "done", "base", "fast", "--cure", "x", "--anyway"); err != nil {
		t.Error(err)
	}
}
