package estimate_test

import (
	"math"
	"math/rand/v2"
	"time"

	"stoker/internal/run/estimate"
	"stoker/internal/run/progress"
)

// scenario describes a simulated training. Seconds and steps.
type scenario struct {
	name             string
	epochs, perEpoch int
	step, noise      float64 // seconds, standard deviation of the logarithm
	tail             float64 // share of steps that take ten times as long
	compile, final   float64
	val, coldVal     float64 // per epoch; extra of the first one
	valEvery         int     // steps; 0 = at the epoch's end
	saveEvery        int
	save             float64
	cold             float64 // factor of the first epoch's steps; 0 = 1
	slowFrom, slowTo float64 // share of the run at which throttling starts, drawn in between
	slow             float64 // its factor; 0 = none
	resume           float64 // share of the run that an earlier run has done
	skip             float64 // seconds of skipping batches after a resume
	ramp             float64 // factor of the step time at the end over that at the start (curriculum), 0 = 1
	logEvery         int     // steps between lines
	quiet            bool    // validation and checkpoints are seen from the clock only
	runBar           bool    // one bar over the run, as Hugging Face; else per epoch
}

// trace is one run: its events and its true duration.
type trace struct {
	name   string
	events []progress.Event
	total  float64 // seconds
	steps  float64
	times  []float64 // seconds at which each step was done; NaN where an earlier run did it
	per    int
	epochs int
}

var begin = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func at(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }

// simulate plays a scenario. Runs of one scenario differ by 1.5 % in speed, as
// runs on one machine do.
func simulate(s scenario, seed uint64) trace {
	rng := rand.New(rand.NewPCG(seed, 77))
	level := math.Exp(0.015 * rng.NormFloat64())
	total := s.epochs * s.perEpoch
	slowAt := int(float64(total) * (s.slowFrom + (s.slowTo-s.slowFrom)*rng.Float64()))
	jitter := func() float64 { return math.Exp(0.08 * rng.NormFloat64()) }
	tr := trace{name: s.name, steps: float64(total), per: s.perEpoch, epochs: s.epochs, times: make([]float64, total+1)}
	t := s.compile * jitter()
	emit := func(e progress.Event) {
		e.Time = at(t)
		if e.Source == "" {
			e.Source = "sim"
		}
		tr.events = append(tr.events, e)
	}
	stepEvent := func(n int) progress.Event {
		e := progress.Event{Kind: progress.Step, Phase: progress.Train, Unit: "it", Bar: "b", Step: int64(n), Steps: int64(total), Scope: progress.ScopeRun}
		if !s.runBar {
			ep := max(0, n-1) / s.perEpoch
			e.Scope, e.Epoch, e.Epochs = progress.ScopeEpoch, ep+1, s.epochs
			e.Step, e.Steps = int64(n-ep*s.perEpoch), int64(s.perEpoch)
		}
		return e
	}
	from := int(s.resume * float64(total))
	for i := range from + 1 {
		tr.times[i] = math.NaN()
	}
	if s.skip > 0 {
		for i := range 20 {
			emit(progress.Event{Kind: progress.Step, Phase: progress.Resume, Step: int64(i), Steps: 20, Bar: "skip"})
			t += s.skip / 20
		}
	}
	if from == 0 {
		emit(stepEvent(0))
	}
	for n := from + 1; n <= total; n++ {
		d := s.step * level * math.Exp(s.noise*rng.NormFloat64())
		if rng.Float64() < s.tail {
			d *= 10
		}
		if s.cold > 0 && n <= s.perEpoch {
			d *= s.cold
		}
		if s.slow > 0 && n > slowAt {
			d *= s.slow
		}
		if s.ramp > 0 {
			d *= 1 + (s.ramp-1)*float64(n)/float64(total)
		}
		if n == from+1 {
			d += s.compile / 2
		}
		t += d
		tr.times[n] = t
		if n%s.logEvery == 0 || n == total || n%s.perEpoch == 0 {
			emit(stepEvent(n))
		}
		validate := s.valEvery > 0 && n%s.valEvery == 0 || s.valEvery == 0 && n%s.perEpoch == 0
		if validate && s.val > 0 {
			v := s.val * jitter()
			if n <= s.perEpoch {
				v += s.coldVal
			}
			if !s.quiet {
				emit(progress.Event{Kind: progress.Phase, Phase: progress.Validation})
			}
			t += v
		}
		if s.saveEvery > 0 && n%s.saveEvery == 0 {
			t += s.save * jitter()
			if !s.quiet {
				emit(progress.Event{Kind: progress.Checkpoint})
			}
		}
	}
	t += s.final * jitter()
	tr.total = t
	return tr
}

// scenarios are what real trainings do, apart and together.
var scenarios = []scenario{
	{name: "compile, validation, checkpoints", epochs: 10, perEpoch: 400, step: 0.25, noise: 0.1, compile: 30, val: 25, saveEvery: 500, save: 4, logEvery: 1, final: 5},
	{name: "the same, seen from the clock only", epochs: 10, perEpoch: 400, step: 0.25, noise: 0.1, compile: 30, val: 25, saveEvery: 500, save: 4, logEvery: 1, final: 5, quiet: true},
	{name: "the same, a line every 50 steps", epochs: 10, perEpoch: 400, step: 0.25, noise: 0.1, compile: 30, val: 25, saveEvery: 500, save: 4, logEvery: 50, final: 5, quiet: true},
	{name: "cold first epoch", epochs: 10, perEpoch: 400, step: 0.25, noise: 0.1, compile: 30, val: 25, coldVal: 10, cold: 1.6, logEvery: 1, final: 5},
	{name: "throttling at 40-60 %", epochs: 10, perEpoch: 400, step: 0.25, noise: 0.1, compile: 20, val: 25, slow: 1.3, slowFrom: 0.4, slowTo: 0.6, logEvery: 1, final: 5},
	{name: "one bar, evaluation every 500 steps", epochs: 3, perEpoch: 1333, step: 0.3, noise: 0.15, compile: 40, val: 30, valEvery: 500, saveEvery: 500, save: 6, logEvery: 1, final: 10, runBar: true},
	{name: "resumed at 30 %", epochs: 10, perEpoch: 400, step: 0.25, noise: 0.1, compile: 30, val: 25, resume: 0.3, skip: 60, logEvery: 1, final: 5},
	{name: "variable steps", epochs: 8, perEpoch: 500, step: 0.2, noise: 0.6, tail: 0.01, compile: 15, val: 20, logEvery: 1, final: 3},
	{name: "long steps, few epochs", epochs: 3, perEpoch: 300, step: 6, noise: 0.08, compile: 120, val: 200, saveEvery: 150, save: 40, logEvery: 1, final: 60},
	{name: "many short epochs", epochs: 100, perEpoch: 30, step: 0.4, noise: 0.1, compile: 20, val: 3, cold: 1.3, logEvery: 1, final: 5},
	{name: "one epoch, no validation", epochs: 1, perEpoch: 5000, step: 0.3, noise: 0.2, compile: 60, saveEvery: 1000, save: 15, logEvery: 10, final: 20, runBar: true},
	{name: "steps that grow (curriculum)", epochs: 10, perEpoch: 400, step: 0.25, noise: 0.1, compile: 20, val: 20, ramp: 1.25, logEvery: 1, final: 5},
}

// play runs an Estimator over a trace and calls look after every lookEvery percent
// of steps from 10 to 95, at the time at which these were done.
func play(tr trace, h estimate.History, look func(percent int, s estimate.Status, left float64)) estimate.Record {
	e := estimate.New(estimate.Options{Start: begin}, h)
	next := 0
	for pct := 1; pct <= 95; pct++ {
		n := int(float64(pct) / 100 * tr.steps)
		if n < 1 || n >= len(tr.times) || math.IsNaN(tr.times[n]) {
			continue
		}
		now := at(tr.times[n])
		for next < len(tr.events) && !tr.events[next].Time.After(now) {
			e.Observe(tr.events[next])
			next++
		}
		if pct >= 10 && pct%lookEvery() == 0 && look != nil {
			look(pct, e.Status(now), tr.total-tr.times[n])
		}
	}
	for ; next < len(tr.events); next++ {
		e.Observe(tr.events[next])
	}
	return e.Record(at(tr.total), true)
}

// pastRuns simulates earlier runs of a scenario and returns their records.
func pastRuns(s scenario, n int, seed uint64) estimate.History {
	var h estimate.History
	s.resume, s.skip = 0, 0 // the earlier runs began at the start
	for i := range n {
		h = append(h, play(simulate(s, seed+uint64(i)), h, nil))
	}
	return h
}
