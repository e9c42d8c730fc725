package estimate

import (
	"maps"
	"math"
	"slices"
	"time"

	"stoker/internal/run/progress"
)

// Status returns what is known at now.
func (e *Estimator) Status(now time.Time) Status {
	e.Tick(now)
	t := e.since(now)
	s := Status{
		At: now, Phase: e.phase, PhaseSeconds: max(0, t-e.phaseSince), PhaseExpected: -1,
		Epoch: e.pos.epoch, Epochs: e.pos.runEpochs(), Step: e.pos.step, Steps: e.pos.steps, Unit: e.pos.unit,
		Percent: -1, Elapsed: t, RemainingLow: -1, RemainingMid: -1, RemainingHigh: -1,
		Coverage: e.o.Coverage, DataWait: -1, LoseSeconds: -1, Source: e.pos.source, Guess: e.pos.guess,
		Rate: e.line.rate(), Notes: slices.Clone(e.notes), Over: e.over, Metrics: maps.Clone(e.metrics),
		EarlyStop: e.stopping.guess(), Track: e.hist.TrackAt(10),
	}
	e.fillProgress(&s)
	e.fillPhase(&s)
	e.fillRemaining(&s, now, t)
	if l, ok := e.metrics["loss"]; ok && !math.IsNaN(l) && !math.IsInf(l, 0) {
		s.Loss = &l
	}
	maps.DeleteFunc(s.Metrics, func(_ string, v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if e.waits.n > 0 {
		s.DataWait = e.waits.sum() / float64(len(e.waits.values()))
	}
	return s
}

func (e *Estimator) fillProgress(s *Status) {
	if e.pos.main == "" {
		return
	}
	if e.pos.main == "part" {
		s.Step, s.Steps, s.Rate = 0, 0, s.Rate/partScale
	} else {
		s.GlobalStep = int64(e.pos.at())
	}
	if s.Steps > 0 {
		s.Step = min(s.Step, s.Steps) // nanoGPT counts max_iters + 1 iterations
	}
	if total := e.pos.total(); total > 0 {
		s.Percent = min(100, 100*e.pos.at()/total)
		if s.Steps == 0 && e.pos.main != "part" && e.pos.scope != progress.ScopeEpoch {
			s.Steps = int64(total)
		}
		return
	}
	if e.pos.steps > 0 {
		s.EpochOnly = true
		s.Percent = min(100, 100*float64(e.pos.step)/float64(e.pos.steps))
	}
}

func (e *Estimator) fillPhase(s *Status) {
	if x := e.expected(); x > 0 {
		s.PhaseExpected = x
	}
	if total := e.pos.total(); s.Phase == progress.Train && total > 0 && e.pos.at() >= total {
		s.Phase, s.PhaseSeconds = progress.Final, max(0, s.Elapsed-e.line.lastT)
		if e.prior.any() {
			s.PhaseExpected = e.prior.final
		}
	}
	if e.phase == progress.Start && e.prior.any() {
		s.PhaseExpected = e.prior.start
	}
	if e.phase == progress.Resume && e.side.Steps > 0 { // skipping has a forecast of its own
		dn, dt := e.side.Step-e.sideFirst.Step, e.side.Time.Sub(e.sideFirst.Time).Seconds()
		if dn > 0 && dt > 0 {
			s.PhaseExpected = s.PhaseSeconds + float64(e.side.Steps-e.side.Step)/float64(dn)*dt
		}
	}
	if e.pos.main == "" && e.side.Steps > 0 { // nothing but a download or a preparation yet
		s.Step, s.Steps, s.Unit, s.Source = e.side.Step, e.side.Steps, e.side.Unit, e.side.Source
	}
}

func (e *Estimator) fillRemaining(s *Status, now time.Time, t float64) {
	if e.over {
		return
	}
	f := e.remaining(t)
	if !f.known {
		return
	}
	s.RemainingLow, s.RemainingMid, s.RemainingHigh, s.Unseen = f.low, f.mid, f.high, f.unseen
	s.Arrival = now.Add(time.Duration(f.mid * float64(time.Second))).Round(time.Second)
}

// Record returns what the run leaves for the next ones, as of now or of the end.
// complete says that it came to its end by itself: an incomplete run is kept, but
// is no history for forecasts.
func (e *Estimator) Record(now time.Time, complete bool) Record {
	t := e.since(now)
	r := Record{
		Version: RecordVersion, Started: e.o.Start, Complete: complete, Seconds: t, Source: e.pos.source,
		Steps: int64(e.pos.total()), Epochs: e.pos.runEpochs(), StepsPerEpoch: e.pos.perEpoch(), First: int64(e.line.first),
		StartSeconds: e.line.start, Estimates: slices.Clone(e.made),
	}
	if complete && e.line.warm {
		r.FinalSeconds = max(0, t-e.line.lastT)
		if r.Steps == 0 {
			r.Steps = int64(e.line.last) // learnt at the end: the next run knows it
			if e.pos.scope == progress.ScopeEpoch && r.Epochs == 0 {
				r.Epochs = e.pos.epoch
			}
		}
	}
	if r.First <= 200 {
		r.First = 0
	}
	e.fillSpeeds(&r)
	for _, kind := range pauseKinds {
		if q := e.line.pauses[kind]; q != nil {
			p := Pauses{Kind: kind, Count: q.n, Every: q.every(1, false)}
			if p.Mean, p.SD = q.mean(true); q.n > 1 {
				p.First = q.first
			}
			r.Pauses = append(r.Pauses, p)
		}
	}
	return r
}

func (e *Estimator) fillSpeeds(r *Record) {
	c := &e.line.curve
	n := len(c.pos)
	if n < 2 {
		return
	}
	firstEnd := c.pos[n-1]
	if per := float64(r.StepsPerEpoch); per > 0 && per < firstEnd {
		firstEnd = per
	}
	if firstEnd > c.pos[0] { // else the run was resumed behind its first epoch
		r.ColdStep = c.perStep(c.pos[0], firstEnd)
		r.WarmStep = r.ColdStep
	}
	if firstEnd < c.pos[n-1] {
		r.WarmStep = c.perStep(max(firstEnd, c.pos[0]), c.pos[n-1])
	}
	total := float64(r.Steps)
	if total <= 0 || r.First > 0 {
		return
	}
	r.Profile = make([]float64, profileParts)
	last := r.WarmStep
	for i := range profileParts {
		a, b := total*float64(i)/profileParts, total*float64(i+1)/profileParts
		if v := c.perStep(max(a, c.pos[0]), min(b, c.pos[n-1])); v > 0 {
			last = v
		}
		r.Profile[i] = last
	}
}

// perStep is the mean plain seconds per step between two places, 0 if unknown.
func (c *curve) perStep(a, b float64) float64 {
	s1, ok1 := c.secondsAt(a)
	s2, ok2 := c.secondsAt(b)
	if !ok1 || !ok2 || b <= a {
		return 0
	}
	return (s2 - s1) / (b - a)
}
