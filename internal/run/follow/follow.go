// Package follow watches a training that Stoker did not start: a process and the
// log that it writes. It reads only. What it cannot know (exit status, times of
// lines written before it came) it says or estimates.
package follow

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/estimate"
	"stoker/internal/run/procs"
	"stoker/internal/run/progress"
)

// Options of a Watcher.
type Options struct {
	PID     int
	Log     string // "": the file that the process's output goes to
	Total   int64
	Pattern string
	Observe func(progress.Event) // is told every event; may be nil
}

// Watcher follows one process. Not safe for concurrent use.
type Watcher struct {
	child  procs.ID
	began  time.Time
	file   *os.File
	log    string
	parser *progress.Parser
	est    *estimate.Estimator
	tell   func(progress.Event)
	offset int64
}

// Open begins to watch. errs.NotFound when there is no such process or log.
func Open(o Options, now time.Time) (*Watcher, error) {
	child := procs.Identify(o.PID)
	if !child.Alive() {
		return nil, errs.New(errs.NotFound, "no process %d", o.PID)
	}
	if o.Log == "" {
		if o.Log = outputOf(o.PID); o.Log == "" {
			return nil, errs.New(errs.NotFound, "the output of process %d goes to no file", o.PID).
				WithHint("name the log that it writes: --log FILE; a terminal cannot be read afterwards")
		}
	}
	f, err := os.Open(o.Log)
	if err != nil {
		return nil, errs.New(errs.NotFound, "open log: %w", err).At(o.Log)
	}
	began := procs.Began(child)
	if began.IsZero() {
		began = now
	}
	if o.Observe == nil {
		o.Observe = func(progress.Event) {}
	}
	w := &Watcher{child: child, began: began, file: f, log: o.Log, tell: o.Observe,
		parser: progress.NewParser(progress.Options{Total: o.Total, Pattern: o.Pattern}),
		est:    estimate.New(estimate.Options{Start: began, Total: o.Total, Argv: procs.Command(o.PID)}, nil)}
	if err := w.past(now); err != nil {
		f.Close()
		return nil, err
	}
	return w, nil
}

// outputOf returns the file that the process's standard output, or else its
// standard error, goes to.
func outputOf(pid int) string {
	for _, fd := range []int{1, 2} {
		if path := procs.OpenFile(pid, fd); path != "" {
			return path
		}
	}
	return ""
}

// Log is the file that is read; Began is when the process started.
func (w *Watcher) Log() string      { return w.log }
func (w *Watcher) Began() time.Time { return w.began }

// Alive reports whether the process still runs.
func (w *Watcher) Alive() bool { return w.child.Alive() }

// Close closes the log.
func (w *Watcher) Close() error { return w.file.Close() }

// past reads what the log holds already. When its lines were written is not
// known; they are spread evenly over the time from the process's start to the
// file's last change, which gives the mean speed.
func (w *Watcher) past(now time.Time) error {
	info, err := w.file.Stat()
	if err != nil {
		return errs.New(errs.Transient, "read log: %w", err).At(w.log)
	}
	size, last := info.Size(), info.ModTime()
	if last.After(now) || last.Before(w.began) {
		last = now
	}
	span := last.Sub(w.began)
	buf := make([]byte, max(size/1000, 256)) // a thousandth of the time is the grain
	for w.offset < size {
		n, err := w.file.ReadAt(buf[:min(int64(len(buf)), size-w.offset)], w.offset)
		if n == 0 {
			if err != nil && !errors.Is(err, io.EOF) {
				return errs.New(errs.Transient, "read log: %w", err).At(w.log)
			}
			return nil
		}
		w.offset += int64(n)
		w.feed(w.began.Add(time.Duration(float64(span)*float64(w.offset)/float64(size))), buf[:n])
	}
	return nil
}

func (w *Watcher) feed(at time.Time, p []byte) {
	for _, e := range w.parser.Feed(at, p) {
		w.est.Observe(e)
		w.tell(e)
	}
}

// Poll reads what is new and returns the status. A log that became shorter was
// started anew and is read from its beginning.
func (w *Watcher) Poll(now time.Time) (estimate.Status, error) {
	if info, err := w.file.Stat(); err == nil && info.Size() < w.offset {
		w.offset = 0
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := w.file.ReadAt(buf, w.offset)
		w.offset += int64(n)
		if n > 0 {
			w.feed(now, buf[:n])
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return estimate.Status{}, errs.New(errs.Transient, "read log: %w", err).At(w.log)
		}
		break
	}
	for _, e := range w.parser.Idle(now) {
		w.est.Observe(e)
	}
	s := w.est.Status(now)
	s.LoseSeconds = -1
	return s, nil
}

// pollEvery is how often a watched log is looked at.
const pollEvery = 250 * time.Millisecond

// Run polls until the process ends or ctx does; show gets every status.
func (w *Watcher) Run(ctx context.Context, show func(estimate.Status)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		s, err := w.Poll(time.Now())
		if err != nil {
			return err
		}
		show(s)
		if !w.Alive() {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
