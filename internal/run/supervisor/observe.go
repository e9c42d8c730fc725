package supervisor

import (
	"math"
	"time"

	"stoker/internal/run/ckpt"
	"stoker/internal/run/doing"
	"stoker/internal/run/estimate"
	"stoker/internal/run/procs"
	"stoker/internal/run/progress"
	"stoker/internal/run/rundir"
	"stoker/internal/run/why"
)

// watcher is what is seen of one attempt: its progress, its checkpoints, and
// whether it still moves.
type watcher struct {
	spec    rundir.Spec
	history estimate.History
	parser  *progress.Parser
	est     *estimate.Estimator
	files   *ckpt.Tracker
	stall   stall
	doing   *doing.Looker
	meters  why.Meters
	course  course // over all attempts

	began     time.Time
	safe      rundir.Checkpoint // newest checkpoint of the run, any attempt
	known     bool              // safe is set
	saving    bool              // a checkpoint is being written
	track     []position        // where the run was when, thinned
	first     int64             // first global step of this attempt; -1 unknown
	firstOf   counter           // that told it
	firstAt   time.Time         // when a counter was first seen
	looked    time.Time         // when noteFirst last looked
	reached   int64             // last global step
	lossIsNaN bool
	stepped   time.Time // when the last step or epoch of this attempt was told

	newest string    // note of the estimator that was said last, or passed over
	said   time.Time // when
}

// position is a global step at a time.
type position struct {
	at   time.Time
	step int64
}

// counter is what tells a counter of steps from another.
type counter struct {
	source string // its format
	steps  int64  // of how many, 0 unknown
}

// maxTrack bounds the track; older positions are thinned.
const maxTrack = 4096

func newWatcher(spec rundir.Spec) watcher {
	w := watcher{spec: spec, course: course{start: spec.Created}}
	w.begin(spec.Created, spec.Argv)
	return w
}

// begin starts to watch an attempt.
func (w *watcher) begin(at time.Time, argv []string) {
	w.parser = progress.NewParser(progress.Options{Total: w.spec.Total, Pattern: w.spec.Pattern})
	w.est = estimate.New(estimate.Options{Start: at, Total: w.spec.Total, Argv: argv}, w.history)
	w.files = ckpt.New(at, w.spec.Dir, argv)
	w.meters = why.Meters{}
	w.stall, w.doing = stall{}, &doing.Looker{}
	w.began, w.stepped, w.track, w.first, w.firstAt, w.looked, w.reached = at, time.Time{}, nil, -1, time.Time{}, time.Time{}, -1
}

// feed takes output as it came.
func (w *watcher) feed(now time.Time, p []byte) { w.observe(w.parser.Feed(now, p)) }

func (w *watcher) observe(events []progress.Event) {
	for _, e := range events {
		w.est.Observe(e)
		w.meters.Observe(e)
		w.course.observe(e)
		switch e.Kind {
		case progress.Step, progress.Epoch:
			w.stall.moved(e)
			if e.Kind == progress.Epoch || e.Step > 0 { // not a line that sums up
				w.stepped = e.Time
				if e.Time.Sub(w.looked) >= firstEvery {
					w.noteFirst(e.Time)
				}
			}
		case progress.Checkpoint:
			if e.Text != "" {
				w.files.Told(e.Text, w.spec.Dir)
			}
		}
		if loss, ok := e.Metrics["loss"]; ok {
			w.lossIsNaN = math.IsNaN(loss) || math.IsInf(loss, 0)
		}
	}
}

// look polls what the output does not tell; child is the attempt's process.
func (w *watcher) look(now time.Time, child procs.ID) (newCheckpoint bool) {
	w.observe(w.parser.Idle(now))
	if child.PID > 0 {
		tree := procs.Tree(child.PID)
		for _, p := range tree[:min(len(tree), 8)] {
			w.files.Opened(procs.OpenFiles(p.PID))
		}
	}
	var found ckpt.Found
	found, w.saving = w.files.Scan(now)
	if found.Path == "" || found.Path == w.safe.Path && found.Time.Equal(w.safe.Time) {
		return false
	}
	w.safe = rundir.Checkpoint{Path: found.Path, Time: found.Time, Step: w.stepAt(found.Time)}
	w.known = true
	return true
}

// settleFirst is how long after the first step of an attempt another counter, of
// files that are loaded, may still turn out not to be the training's.
const settleFirst = time.Second

// firstEvery is the least time between two looks for it: a forecast takes 40 us, and
// a command may print thousands of lines a second.
const firstEvery = 20 * time.Millisecond

// settled reports whether it is known where this attempt began.
func (w *watcher) settled(now time.Time) bool {
	return !w.firstAt.IsZero() && now.Sub(w.firstAt) > settleFirst
}

// noteFirst keeps where the attempt began. It goes by the output alone, so that it
// is the same however late the output is read.
func (w *watcher) noteFirst(at time.Time) {
	if w.settled(at) {
		return
	}
	w.looked = at
	s := w.est.Status(at)
	if s.GlobalStep <= 0 {
		return
	}
	if w.firstAt.IsZero() {
		w.firstAt = at
	}
	if of := (counter{s.Source, s.Steps}); w.first < 0 || s.GlobalStep < w.first || of != w.firstOf {
		w.first, w.firstOf = s.GlobalStep, of
	}
}

// note keeps where the run is.
func (w *watcher) note(now time.Time, s estimate.Status) {
	step := s.GlobalStep
	if step <= 0 {
		return
	}
	w.reached = max(w.reached, step)
	if n := len(w.track); n > 0 && w.track[n-1].step == step {
		return
	}
	if len(w.track) >= maxTrack {
		for i := range maxTrack / 2 {
			w.track[i] = w.track[2*i]
		}
		w.track = w.track[:maxTrack/2]
	}
	w.track = append(w.track, position{now, step})
}

// stepAt returns the last step known at a time; 0 unknown.
func (w *watcher) stepAt(t time.Time) (step int64) {
	for _, p := range w.track {
		if p.at.After(t) {
			break
		}
		step = p.step
	}
	return step
}

// sayEvery is the least time between two notes: where the speed changes all the
// time, the interval of the forecast tells enough.
const sayEvery = time.Minute

// news returns the estimator's newest note ("steps became 30 % slower at 14:02")
// if it is to be said, once.
func (w *watcher) news(now time.Time, s estimate.Status) string {
	if len(s.Notes) == 0 || s.Notes[len(s.Notes)-1] == w.newest {
		return ""
	}
	w.newest = s.Notes[len(s.Notes)-1]
	if now.Sub(w.said) < sayEvery {
		return ""
	}
	w.said = now
	return w.newest
}

// progress is the estimator's status, with what a death now would cost.
func (w *watcher) progress(now time.Time) estimate.Status {
	s := w.est.Status(now)
	w.note(now, s)
	s.LoseSeconds = -1
	switch {
	case w.known && w.safe.Time.After(w.began):
		s.LoseSeconds = now.Sub(w.safe.Time).Seconds()
	case w.known:
		s.LoseSeconds = now.Sub(w.began).Seconds()
	}
	return s
}
