package trial

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/estimate"
	"stoker/internal/run/launch"
	"stoker/internal/run/process"
	"stoker/internal/run/procs"
	"stoker/internal/run/rundir"
)

// TestMain plays the runner's own processes, which are this binary again.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		var err error
		switch d := rundir.Dir(os.Args[2]); os.Args[1] {
		case launch.SupervisorCommand:
			err = process.Supervise(d, len(os.Args) > 3)
		case launch.HolderCommand:
			err = process.Hold(d)
		default:
			os.Exit(m.Run())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func try(t *testing.T, ctx context.Context, script string, change func(*Options)) (Result, error) {
	t.Helper()
	state, err := rundir.OpenStateAt(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := Options{State: state, Steps: 10, Limit: 5 * time.Minute, Grace: time.Minute,
		Spec: rundir.Spec{Argv: []string{"sh", "-c", script}, Dir: t.TempDir(), Created: time.Now(), Host: procs.Host(), BootID: procs.BootID(), PTY: true}}
	if change != nil {
		change(&o)
	}
	r, err := Run(ctx, o)
	gone(t, r.Dir)
	return r, err
}

// gone waits until the run's own processes have left its directory.
func gone(t *testing.T, d rundir.Dir) {
	t.Helper()
	s, err := rundir.ReadStatus(d.Status())
	if err != nil {
		return
	}
	for end := time.Now().Add(2 * time.Minute); s.Supervisor.Alive() || s.Holder.Alive(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the run's processes do not end")
		}
	}
}

const steps = `for i in $(seq 1 20000); do echo "step $i/20000 loss: 0.5"; sleep 0.05; done; echo finished > done`

// TestSomeStepsAndNoMore: a real run is followed for the steps that are wanted,
// then ended, and there is a forecast.
func TestSomeStepsAndNoMore(t *testing.T) {
	var last, of int64
	r, err := try(t, t.Context(), steps, func(o *Options) { o.Progress = func(done, want int64, _ estimate.Status) { last, of = done, want } })
	if err != nil {
		t.Fatal(err)
	}
	s := r.Status
	if r.Steps < 10 || r.End != nil || s.RemainingMid <= 0 || s.RemainingLow > s.RemainingMid || s.RemainingHigh < s.RemainingMid || s.Steps != 20000 {
		t.Errorf("%+v", r)
	}
	if last < of || of != 10+Warmup {
		t.Errorf("told %d of %d", last, of)
	}
	status, err := rundir.ReadStatus(r.Dir.Status())
	if err != nil || status.Phase != rundir.Ended || status.Child.Alive() {
		t.Errorf("afterwards %+v, %v", status, err)
	}
	if _, err := os.Stat(r.Spec.Dir + "/done"); err == nil {
		t.Error("the script came to its end")
	}
}

func TestARunThatEndsByItself(t *testing.T) {
	r, err := try(t, t.Context(), `echo "step 1/2"; echo "step 2/2"`, nil)
	if err != nil || r.End == nil || r.End.Code != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = try(t, t.Context(), `echo no data; exit 3`, nil)
	if err != nil || r.End == nil || r.End.Code != 3 || !strings.Contains(strings.Join(r.End.Last, " "), "no data") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestNothingToCount(t *testing.T) {
	r, err := try(t, t.Context(), `echo thinking; sleep 60`, func(o *Options) { o.Limit = 2 * time.Second })
	if !errs.Is(err, errs.Invalid) || !strings.Contains(errs.HintOf(err), "--pattern") {
		t.Errorf("%v", err)
	}
	ended(t, r)
}

func TestGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := try(t, ctx, steps, func(o *Options) {
		o.Progress = func(done, _ int64, _ estimate.Status) {
			if done > 0 {
				cancel()
			}
		}
	})
	if !errs.Is(err, errs.Canceled) {
		t.Errorf("%v", err)
	}
	ended(t, r)
}

func ended(t *testing.T, r Result) {
	t.Helper()
	if s, err := rundir.ReadStatus(r.Dir.Status()); err != nil || s.Phase != rundir.Ended || s.Child.Alive() {
		t.Errorf("the run goes on: %+v, %v", s, err)
	}
}

func TestTarget(t *testing.T) {
	w := watch{want: 30}
	for name, c := range map[string]struct {
		s    estimate.Status
		want int64
	}{
		"many steps":      {estimate.Status{Steps: 400, Epochs: 10, Percent: 1}, 35},
		"a short run":     {estimate.Status{Steps: 20, Percent: 5}, 20},
		"short epochs":    {estimate.Status{Steps: 20, Epochs: 10, Percent: 1}, 35},
		"epochs only":     {estimate.Status{Unit: "epoch", Steps: 90, Percent: 1}, 2},
		"nothing is told": {estimate.Status{Percent: -1}, 35},
	} {
		if got := w.target(c.s); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
