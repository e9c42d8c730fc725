package estimate_test

import (
	"testing"

	"stoker/internal/run/estimate"
)

// BenchmarkObserve is the cost of one event.
func BenchmarkObserve(b *testing.B) {
	tr := simulate(scenarios[0], 1)
	e := estimate.New(estimate.Options{Start: begin}, nil)
	for i := 0; b.Loop(); i++ {
		if i%len(tr.events) == 0 {
			e = estimate.New(estimate.Options{Start: begin}, nil)
		}
		e.Observe(tr.events[i%len(tr.events)])
	}
}

// BenchmarkStatus is the cost of a Status after every event, with a new forecast
// each time.
func BenchmarkStatus(b *testing.B) {
	tr := simulate(scenarios[0], 1)
	e := estimate.New(estimate.Options{Start: begin}, nil)
	for i := 0; b.Loop(); i++ {
		ev := tr.events[i%(len(tr.events)/2)]
		e.Observe(ev)
		_ = e.Status(ev.Time)
	}
}
