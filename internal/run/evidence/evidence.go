// Package evidence gathers what package why judges: from the files of a run, live or
// ended, or from a process that Stoker did not start. It reads only.
package evidence

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/account"
	"stoker/internal/run/estimate"
	"stoker/internal/run/follow"
	"stoker/internal/run/history"
	"stoker/internal/run/procs"
	"stoker/internal/run/progress"
	"stoker/internal/run/rundir"
	"stoker/internal/run/sampler"
	"stoker/internal/run/seglog"
	"stoker/internal/run/supervisor"
	"stoker/internal/run/why"
)

// Subject is what evidence is about.
type Subject struct {
	Evidence why.Evidence
	Name     string // "run k3f9", "process 123"
	UID      string // of the history's row; "" where there is none
	Dir      string // working directory
	PID      int    // of the live command, 0 where it has ended
}

// watchedEnough is how long a process has to be accounted for before the account
// that the supervisor keeps is used instead of looking anew.
const watchedEnough = 5.0

// OfRun reads the files of a run. Where it is live and its supervisor has accounted
// for less than some seconds of training, its processes are watched for a while;
// tick is called now and then meanwhile with the share that is done.
func OfRun(ctx context.Context, state rundir.State, d rundir.Dir, watch time.Duration, tick func(float64)) (Subject, error) {
	spec, err := d.LoadSpec()
	if err != nil {
		return Subject{}, err
	}
	status, err := rundir.ReadStatus(d.Status())
	if err != nil && !errs.Is(err, errs.NotFound) {
		return Subject{}, err
	}
	phase := rundir.Judge(spec, status, procs.Host(), procs.BootID(), procs.ID.Alive)
	row := supervisor.HistoryRow(spec, status)
	s := Subject{Name: "run " + spec.ID, UID: row.UID, Dir: spec.Dir}
	e := &s.Evidence
	e.Argv, e.Over = spec.Argv, phase.Over()
	e.Status = statusOf(status)
	e.Log = metersOf(d.Raw(), progress.Options{Total: spec.Total, Pattern: spec.Pattern})
	e.Reports, _ = sampler.Read(d.Probe()) // of a run without the sampler there are none
	e.Account = account.Load(d.Account())
	e.Timing = timingOf(ctx, state, row.UID)
	if !e.Over && phase != rundir.Elsewhere && status.Child.Alive() {
		s.PID = status.Child.PID
		if e.Account == nil || e.Account.Seconds < watchedEnough {
			e.Account = Watch(ctx, s.PID, watch, tick)
		}
	}
	return s, nil
}

// OfProcess watches a process of anybody, and reads the log that it writes: the named
// one, or the file that its output goes to.
func OfProcess(ctx context.Context, pid int, log string, watch time.Duration, tick func(float64)) (Subject, error) {
	child := procs.Identify(pid)
	if !child.Alive() {
		return Subject{}, errs.New(errs.NotFound, "no process %d", pid).WithHint("stoker ps lists runs, ps -ef all processes")
	}
	s := Subject{Name: "process " + strconv.Itoa(pid), PID: pid, Dir: procs.Dir(pid)}
	s.Evidence.Argv = procs.Command(pid)
	var m why.Meters
	w, err := follow.Open(follow.Options{PID: pid, Log: log, Observe: m.Observe}, time.Now())
	switch {
	case err == nil:
		defer w.Close() //nolint:errcheck // only read
	case log != "":
		return Subject{}, err
	}
	s.Evidence.Account = Watch(ctx, pid, watch, tick)
	if w != nil {
		if status, err := w.Poll(time.Now()); err == nil && status.Source != "" {
			s.Evidence.Status = &status
		}
		s.Evidence.Log = m.Meters()
	}
	return s, nil
}

// Watch accounts for a live process for some time, or until ctx ends.
func Watch(ctx context.Context, pid int, d time.Duration, tick func(float64)) *account.Account {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	a := account.New(pid)
	a.Enter(progress.Train) // its start is over: all of the time counts
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx)
	}()
	begin := time.Now()
	timer := time.NewTicker(100 * time.Millisecond)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			tick(min(time.Since(begin).Seconds()/d.Seconds(), 1))
		case <-done:
			acc := a.Account()
			return &acc
		}
	}
}

func statusOf(status rundir.Status) *estimate.Status {
	var s estimate.Status
	if len(status.Progress) == 0 || json.Unmarshal(status.Progress, &s) != nil {
		return nil
	}
	if status.End != nil && s.Elapsed == 0 {
		s.Elapsed = status.End.Time.Sub(status.Started).Seconds()
	}
	return &s
}

func timingOf(ctx context.Context, state rundir.State, uid string) *history.Timing {
	db, err := history.Open(ctx, state.History())
	if err != nil {
		return nil // the history is a comfort
	}
	defer db.Close() //nolint:errcheck // only read
	row, err := db.Find(ctx, uid)
	if err != nil || row.UID != uid {
		return nil
	}
	return row.Timing
}

// maxReplay bounds how much of the newest output is read again for its data times.
const maxReplay = 16 << 20

// metersOf reads the data times out of a run's raw log; nil where it has none.
func metersOf(dir string, o progress.Options) *why.LogMeters {
	_, end, err := seglog.Bounds(dir)
	if err != nil {
		return nil
	}
	var m why.Meters
	parser := progress.NewParser(o)
	buf := make([]byte, 256<<10)
	// Only the order of the lines counts here, not when they came.
	now := time.Unix(0, 0)
	for off := max(end-maxReplay, 0); ; {
		n, at, err := seglog.ReadAt(dir, buf, off)
		if err != nil { // io.EOF, or the log was removed
			return m.Meters()
		}
		off = at + int64(n)
		now = now.Add(time.Second)
		for _, e := range parser.Feed(now, buf[:n]) {
			m.Observe(e)
		}
	}
}
