// Package trial starts a real run, follows it for some training steps, and ends
// it: what `stoker estimate` forecasts from. The run is one like any other, with
// a holder and a supervisor of its own; nothing in the script tells the two
// apart, so that what it writes, it writes.
package trial

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/client"
	"stoker/internal/run/estimate"
	"stoker/internal/run/launch"
	"stoker/internal/run/link"
	"stoker/internal/run/progress"
	"stoker/internal/run/rundir"
	"stoker/internal/run/sampler"
)

// Options of a trial.
type Options struct {
	State rundir.State
	Spec  rundir.Spec // of the run; Run gives it its id
	// Steps are the training steps to follow after the warm-up ones.
	Steps int64
	// Limit is the most that the trial may take.
	Limit  time.Duration
	Grace  time.Duration // between the interrupt and harder signals
	Prefix []string      // put before the supervisor's command, see launch.Supervisor

	// Progress is told now and then how many steps are done, warm-up included, of
	// how many; may be nil.
	Progress func(done, of int64, s estimate.Status)
}

// Warmup steps are not counted: compilation, caches and clocks settle in them.
// The runner's sampler leaves out as many.
const Warmup = 5

// settle is the least time of training that is followed: lines that come in
// bursts tell no speed before.
const settle = 2 * time.Second

// Result is what was seen.
type Result struct {
	ID      string
	Dir     rundir.Dir
	Spec    rundir.Spec
	Status  estimate.Status // when enough was seen
	Steps   int64           // training steps followed, warm-up apart
	Reports []sampler.Report
	End     *rundir.End // of a run that ended by itself before; else nil
	Seconds float64     // the trial took
}

// Run runs a trial. Where the run ends by itself, Result.End says how. Errors:
// those of starting a run, Canceled when ctx ended (the run is stopped then), and
// Invalid where the time was over and no step was seen.
func Run(ctx context.Context, o Options) (Result, error) {
	began := time.Now()
	o.Spec.Foreground = true // the supervisor of a command that ends at once waits for us
	d, err := o.State.Create(&o.Spec)
	if err != nil {
		return Result{}, err
	}
	if err := launch.Supervisor(d, false, o.Prefix); err != nil {
		o.State.MarkEnded(o.Spec.ID)
		return Result{}, err
	}
	r := Result{ID: o.Spec.ID, Dir: d, Spec: o.Spec}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Limit, errLimit)
	defer cancel()
	followErr := follow(ctx, &o, &r)
	if r.End == nil {
		if _, err := client.Stop(d, link.Stop{Grace: o.Grace}, func(string) {}); err != nil && followErr == nil {
			followErr = err
		}
		r.Reports, _ = sampler.Read(d.Probe()) // of a run without the sampler there are none
	}
	r.Seconds = time.Since(began).Seconds()
	return r, followErr
}

var errLimit = errors.New("the trial's time was over")

// follow reads the run's status until enough was seen.
func follow(ctx context.Context, o *Options, r *Result) error {
	conn, err := link.Dial(r.Dir.Sock())
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := conn.WriteJSON(link.ClientHello, link.Greeting{Version: link.Version, Attach: true}); err != nil {
		return errs.New(errs.Transient, "the run's supervisor left: %w", err)
	}
	w := watch{want: o.Steps}
	for {
		kind, payload, err := conn.Read()
		switch {
		case err != nil && context.Cause(ctx) == errLimit:
			return w.late(o.Limit, r)
		case err != nil && ctx.Err() != nil:
			return errs.New(errs.Canceled, "the trial was given up")
		case err != nil:
			return errs.New(errs.Transient, "the run's supervisor left: %w", err)
		}
		switch kind {
		case link.Ended:
			r.End = new(rundir.End)
			link.DecodeJSON(payload, r.End)
			return nil
		case link.StatusNow:
			var now rundir.Status
			var s estimate.Status
			if !link.DecodeJSON(payload, &now) || json.Unmarshal(now.Progress, &s) != nil {
				continue
			}
			enough := w.see(s)
			r.Status, r.Steps = s, max(0, w.done-Warmup)
			if o.Progress != nil {
				o.Progress(w.done, w.target(s), s)
			}
			if enough {
				return nil
			}
		}
	}
}

// watch counts the steps of a run.
type watch struct {
	want  int64
	begun bool
	first int64     // step at which the counting began
	since time.Time // when
	done  int64
}

// epochs are followed where the output tells nothing finer.
const epochs = 2

// target is how many steps are wanted, warm-up included.
func (w *watch) target(s estimate.Status) int64 {
	if s.Unit == "epoch" {
		return epochs
	}
	want := w.want + Warmup
	if s.Percent >= 0 && s.Steps > 0 && !s.EpochOnly && s.Epochs <= 1 {
		want = min(want, s.Steps)
	}
	return want
}

// see takes a status; true when enough was seen.
func (w *watch) see(s estimate.Status) bool {
	if s.GlobalStep <= 0 || s.Phase == progress.Start && !w.begun {
		return false
	}
	if !w.begun {
		w.begun, w.first, w.since = true, s.GlobalStep, s.At
		if s.GlobalStep <= w.want+Warmup { // not resumed: what is done was done by this run
			w.first = 0
		}
	}
	w.done = s.GlobalStep - w.first
	return w.done >= w.target(s) && s.At.Sub(w.since) >= settle && (s.RemainingMid >= 0 || s.Percent < 0)
}

// late says why nothing came of a trial in its time, or nil where something did.
func (w *watch) late(limit time.Duration, r *Result) error {
	if r.Steps > 0 {
		return nil
	}
	return errs.New(errs.Invalid, "in %v no training step was seen in the output of run %s", limit, r.ID).
		WithHint("see it with: stoker logs %s; give it longer with --limit, or say what a line of progress looks like with --pattern", r.ID)
}
