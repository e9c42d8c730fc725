package supervisor

import (
	"fmt"
	"strings"
	"time"

	"stoker/internal/run/procs"
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
	last     time.Time // of the last movement while training; zero: not stepping
	counter  int64
	recent   [stallRecent]time.Duration
	n        int
	since    time.Time // when the stall was found; zero: it moves
	cpu      time.Duration
	cpuAt    time.Time
	cpuShare float64 // of one core, between the last two looks
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

// doing says what the processes of the run are at.
func (s *stall) doing(now time.Time, child procs.ID) string {
	tree := procs.Tree(child.PID)
	if len(tree) == 0 {
		return "its processes are gone"
	}
	var cpu time.Duration
	states := map[byte]int{}
	for _, p := range tree {
		cpu += p.CPU
		states[p.State]++
	}
	if !s.cpuAt.IsZero() && now.After(s.cpuAt) {
		s.cpuShare = max(0, (cpu-s.cpu).Seconds()/now.Sub(s.cpuAt).Seconds())
	}
	s.cpu, s.cpuAt = cpu, now
	main := tree[0]
	parts := []string{fmt.Sprintf("process %d (%s) %s", main.PID, main.Name, stateText(main.State))}
	if at := procs.WaitChannel(main.PID); at != "" && main.State != 'R' {
		parts[0] += " in " + at
	}
	if n := len(tree) - 1; n > 0 {
		parts = append(parts, fmt.Sprintf("%d other processes: %d running, %d waiting for the disk", n,
			states['R']-count(main.State == 'R'), states['D']-count(main.State == 'D')))
	}
	return strings.Join(append(parts, fmt.Sprintf("together they use %.0f %% of a core", 100*s.cpuShare)), "; ")
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func stateText(state byte) string {
	switch state {
	case 'R':
		return "runs"
	case 'D':
		return "waits for the disk"
	case 'T', 't':
		return "is stopped"
	case 'Z':
		return "has ended and nobody waits for it"
	}
	return "sleeps"
}
