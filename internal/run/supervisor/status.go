package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"stoker/internal/run/bar"
	"stoker/internal/run/cause"
	"stoker/internal/run/notify"
	"stoker/internal/run/rundir"
)

const (
	saveFor   = time.Hour // that a full disk is waited for
	saveEvery = 2 * time.Second
	// mostProgress bounds the progress inside a status.
	mostProgress = 16 << 10
)

// refresh brings the status up to date.
func (s *supervisor) refresh(now time.Time) {
	p := s.watch.progress(now)
	if note := s.watch.news(now, p); note != "" {
		s.say(note)
	}
	s.probe.dataWait(&p)
	if s.probe.stop != nil && p.Source != "" {
		s.probe.account.Enter(p.Phase)
	}
	raw, err := json.Marshal(p)
	if err != nil || len(raw) > mostProgress { // too many metrics to keep, or one that JSON cannot say
		p.Metrics, p.Loss, p.Notes = nil, nil, p.Notes[max(0, len(p.Notes)-3):]
		raw, err = json.Marshal(p)
	}
	if err == nil {
		s.status.Progress = raw
	}
	s.status.DataWait = nil
	if p.DataWait >= 0 {
		s.status.DataWait = &p.DataWait
	}
	if s.watch.known {
		safe := s.watch.safe
		s.status.Checkpoint = &safe
	}
	s.status.Updated = now
	s.checkFromZero()
}

// look does what is worth doing every few seconds.
func (s *supervisor) look(now time.Time) {
	if s.status.Phase != rundir.Running && s.status.Phase != rundir.Stopping {
		return
	}
	if s.watch.look(now, s.status.Child) {
		s.note("checkpoint", s.watch.safe, false)
		s.dirty = true
	}
	stalled, fresh := s.watch.stall.check(now, s.watch.est.Status(now).Phase)
	doing := ""
	if s.watch.stall.suspicious(now) { // from then on, so that there is something to compare with
		doing = s.watch.doing.Look(now, s.status.Child.PID)
	}
	if !stalled {
		doing = ""
	}
	if fresh {
		s.note("stall", map[string]string{"doing": doing}, false)
		text := fmt.Sprintf("no step for %s", bar.Duration(now.Sub(s.watch.stall.last).Seconds()))
		s.say(text + ": " + doing)
		s.tell.send(notify.Stalled, text, doing)
		s.ring()
	}
	s.status.Stall = doing
	if s.watch.lossIsNaN && !s.toldNaN {
		s.toldNaN = true
		s.note("nan", nil, false)
		s.say("the loss is not a number")
		s.tell.send(notify.Stalled, "the loss is not a number", s.lastProgress())
	}
	s.tell.forecast(now, s.watch.est.Status(now))
}

// finish is the run's end: known to the disk, then to everybody else.
func (s *supervisor) finish(end rundir.End) {
	now := time.Now()
	s.stopProbe()
	s.refresh(now)
	s.status.Phase, s.status.End, s.status.Stall = rundir.Ended, &end, ""
	s.unsaved = s.writeEnd()
	_ = s.clean.Sync()
	s.push()
	if s.record != nil {
		s.record.finish(s.lesson(HistoryRow(s.Spec, s.status), end))
	}
	s.tellEnd(end)
	final := s.finalPayload()
	for c := range s.clients {
		c.final = final
	}
	s.out.Close()
	s.over = true
}

// writeEnd puts the end on the disk.
func (s *supervisor) writeEnd() error {
	return errors.Join(s.file.Write(&s.status, true), s.journal.Append(time.Now(), "end", s.status.End, true))
}

// save tries again what a full disk refused: an end that is known must not be
// lost because nobody made room in time.
func (s *supervisor) save() {
	for deadline := time.Now().Add(saveFor); s.unsaved != nil && time.Now().Before(deadline); {
		time.Sleep(saveEvery)
		s.unsaved = s.writeEnd()
	}
}

func (s *supervisor) finalPayload() []byte {
	raw, _ := json.Marshal(s.status.End)
	return raw
}

// holderLost is told when the holder's connection ends before the run does: the
// holder was killed. The child's terminal went with it; most programs end by
// that, and how is then unknown.
func (s *supervisor) holderLost() {
	if s.over {
		return
	}
	s.holderGone = true
	s.note("holder-lost", nil, true)
	s.say("the process that held the run's terminal was killed; its output from here on is lost")
	s.childAlone(time.Now())
}

// childAlone ends the run once a child without holder is gone.
func (s *supervisor) childAlone(now time.Time) {
	if s.status.Child.Alive() {
		return
	}
	done, _, _ := s.screen.Tail(20)
	s.finish(rundir.End{Time: now, Code: 255, Cause: string(cause.Lost), Last: lastLines(done, 20),
		Text: "it ended after Stoker's holder was killed; its exit status is unknown"})
}

// holderMissing is the end of a run whose holder cannot be reached at all.
func (s *supervisor) holderMissing(err error) error {
	if !s.Revived {
		s.finish(rundir.End{Time: time.Now(), Code: 255, Cause: string(cause.NotStarted), Text: err.Error()})
		return err
	}
	s.finish(rundir.End{Time: time.Now(), Code: 255, Cause: string(cause.Lost),
		Text: "both of Stoker's processes were killed; the exit status is unknown"})
	return nil
}
