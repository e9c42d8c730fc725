package estimate

import (
	"fmt"
	"math"
	"slices"
	"time"

	"stoker/internal/run/progress"
)

// Options of an Estimator.
type Options struct {
	Start  time.Time // when the run's process started
	Total  int64     // steps of the whole run, told by the user; 0 = unknown
	Epochs int       // epochs, told by the user; 0 = unknown
	// Argv is the command line. Lengths in it (--epochs 10, --max_iters=600) are
	// used where the output tells none; see progress.ArgTotals.
	Argv     []string
	Coverage float64 // of the interval; 0 = 0.9
}

// Estimator follows one run. It is deterministic: the same events at the same
// times give the same numbers. Not safe for concurrent use.
type Estimator struct {
	o     Options
	prior *prior
	hist  History

	pos  position
	line timeline

	phase      string
	phaseSince float64
	skipped    float64        // seconds spent on skipping batches after a resume
	startup    float64        // seconds until the first step of the first counter, less skipped; 0 = not yet
	side       progress.Event // last event of a counter that is not the run's: skipping, validation, downloads
	sideFirst  progress.Event // first one of this phase
	metrics    map[string]float64
	waits      ring // data time over step time as printed
	notes      []string
	over       bool
	now        float64

	stopping earlyStop
	made     []Estimate
	cached   forecast
	fresh    bool
}

// New returns an Estimator for a run that starts at o.Start.
func New(o Options, h History) *Estimator {
	if o.Coverage <= 0 || o.Coverage >= 1 {
		o.Coverage = 0.9
	}
	e := &Estimator{o: o, prior: newPrior(h), hist: h, phase: progress.Start, metrics: map[string]float64{}}
	e.pos.userTotal, e.pos.userEpochs = o.Total, o.Epochs
	e.pos.bannerTotal, e.pos.epochs = progress.ArgTotals(o.Argv)
	e.pos.setEpochs(o.Epochs)
	if n := len(e.prior.records); n > 0 {
		e.pos.last = &e.prior.records[n-1]
	}
	return e
}

func (e *Estimator) since(t time.Time) float64 { return max(0, t.Sub(e.o.Start).Seconds()) }

// Observe takes what the output told. Events come in the order of their times.
func (e *Estimator) Observe(ev progress.Event) {
	t := e.since(ev.Time)
	e.now = max(e.now, t)
	e.takeMetrics(&ev)
	e.takePhase(&ev, t)
	moved, reset := e.pos.observe(&ev)
	if reset {
		e.restartAxis()
	}
	if moved && e.pos.main != "" {
		e.advance(t)
		if e.line.warm && !e.over && (ev.Kind == progress.Step || ev.Kind == progress.Epoch || ev.Kind == progress.Metric) {
			e.enter(progress.Train, t)
		}
	}
}

// restartAxis forgets what was measured against another counter.
func (e *Estimator) restartAxis() {
	e.line = timeline{}
	e.made = nil
	e.fresh = false
}

func (e *Estimator) advance(t float64) {
	at, total := e.pos.at(), e.pos.total()
	e.useHistory(total)
	before := e.line.warm
	if total > 0 && !before && e.pos.borrowed() {
		e.noteOnce("the output tells no length: taken from the last run")
	}
	was, odd := e.line.last, e.line.oddPauses
	c := e.line.move(t, at, e.pos.epoch)
	if e.line.oddPauses > odd {
		e.note(fmt.Sprintf("a pause of %s before %s is left out of the forecast", hours(e.line.oddCost), e.clock(t)))
	}
	e.fresh = false
	if e.line.warm && !before {
		if e.startup == 0 {
			e.startup = e.line.start - e.skipped
			if e.phase == progress.Resume {
				e.startup -= t - e.phaseSince
			}
		}
		e.noteResumed()
	}
	if c != nil {
		if c.atEpoch {
			e.line.warmFrom = c.pos
		} else {
			e.line.changes = append(e.line.changes[max(0, len(e.line.changes)-15):], math.Log(c.ratio))
		}
		e.noteChange(c)
	}
	if total > 0 && at != was {
		e.keepEstimates(t, 100*at/total)
	}
}

// useHistory sets the shape as soon as the run's length is known, before any
// block was made.
func (e *Estimator) useHistory(total float64) {
	if e.line.shape == nil && total > 0 && e.prior.any() && len(e.line.blocks.list) == 0 && e.line.blocks.open.weight == 0 {
		e.line.shape = newShape(e.prior.records, total, float64(e.pos.perEpoch()))
	}
}

func (e *Estimator) takeMetrics(ev *progress.Event) {
	for k, v := range ev.Metrics {
		if len(e.metrics) < 64 || k == "loss" {
			e.metrics[k] = v
		}
	}
	if d, s := ev.Metrics["data_time"], ev.Metrics["step_time"]; s > 0 && d >= 0 && ev.Metrics != nil {
		if _, told := ev.Metrics["data_time"]; told {
			e.waits.add(min(1, d/s))
		}
	}
	if v, ok := ev.Metrics["val_loss"]; ok {
		epoch := ev.Epoch
		if epoch == 0 {
			epoch = max(e.pos.epoch, 1)
		}
		e.stopping.add(epoch, v)
	}
}

// takePhase follows what the run does, and marks pauses.
func (e *Estimator) takePhase(ev *progress.Event, t float64) {
	next := ev.Phase
	switch ev.Kind {
	case progress.Checkpoint:
		e.line.mark(saving)
		next = ""
	case progress.End:
		e.over = true
		next = progress.Final
	case progress.Metric:
		if ev.Phase == progress.Validation {
			e.line.mark(validating)
		}
		next = ""
	case progress.Banner:
		next = ""
	case progress.Step, progress.Epoch:
		if next == progress.Train {
			next = "" // known once the run's own counter moved, see Observe
		}
	}
	if next == progress.Validation || next == progress.Test {
		e.line.mark(validating)
	}
	if next == progress.Saving {
		e.line.mark(saving)
	}
	if next == "" {
		return
	}
	if ev.Kind == progress.Step {
		if e.phase != next {
			e.sideFirst = *ev
		}
		e.side = *ev
	}
	e.enter(next, t)
}

func (e *Estimator) enter(phase string, t float64) {
	if phase == e.phase {
		return
	}
	if e.phase == progress.Resume {
		e.skipped += t - e.phaseSince
	}
	e.phase, e.phaseSince = phase, t
}

// Tick tells e the time where nothing was printed.
func (e *Estimator) Tick(now time.Time) { e.now = max(e.now, e.since(now)) }

func (e *Estimator) ahead() ahead {
	a := ahead{pos: e.line.last, total: e.pos.total(), perEpoch: float64(e.pos.perEpoch()), coverage: e.o.Coverage, changes: e.line.changes}
	if a.total > 0 {
		a.pos = min(a.pos, a.total)
	}
	a.trend, a.steady = e.line.curve.trend(a.pos, a.total, a.perEpoch)
	a.startup, a.slower = e.startup, e.line.slower()
	if a.perEpoch > 0 && a.total > 0 {
		a.epochs = int(math.Round(a.total / a.perEpoch))
	}
	if e.pos.scope == progress.ScopeEpoch && a.total == 0 {
		a.total, a.perEpoch, a.epochs = e.epochEnd(), 0, 0
	}
	return a
}

// epochEnd is where the running epoch ends, 0 if unknown.
func (e *Estimator) epochEnd() float64 {
	if e.pos.steps == 0 {
		return 0
	}
	return e.line.last - float64(e.pos.step) + float64(e.pos.steps)
}

// remaining returns the forecast at time t: that of the last place, less the time
// since, but never less than what follows the step or pause that runs now.
func (e *Estimator) remaining(t float64) forecast {
	if !e.fresh {
		e.cached = forecast{}
		if a := e.ahead(); a.total > 0 && (e.line.warm || e.prior.any()) {
			e.cached = project(&e.line, e.prior, a)
			if !e.line.warm && e.cached.known { // the start itself is still running
				left := max(0, e.prior.start-e.line.lastT)
				e.cached.low += left / 2
				e.cached.mid += left
				e.cached.high += left * 2
			}
		}
		e.fresh = true
	}
	f := e.cached
	waited := max(0, t-e.line.lastT)
	if !e.line.warm {
		waited = min(waited, max(0, e.prior.start-e.line.lastT))
	} else {
		waited = min(waited, max(e.line.beat(), e.expected()))
	}
	f.low, f.mid, f.high = max(0, f.low-waited), max(0, f.mid-waited), max(0, f.high-waited)
	return f
}

// expected is how long the pause that runs now usually lasts, 0 if none runs or
// it was never seen.
func (e *Estimator) expected() float64 {
	kind := ""
	switch {
	case e.pos.steps > 0 && e.pos.step >= e.pos.steps && e.pos.scope == progress.ScopeEpoch:
		kind = atEpoch
	case e.phase == progress.Validation:
		if kind = validating; e.line.pauses[validating] == nil && e.pos.perEpoch() > 0 {
			kind = atEpoch
		}
	case e.phase == progress.Saving:
		kind = saving
	}
	if kind == "" {
		return 0
	}
	m, _, known := e.line.pauseCost(e.prior, kind)
	if !known {
		return 0
	}
	return m
}

func (e *Estimator) keepEstimates(t, percent float64) {
	for _, p := range ScorePoints {
		if percent < p || percent >= 2*p+5 || len(e.made) > 0 && e.made[len(e.made)-1].Percent >= p {
			continue
		}
		if f := e.remaining(t); f.known {
			e.made = append(e.made, Estimate{Percent: p, Elapsed: t, Low: f.low, Mid: f.mid, High: f.high})
		}
	}
}

func (e *Estimator) noteChange(c *change) {
	what := "slower"
	pct := (c.ratio - 1) * 100
	if pct < 0 {
		what, pct = "faster", -pct
	}
	if pct < 10 {
		return
	}
	at := e.clock(c.at)
	if c.atEpoch {
		e.note(fmt.Sprintf("after the first epoch steps became %.0f %% %s", pct, what))
		return
	}
	e.note(fmt.Sprintf("steps became %.0f %% %s at %s", pct, what, at))
}

func (e *Estimator) noteResumed() {
	if e.line.first > 200 || e.pos.firstEpoch > 1 {
		e.note(fmt.Sprintf("resumed at step %.0f", e.line.first))
	}
}

// clock is the time of day at t seconds after the start.
func (e *Estimator) clock(t float64) string {
	return e.o.Start.Add(time.Duration(t * float64(time.Second))).Format("15:04")
}

func hours(seconds float64) string {
	m := int64(seconds/60 + 0.5)
	if m < 60 {
		return fmt.Sprintf("%d min", m)
	}
	return fmt.Sprintf("%d h %02d", m/60, m%60)
}

func (e *Estimator) noteOnce(s string) {
	if !slices.Contains(e.notes, s) {
		e.note(s)
	}
}

// maxNotes bounds the notes; the oldest go first.
const maxNotes = 8

func (e *Estimator) note(s string) {
	if len(e.notes) >= maxNotes {
		e.notes = append(e.notes[:0], e.notes[1:]...)
	}
	e.notes = append(e.notes, s)
}
