package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"stoker/internal/errs"
	"stoker/internal/progress"
	"stoker/internal/run/estimate"
	"stoker/internal/run/evidence"
	"stoker/internal/run/launch"
	"stoker/internal/run/procs"
	"stoker/internal/run/rundir"
	"stoker/internal/run/sampler"
	"stoker/internal/run/trial"
)

// delayTest runs a delay test on a live run and adds what it found to the evidence.
func delayTest(ctx context.Context, d rundir.Dir, s *evidence.Subject, meter *progress.Meter) error {
	if s.PID == 0 {
		return errs.New(errs.Invalid, "%s has ended: only a live run can be tested", s.Name).WithHint("stoker ps lists runs")
	}
	_, err := sampler.DelayTest(ctx, d.Probe(), sampler.DelayOptions{}, percentTicks(meter, "delaying some batches"))
	if err != nil {
		return err
	}
	reports, err := sampler.Read(d.Probe())
	if err == nil {
		s.Evidence.Reports = reports
	}
	return err
}

// headspaceLimit ends a throw-away run that never takes the steps asked for.
const headspaceLimit = time.Hour

// runHeadspace runs a command whose sampler replays batches from memory after the first
// ones, and returns what it left.
func runHeadspace(ctx context.Context, argv []string, steps int, meter *progress.Meter) (evidence.Subject, error) {
	if len(argv) == 0 {
		return evidence.Subject{}, errs.New(errs.Invalid, "no command given").WithHint("for example: stoker why --headspace 100 -- python train.py")
	}
	if steps < 20 {
		return evidence.Subject{}, errs.New(errs.Invalid, "%d steps are too few", steps).WithHint("take 50 or more")
	}
	state, err := rundir.OpenState()
	if err != nil {
		return evidence.Subject{}, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return evidence.Subject{}, errs.New(errs.NotFound, "working directory: %w", err)
	}
	if err := os.Setenv("STOKER_HEADSPACE", fmt.Sprintf("%d:%d", steps, steps)); err != nil {
		return evidence.Subject{}, errs.New(errs.Internal, "environment: %w", err)
	}
	meter.Phase("starting the command", "", 0, 0)
	var shown int64
	spec := rundir.Spec{Name: "headspace", Argv: argv, Dir: dir, Created: time.Now(), Host: procs.Host(), BootID: procs.BootID(), Stoker: version, PTY: true, Sampler: true}
	r, err := trial.Run(ctx, trial.Options{State: state, Spec: spec, Steps: 1 << 40, Limit: headspaceLimit, Grace: 10 * time.Second,
		Prefix: launch.CheckLogout(ctx).Prefix,
		Progress: func(done, _ int64, _ estimate.Status) {
			if done > 0 && shown == 0 {
				meter.Phase("trying", "steps", int64(2*steps), 0)
			}
			meter.Add(max(done-shown, 0), 0)
			shown = max(done, shown)
		}})
	if err != nil {
		return evidence.Subject{}, err
	}
	s, err := evidence.OfRun(ctx, state, r.Dir, 0, func(float64) {})
	if err != nil {
		return s, err
	}
	// Half of its steps were replayed: nothing else that was seen of it is about the run
	// that is meant.
	s.Evidence.Account, s.Evidence.Log, s.Evidence.Status, s.Evidence.Timing = nil, nil, nil, nil
	found := false
	for i := range s.Evidence.Reports {
		report := &s.Evidence.Reports[i]
		report.Steps, report.Stacks = sampler.Steps{}, sampler.Stacks{}
		found = found || report.Headspace != nil && report.Headspace.Replayed.N > 0
	}
	if found {
		return s, nil
	}
	return s, errs.New(errs.NotFound, "run %s ended before batches were replayed", r.ID).
		WithHint("its loader may be none that the sampler knows, or it took fewer than %d steps; its output: stoker logs %s", 2*steps, r.ID)
}
