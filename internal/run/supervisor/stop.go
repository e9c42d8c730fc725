package supervisor

import (
	"fmt"
	"syscall"
	"time"

	"stoker/internal/run/cause"
	"stoker/internal/run/hold"
	"stoker/internal/run/link"
	"stoker/internal/run/rundir"
)

// stopper ends a run in stages: an interrupt, as Ctrl-C; time to save; a request
// to terminate; the end.
type stopper struct {
	stage int // 0: nobody asked
	timer <-chan time.Time
	since time.Time
}

const (
	defaultGrace = 60 * time.Second
	termGrace    = 15 * time.Second
	saveGrace    = 5 * time.Minute // most that a checkpoint under way may prolong the first stage
)

// stopFromZero stops a restarted script that repeats itself.
var stopFromZero = link.Stop{Grace: 10 * time.Second}

// stopRun begins to stop the run, or goes on to the next stage.
func (s *supervisor) stopRun(req link.Stop) {
	if s.status.Phase == rundir.Waiting { // between two attempts nothing runs
		s.stop.stage, s.restart = 1, nil
		s.finish(rundir.End{Time: time.Now(), Code: 130, Cause: string(cause.User), Text: "stopped by you before its restart"})
		return
	}
	s.note("stop", req, false)
	s.status.Phase = rundir.Stopping
	s.dirty = true
	if req.Now {
		s.stop.stage = 2
		s.harder()
		return
	}
	if s.stop.stage > 0 {
		s.harder()
		return
	}
	s.stop = stopper{stage: 1, since: time.Now()}
	if req.Grace <= 0 {
		req.Grace = defaultGrace
	}
	s.signal(syscall.SIGINT, false)
	s.say(fmt.Sprintf("interrupted; it has %s to save", req.Grace.Round(time.Second)))
	s.stop.timer = time.After(req.Grace)
}

// harder is the next stage, when the time of the one before is over.
func (s *supervisor) harder() {
	s.stop.timer = nil
	switch s.stop.stage {
	case 1:
		if _, s.watch.saving = s.watch.files.Scan(time.Now()); s.watch.saving && time.Since(s.stop.since) < saveGrace {
			s.stop.timer = time.After(5 * time.Second)
			return
		}
		s.stop.stage = 2
		s.say("asked to terminate")
		s.signal(syscall.SIGTERM, true)
		s.stop.timer = time.After(termGrace)
	default:
		s.stop.stage = 3
		s.say("killed")
		s.signal(syscall.SIGKILL, true)
		s.stop.timer = time.After(termGrace)
	}
}

// signal reaches the child through its holder, or directly where that is gone.
func (s *supervisor) signal(sig syscall.Signal, all bool) {
	if s.holder != nil && s.holder.WriteJSON(hold.Signal, hold.SignalRequest{Signal: int(sig), All: all}) == nil {
		return
	}
	if s.status.Child.Alive() {
		_ = syscall.Kill(-s.status.Child.PID, sig)
	}
}
