package supervisor

import (
	"fmt"
	"strings"
	"time"

	"stoker/internal/run/cause"
	"stoker/internal/run/ckpt"
	"stoker/internal/run/history"
	"stoker/internal/run/hold"
	"stoker/internal/run/notify"
	"stoker/internal/run/procs"
	"stoker/internal/run/recipe"
	"stoker/internal/run/rundir"
)

// attempt is one start of the command, and what is remembered from the one
// before.
type attempt struct {
	n           int
	argv        []string  // nil: the run's own
	interrupted time.Time // when a client last typed Ctrl-C or passed a signal on
	first       int64     // where the attempt before began, -1 unknown
	reached     int64     // and how far it came
	judged      bool      // whether this attempt went on where it should is known
	fromZero    string    // why it was stopped: it started from its beginning again
	ended       bool      // its process is gone
}

const (
	backoffFirst = 10 * time.Second
	backoffMost  = 10 * time.Minute
	// interruptFresh is how long before the end an interrupt counts as its cause.
	interruptFresh = 2 * time.Minute
)

// began is told by the holder when the command runs.
func (s *supervisor) began(state hold.State) {
	prior := s.attempt
	s.attempt = attempt{n: state.Attempt, argv: prior.argv, first: -1, reached: -1}
	if state.Attempt > 1 {
		s.attempt.first, s.attempt.reached = s.watch.first, s.watch.reached
	}
	s.watch.begin(state.Began, s.argv())
	s.status.Attempt, s.status.Child, s.status.Phase = state.Attempt, state.Child, rundir.Running
	s.status.Stall = ""
	if state.Child.Alive() { // not while the log of an attempt that is over is replayed
		s.startProbe(state.Child.PID)
	}
	s.refresh(time.Now())
	_ = s.file.Write(&s.status, true)
	s.dirty = true
}

func (s *supervisor) argv() []string {
	if s.attempt.argv != nil {
		return s.attempt.argv
	}
	return s.Spec.Argv
}

// exited is told by the holder after the attempt's last output. While a log is
// replayed, attempts that are long over come by again.
func (s *supervisor) exited(state hold.State) {
	s.watch.noteFirst(state.Ended) // where it began and how far it came: no look may have seen that
	s.watch.progress(state.Ended)
	if state.Attempt < s.known.Attempt {
		return
	}
	s.attempt.ended = true
	s.attempt.judged = s.attempt.judged || state.Code == 0 // it came to its end, from wherever
	s.stopProbe()
	s.screen.Flush()
	s.writeClean()
	// Nothing is being written any more: what looks unfinished is whole.
	if s.watch.look(time.Now().Add(ckpt.Settled), procs.ID{}) {
		s.note("checkpoint", s.watch.safe, false)
	}
	s.refresh(time.Now()) // what the last output told, before what it means is judged
	end := s.explain(state)
	s.note("attempt-end", end, true)
	resume, known := recipe.Find(recipe.Facts{Argv: s.Spec.Argv, Dir: s.Spec.Dir, Checkpoint: s.watch.safe.Path})
	if wait, ok := s.mayRestart(end); ok {
		s.status.Phase, s.status.End = rundir.Waiting, &end
		s.say(fmt.Sprintf("%s; restart %d of %d in %s", end.Text, state.Attempt, s.Spec.Restarts, wait.Round(time.Second)))
		s.tell.send(notify.Restarted, "failed, and is restarted", end.Text+"\n"+strings.Join(end.Last, "\n"))
		s.restart = time.After(wait)
		s.dirty = true
		if known && s.Spec.Resume {
			s.attempt.argv = resume.Argv
			s.say(fmt.Sprintf("it will resume (%s): %s", resume.Framework, command(resume.Argv)))
		}
		return
	}
	if known && end.Code != 0 {
		end.Advice = strings.TrimPrefix(end.Advice+"; to resume ("+resume.Framework+"): "+command(resume.Argv), "; ")
	}
	s.finish(end)
}

// explain finds out why the attempt ended.
func (s *supervisor) explain(state hold.State) rundir.End {
	done, _, _ := s.screen.Tail(tailLines)
	facts := cause.Facts{Code: state.Code, Signal: state.Signal, Last: done, OOMKill: state.OOM && state.Code != 0,
		NotBegun: state.Error, LossNaN: s.watch.lossIsNaN,
		Stopped: s.stop.stage > 0 || !s.attempt.interrupted.IsZero() && state.Ended.Sub(s.attempt.interrupted) < interruptFresh}
	if state.Signal == 9 || state.Code == 137 {
		facts.KernelOOM = procs.KernelOOM(state.Child.PID, state.Began)
	}
	v := cause.Find(facts)
	if s.attempt.fromZero != "" {
		v = cause.Verdict{Kind: cause.FromZero, Text: s.attempt.fromZero, Advice: "give the script its own resume option, then run it again"}
	}
	end := rundir.End{Time: state.Ended, Code: state.Code, Signal: state.Signal, Cause: string(v.Kind), Text: v.Text,
		Advice: v.Advice, Curable: v.Curable}
	if v.Kind != cause.Done {
		end.Last = lastLines(done, 20)
	}
	if state.Left > 0 {
		s.say(fmt.Sprintf("%d processes of the run are still there after its end", state.Left))
	}
	return end
}

// mayRestart decides whether another attempt is worth it, and after what pause.
func (s *supervisor) mayRestart(end rundir.End) (time.Duration, bool) {
	if !end.Curable || s.attempt.n > s.Spec.Restarts || s.stop.stage > 0 {
		return 0, false
	}
	first := s.Spec.Backoff
	if first <= 0 {
		first = backoffFirst
	}
	return min(first<<min(s.attempt.n-1, 16), max(backoffMost, first)), true
}

// again starts the next attempt.
func (s *supervisor) again() {
	s.restart = nil
	s.status.End = nil
	if err := s.begin(s.attempt.n + 1); err != nil {
		s.finish(rundir.End{Time: time.Now(), Code: 255, Cause: string(cause.Lost), Text: err.Error()})
	}
}

// checkFromZero stops a restarted script that begins again below what was
// already safe: it would only repeat and fail again. Half way between the first
// beginning and the safe point decides, so that a script which resumes from an
// older checkpoint than the newest is left alone.
func (s *supervisor) checkFromZero() {
	a := &s.attempt
	if a.n < 2 || a.judged || a.reached < 0 || !a.ended && !s.watch.settled(time.Now()) || s.watch.first < 0 {
		return
	}
	a.judged = true
	safe := a.reached
	if s.watch.known && s.watch.safe.Step > 0 {
		safe = s.watch.safe.Step
	}
	if safe <= a.first || s.watch.first > a.first+(safe-a.first)/2 {
		return
	}
	a.fromZero = fmt.Sprintf("this script starts from its beginning again (step %d, after %d were done): a restart does not help it",
		s.watch.first, a.reached)
	s.say(a.fromZero)
	if !a.ended {
		s.stopRun(stopFromZero)
	}
}

// command writes argv as a person would type it, secrets blanked.
func command(argv []string) string {
	var words []string
	for _, a := range history.Redact(argv) {
		if strings.ContainsAny(a, " \t\n'\"$&|;<>()*?#`\\") || a == "" {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

func lastLines(lines []string, n int) []string {
	var last []string
	for _, line := range lines[max(0, len(lines)-n):] {
		if len(line) > 500 {
			line = line[:500] + " ..."
		}
		last = append(last, strings.ToValidUTF8(line, "?"))
	}
	return last
}
