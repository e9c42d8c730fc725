package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/cause"
	"stoker/internal/run/dataprint"
	"stoker/internal/run/estimate"
	"stoker/internal/run/history"
	"stoker/internal/run/procs"
	"stoker/internal/run/rundir"
	"stoker/internal/run/sampler"
	"stoker/internal/run/why"
)

const (
	lessons       = 8                       // earlier runs that an estimate looks at
	lessonTimeout = 1500 * time.Millisecond // a locked history must not hold a run up
	putTimeout    = 20 * time.Second
	factsTimeout  = 20 * time.Second // a row without facts is better than none
	// fingerprintTime is for a listing of the data; everybody knows of the end by then.
	fingerprintTime = 2 * time.Second
)

// HistoryRow is the run as the history keeps it, from its directory alone.
func HistoryRow(spec rundir.Spec, status rundir.Status) history.Run {
	machine, key := procs.Machine()
	r := history.Run{
		UID: spec.Host + "/" + spec.ID + "/" + spec.Created.UTC().Format(time.RFC3339Nano), ID: spec.ID, Name: spec.Name,
		Argv: spec.Argv, CommandKey: history.CommandKey(spec.Dir, spec.Argv), Dir: spec.Dir, Host: spec.Host,
		Machine: machine, MachineKey: key, Stoker: spec.Stoker, Started: spec.Created, Attempts: max(status.Attempt, 1),
		Percent: -1, DataWait: -1,
	}
	var p estimate.Status
	if json.Unmarshal(status.Progress, &p) == nil {
		r.Percent = p.Percent
	}
	if status.DataWait != nil {
		r.DataWait = *status.DataWait
	}
	if e := status.End; e != nil && status.Phase == rundir.Ended {
		r.Ended, r.Code, r.Signal, r.Cause, r.Text = e.Time, e.Code, e.Signal, e.Cause, e.Text
	}
	return r
}

// recorder writes the run to the history, beside the loop: the file may be
// locked by other runs, or its disk slow.
type recorder struct {
	state rundir.State
	facts chan history.Facts
	done  chan error
}

// learn returns what earlier runs of the same command teach. A history that
// cannot be read is said once and missed.
func (s *supervisor) learn(ctx context.Context) estimate.History {
	ctx, cancel := context.WithTimeout(ctx, lessonTimeout)
	defer cancel()
	db, err := history.Open(ctx, s.State.History())
	if err != nil {
		s.note("no-history", map[string]string{"error": err.Error()}, false)
		s.say(fmt.Sprintf("this run goes without history: %v", err))
		return nil
	}
	defer db.Close()
	row := HistoryRow(s.Spec, s.status)
	h, err := db.Lessons(ctx, row.CommandKey, row.MachineKey, lessons)
	if err != nil {
		s.note("no-history", map[string]string{"error": err.Error()}, false)
		return nil
	}
	if err := db.Put(ctx, row); err != nil {
		s.note("no-history", map[string]string{"error": err.Error()}, false)
	}
	return h
}

func newRecorder(ctx context.Context, state rundir.State, spec rundir.Spec) *recorder {
	r := &recorder{state: state, facts: make(chan history.Facts, 1), done: make(chan error, 1)}
	go func() { r.facts <- history.Gather(ctx, spec.Dir, spec.Argv) }()
	return r
}

// finish writes the final row in the background; wait waits for it.
func (r *recorder) finish(row history.Run) {
	go func() {
		select {
		case row.Facts = <-r.facts:
		case <-time.After(factsTimeout):
		}
		ctx, cancel := context.WithTimeout(context.Background(), putTimeout)
		defer cancel()
		r.done <- Record(ctx, r.state, row)
	}()
}

func (r *recorder) wait() error { return <-r.done }

// Record writes one row to the history of state.
func Record(ctx context.Context, state rundir.State, row history.Run) error {
	db, err := history.Open(ctx, state.History())
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Put(ctx, row)
}

// lesson completes the row with what the estimator measured and how its
// forecasts held.
func (s *supervisor) lesson(row history.Run, end rundir.End) history.Run {
	complete := end.Cause == string(cause.Done)
	rec := s.watch.est.Record(end.Time, complete)
	if rec.Steps > 0 || rec.Epochs > 0 || complete {
		row.Record = &rec
	}
	if complete {
		row.Scores = estimate.Score(rec, time.Duration(rec.Seconds*float64(time.Second)))
	}
	return s.judge(row, end, complete)
}

// judge completes the row with how fast the run was and where its time went.
func (s *supervisor) judge(row history.Run, end rundir.End, complete bool) history.Run {
	var p estimate.Status
	if json.Unmarshal(s.status.Progress, &p) != nil {
		p.RemainingMid = -1
	}
	if !complete && p.RemainingMid > 0 && !p.EpochOnly {
		row.Total = p.Elapsed + p.RemainingMid
	}
	acc := s.probe.last
	reports, _ := sampler.Read(s.Dir.Probe()) // of a run without the sampler there are none
	s.watch.course.end(end.Time, complete)
	row.Timing = timing(&s.watch.course, row.Record, row.DataWait, reports, acc)
	if t := row.Timing; t != nil {
		ctx, cancel := context.WithTimeout(context.Background(), fingerprintTime)
		t.DataFingerprint = dataprint.Of(ctx, t.DataPath)
		cancel()
		if t.DataWait >= 0 {
			row.DataWait = t.DataWait
		}
	}
	d := why.Diagnose(why.Evidence{Log: s.watch.meters.Meters(), Account: &acc, Reports: reports, Status: &p, Timing: row.Timing, Argv: row.Argv, Over: true})
	if raw, err := json.Marshal(d); err == nil && d.Verdict != why.Unknown {
		row.Diagnosis = raw
	}
	return row
}

// Settle writes the end of a run whose processes are all gone and none wrote it:
// the machine was restarted, or everything was killed. It returns the status
// with that end; a run that lives, or has an end, is returned as it is.
func Settle(state rundir.State, d rundir.Dir, spec rundir.Spec, last rundir.Status) (rundir.Status, error) {
	switch judged := rundir.Judge(spec, last, procs.Host(), procs.BootID(), procs.ID.Alive); judged {
	case rundir.Ended:
	case rundir.Lost, rundir.Rebooted:
		end := conclude(d, spec, last, judged)
		last.Phase, last.End = rundir.Ended, &end
		if err := writeEnd(d, last); err != nil {
			return last, err
		}
	default:
		last.Phase = judged
		return last, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := Record(ctx, state, HistoryRow(spec, last)); err != nil {
		return last, errs.New(errs.KindOf(err), "settle run %s: %w", spec.ID, err)
	}
	state.MarkEnded(spec.ID)
	return last, nil
}
