package supervisor

import (
	"time"

	"stoker/internal/run/progress"
)

// A run is stalled when, while stepping, its counter stands still for longer
// than six times its slowest recent step, at least stallFloor and at most
// stallCeil. In every other phase (start, validation, saving) nothing is judged,
// and the clock starts again after it. The budget is PortOS's (issues 1330 and
// 1381 of that project).
const (
	stallFactor = 6
	stallFloor  = 90 * time.Second
	stallCeil   = 15 * time.Minute
	stallRecent = 200 // steps whose slowest one counts
)

type stall struct {
	last    time.Time // of the last movement while training; zero: not stepping
	counter int64
	recent  [stallRecent]time.Duration
	n       int
	since   time.Time // when the stall was found; zero: it moves
}

// moved takes an event of a counter.
func (s *stall) moved(e progress.Event) {
	if e.Kind == progress.Epoch || e.Phase != progress.Train && e.Phase != "" {
		s.last = time.Time{}
		return
	}
	if !s.last.IsZero() {
		if e.Step == s.counter {
			return // drawn again, not moved
		}
		s.recent[s.n%stallRecent] = e.Time.Sub(s.last)
		s.n++
	}
	s.last, s.counter, s.since = e.Time, e.Step, time.Time{}
}

// budget is how long the counter may stand still; 0: too little was seen.
func (s *stall) budget() time.Duration {
	if s.n < 3 {
		return 0
	}
	var slowest time.Duration
	for _, d := range s.recent[:min(s.n, stallRecent)] {
		slowest = max(slowest, d)
	}
	return min(max(stallFactor*slowest, stallFloor), stallCeil)
}

// suspicious reports whether half of the budget is over.
func (s *stall) suspicious(now time.Time) bool {
	b := s.budget()
	return b > 0 && !s.last.IsZero() && now.Sub(s.last) > b/2
}

// check reports whether the run stands still, and since when; fresh is true once
// per stall.
func (s *stall) check(now time.Time, phase string) (stalled, fresh bool) {
	if phase != progress.Train {
		s.last = time.Time{}
	}
	b := s.budget()
	if s.last.IsZero() || b == 0 || now.Sub(s.last) <= b {
		return false, false
	}
	fresh = s.since.IsZero()
	if fresh {
		s.since = now
	}
	return true, fresh
}
