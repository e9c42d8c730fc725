package supervisor

import (
	"fmt"
	"testing"
	"time"

	"stoker/internal/run/estimate"
	"stoker/internal/run/progress"
	"stoker/internal/run/rundir"
)

// TestStall: a run is stalled only while stepping, after a budget from its
// slowest recent step.
func TestStall(t *testing.T) {
	at := time.Unix(1_780_000_000, 0)
	step := func(n int64, phase string) progress.Event {
		return progress.Event{Kind: progress.Step, Step: n, Phase: phase, Time: at}
	}
	var s stall
	for n := range int64(20) {
		at = at.Add(30 * time.Second)
		if n == 10 {
			at = at.Add(20 * time.Second) // the slowest: 50 s
		}
		s.moved(step(n, progress.Train))
	}
	if stalled, _ := s.check(at.Add(299*time.Second), progress.Train); stalled {
		t.Error("stalled within six times the slowest step")
	}
	stalled, fresh := s.check(at.Add(301*time.Second), progress.Train)
	if !stalled || !fresh {
		t.Error("not stalled after the budget")
	}
	if stalled, fresh = s.check(at.Add(400*time.Second), progress.Train); !stalled || fresh {
		t.Error("told twice")
	}
	at = at.Add(401 * time.Second)
	s.moved(step(21, progress.Train))
	if stalled, _ = s.check(at.Add(time.Second), progress.Train); stalled {
		t.Error("stalled although it moves again")
	}
	// Validation has no budget, and the clock starts anew after it.
	if stalled, _ = s.check(at.Add(time.Hour), progress.Validation); stalled {
		t.Error("stalled in validation")
	}
	if stalled, _ = s.check(at.Add(time.Hour), progress.Train); stalled {
		t.Error("stalled before the first step after validation")
	}
}

// TestWhatADeathCosts: since the newest checkpoint, else since the start.
func TestWhatADeathCosts(t *testing.T) {
	at := time.Unix(1_780_000_000, 0)
	w := newWatcher(rundir.Spec{Created: at, Dir: t.TempDir()})
	feed := func(n int) {
		at = at.Add(time.Second)
		w.feed(at, fmt.Appendf(nil, "step %d/1000 loss 0.5\n", n))
		w.progress(at)
	}
	for n := 1; n <= 100; n++ {
		feed(n)
	}
	if s := w.progress(at); s.LoseSeconds != -1 {
		t.Errorf("%g s without any checkpoint", s.LoseSeconds)
	}
	saved := at
	w.safe, w.known = rundir.Checkpoint{Path: "a.pt", Time: saved, Step: w.stepAt(saved)}, true
	if w.safe.Step < 99 || w.safe.Step > 100 {
		t.Errorf("checkpoint at step %d", w.safe.Step)
	}
	for n := 101; n <= 130; n++ {
		feed(n)
	}
	if s := w.progress(at); s.LoseSeconds != 30 {
		t.Errorf("%g s, want 30", s.LoseSeconds)
	}
}

// TestNotesAreSaidOnce: a change of speed is said, and not too often.
func TestNotesAreSaidOnce(t *testing.T) {
	at := time.Unix(1_780_000_000, 0)
	w := newWatcher(rundir.Spec{Created: at, Dir: t.TempDir()})
	var said []string
	for i, notes := range [][]string{nil, {"a"}, {"a"}, {"a", "b"}, {"a", "b"}, {"b", "c"}} {
		if note := w.news(at.Add(time.Duration(i)*25*time.Second), estimate.Status{Notes: notes}); note != "" {
			said = append(said, note)
		}
	}
	if got := fmt.Sprint(said); got != "[a c]" { // b came 50 s after a
		t.Error(got)
	}
}

func TestTrackIsBounded(t *testing.T) {
	at := time.Unix(1_780_000_000, 0)
	w := newWatcher(rundir.Spec{Created: at, Dir: t.TempDir()})
	for n := int64(1); n <= 3*maxTrack; n++ {
		w.note(at.Add(time.Duration(n)*time.Second), estimate.Status{GlobalStep: n})
	}
	if len(w.track) > maxTrack || w.stepAt(at.Add(3*maxTrack*time.Second)) != 3*maxTrack {
		t.Fatal(len(w.track))
	}
}

// TestLastStep: a line that sums up a training is none of its steps.
func TestLastStep(t *testing.T) {
	at := time.Unix(1_780_000_000, 0)
	w := newWatcher(rundir.Spec{Created: at, Argv: []string{"python", "train.py"}})
	for n := 1; n <= 20; n++ {
		at = at.Add(time.Second)
		w.feed(at, fmt.Appendf(nil, "step %d/20 loss 0.5\n", n))
	}
	w.feed(at.Add(time.Minute), []byte(`{"steps": 20, "step": 0.0829}`+"\n"))
	if !w.stepped.Equal(at) {
		t.Errorf("the last step was told at %v, want %v", w.stepped, at)
	}
}

// TestWhereAnAttemptBegan: the same whether the output is read line by line or, much
// later, at once; and the files that were loaded before are no steps.
func TestWhereAnAttemptBegan(t *testing.T) {
	at := time.Unix(1_780_000_000, 0)
	var text []byte
	for n := 41; n <= 80; n++ {
		text = fmt.Appendf(text, "step %d/100 loss 0.5\n", n)
	}
	for _, piece := range []int{21, len(text)} {
		w := newWatcher(rundir.Spec{Created: at, Dir: t.TempDir()})
		w.feed(at, []byte("\rloading: 33%|###   | 1/3 [00:00<00:00]\rloading: 100%|#####| 3/3 [00:00<00:00]\n"))
		for rest := text; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			w.feed(at.Add(300*time.Millisecond), rest[:min(piece, len(rest))])
		}
		if w.progress(at.Add(time.Second)); w.first != 41 || w.reached != 80 {
			t.Errorf("in pieces of %d bytes: from %d to %d", piece, w.first, w.reached)
		}
	}
}
