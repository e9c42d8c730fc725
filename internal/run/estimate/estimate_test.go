package estimate_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stoker/internal/run/estimate"
	"stoker/internal/run/progress"
)

// script is output with its times, for flows through the real parser.
type script struct {
	p *progress.Parser
	e *estimate.Estimator
	t float64
}

func newScript(o estimate.Options, h estimate.History) *script {
	o.Start = begin
	return &script{p: progress.NewParser(progress.Options{Total: o.Total, Epochs: o.Epochs}), e: estimate.New(o, h)}
}

func (s *script) after(seconds float64, format string, args ...any) estimate.Status {
	s.t += seconds
	for _, ev := range s.p.Feed(at(s.t), fmt.Appendf(nil, format, args...)) {
		s.e.Observe(ev)
	}
	for _, ev := range s.p.Idle(at(s.t)) {
		s.e.Observe(ev)
	}
	return s.e.Status(at(s.t))
}

// near fails unless got is within share of want.
func near(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if math.Abs(got-want) > share*math.Abs(want) {
		t.Errorf("%s is %.4g, want %.4g", what, got, want)
	}
}

func TestEpochsOfUnknownLengthAreLearnt(t *testing.T) { // nothing but "it" counts in the first epoch
	s := newScript(estimate.Options{Epochs: 4}, nil)
	var st estimate.Status
	for epoch := range 2 {
		for i := range 200 {
			st = s.after(0.5, "\rEpoch %d: %dit [00:01,  2.00it/s]", epoch, i+1)
		}
		s.after(10, "\n")
	}
	if st.EpochOnly || st.Epoch != 2 || st.Epochs != 4 || st.Steps != 200 {
		t.Fatalf("got %+v", st)
	}
	near(t, "the remaining time", st.RemainingMid, 200*0.5*2+2*10, 0.15)
}

func TestACounterThatStartsAgainCountsEpochs(t *testing.T) {
	s := newScript(estimate.Options{}, nil)
	var st estimate.Status
	for range 2 {
		for i := range 100 {
			st = s.after(0.2, "\r%3d%%|##| %d/100 [00:01<00:01,  5.00it/s]", i+1, i+1)
		}
	}
	if st.Epoch != 2 || st.Step != 100 || !st.EpochOnly {
		t.Errorf("got epoch %d step %d, epoch only %v; want the end of epoch 2 of an unknown number", st.Epoch, st.Step, st.EpochOnly)
	}
}

func TestOneBarOverTheRunWithEpochHeaders(t *testing.T) { // kohya
	s := newScript(estimate.Options{}, nil)
	var st estimate.Status
	for i := range 300 {
		if i%100 == 0 {
			s.after(0.1, "\nepoch %d/4\n", i/100+1)
		}
		st = s.after(1, "\rsteps:  10%%|##| %d/400 [00:01<00:01,  1.00it/s, loss=0.12]", i+1)
	}
	if st.GlobalStep != 300 || st.Percent != 75 || *st.Loss != 0.12 {
		t.Fatalf("got %+v", st)
	}
	near(t, "the remaining time", st.RemainingMid, 100, 0.1)
}

func TestFractionalEpochsWithoutABar(t *testing.T) { // Hugging Face with disable_tqdm
	s := newScript(estimate.Options{}, nil)
	s.after(5, "  Num Epochs = 3\n")
	var st estimate.Status
	for i := range 30 {
		st = s.after(10, "{'loss': 0.5, 'learning_rate': 2e-05, 'epoch': %.2f}\n", float64(i+1)*0.05)
	}
	near(t, "the percentage", st.Percent, 50, 0.02)
	near(t, "the remaining time", st.RemainingMid, 300, 0.1)
}

func TestRowsPerEpoch(t *testing.T) { // fastai
	s := newScript(estimate.Options{Epochs: 10}, nil)
	var st estimate.Status
	for i := range 5 {
		st = s.after(60, "%d         0.512345    0.412345    0.901234  01:00     \n", i)
	}
	near(t, "the percentage", st.Percent, 50, 0.01)
	near(t, "the remaining time", st.RemainingMid, 300, 0.1)
}

func TestADownloadIsNotTheRun(t *testing.T) {
	s := newScript(estimate.Options{}, nil)
	for i := range 10 {
		s.after(1, "\rDownloading data:  10%%|#| %d/10 [00:01<00:01,  1.00it/s]", i+1)
	}
	st := s.after(1, "\n")
	if st.Phase != progress.Start || st.Steps != 10 {
		t.Errorf("while downloading: %+v", st)
	}
	for i := range 20 {
		st = s.after(1, "\r 10%%|#| %d/100 [00:01<00:01,  1.00it/s]", i+1)
	}
	if st.Phase != progress.Train || st.Steps != 100 || st.Percent != 20 {
		t.Errorf("while training: phase %s, %d steps, %v %%", st.Phase, st.Steps, st.Percent)
	}
}

func TestSkippingBatchesHasItsOwnForecast(t *testing.T) {
	s := newScript(estimate.Options{}, nil)
	var st estimate.Status
	s.after(1, "\r  0%%|  | 500/1000 [00:00<?, ?it/s]")
	for i := range 50 {
		st = s.after(2, "\rSkipping the first batches:  10%%|#| %d/500 [00:01<00:01,  1.00it/s]", i+1)
	}
	if st.Phase != progress.Resume {
		t.Fatalf("phase %s", st.Phase)
	}
	near(t, "the phase's length", st.PhaseExpected, 1000, 0.05)
	for i := range 30 {
		st = s.after(1, "\r 50%%|#| %d/1000 [00:01<00:01,  1.00it/s]", 501+i)
	}
	if st.Percent < 50 || st.Phase != progress.Train {
		t.Errorf("after skipping: %v %%, phase %s", st.Percent, st.Phase)
	}
	near(t, "the remaining time", st.RemainingMid, 470, 0.1)
	if !strings.Contains(strings.Join(st.Notes, ";"), "resumed at step") {
		t.Errorf("notes %q do not say that the run was resumed", st.Notes)
	}
}

func TestAChangeOfSpeedIsSaid(t *testing.T) {
	s := newScript(estimate.Options{}, nil)
	var st estimate.Status
	for i := range 600 {
		d := 1.0
		if i >= 300 {
			d = 1.3
		}
		st = s.after(d*(1+0.05*math.Sin(float64(i*i))), "\r 10%%|#| %d/1000 [00:01<00:01,  1.00it/s]", i+1)
	}
	var percent, hour, minute int
	if len(st.Notes) != 1 {
		t.Fatalf("notes are %q, want one", st.Notes)
	}
	_, err := fmt.Sscanf(st.Notes[0], "steps became %d %% slower at %d:%d", &percent, &hour, &minute)
	if err != nil || percent < 27 || percent > 33 || hour != 9 || minute < 4 || minute > 5 {
		t.Errorf("note is %q, want about 30 %% slower at 09:05", st.Notes[0])
	}
	near(t, "the remaining time", st.RemainingMid, 400*1.3, 0.03)
}

func TestASleepingMachineIsNotExtrapolated(t *testing.T) {
	s := newScript(estimate.Options{}, nil)
	var st estimate.Status
	for i := range 300 {
		d := 1.0
		if i == 200 {
			d = 8 * 3600
		}
		st = s.after(d, "\r 10%%|#| %d/1000 [00:01<00:01,  1.00it/s]", i+1)
	}
	near(t, "the remaining time", st.RemainingMid, 700, 0.05)
	if !strings.Contains(strings.Join(st.Notes, ";"), "8 h") {
		t.Errorf("notes %q do not tell the pause", st.Notes)
	}
}

func TestAnOverdueValidationDoesNotCountBelowTheRest(t *testing.T) {
	s := newScript(estimate.Options{}, nil)
	for epoch := range 3 {
		for i := range 100 {
			s.after(0.5, "\rEpoch %d/5:  10%%|#| %d/100 [00:01<00:01,  1.00it/s]", epoch+1, i+1)
		}
		if epoch < 2 {
			s.after(20, "\n")
		}
	}
	rest := 2*100*0.5 + 3*20.0
	now := s.e.Status(at(s.t))
	near(t, "at the boundary", now.RemainingMid, rest, 0.1)
	near(t, "in the middle of the validation", s.e.Status(at(s.t+10)).RemainingMid, rest-10, 0.1)
	near(t, "long after it should have ended", s.e.Status(at(s.t+500)).RemainingMid, rest-20, 0.1)
}

func TestEarlyStoppingIsAGuessApart(t *testing.T) {
	s := newScript(estimate.Options{}, nil)
	var st estimate.Status
	for epoch := range 20 {
		st = s.after(60, "Epoch: %d/100, loss 0.2, val_loss %.5f\n", epoch+1, 0.5+1.0/math.Pow(float64(epoch+1), 1.2))
	}
	if g := st.EarlyStop; g == nil || g.Epoch < 10 || g.Epoch > 60 || g.Low > g.Epoch || g.High < g.Epoch {
		t.Errorf("guess %+v", g)
	}
	near(t, "the remaining time", st.RemainingMid, 80*60, 0.05)
	for epoch := 20; epoch < 32; epoch++ {
		st = s.after(60, "Epoch: %d/100, loss 0.2, val_loss %.5f\n", epoch+1, 0.6+0.01*float64(epoch))
	}
	if g := st.EarlyStop; g == nil || g.Epoch != 20 {
		t.Errorf("after the losses rose: guess %+v, want epoch 20", g)
	}
}

func TestHistoryKnowsTheFirstValidation(t *testing.T) {
	h := pastRuns(scenarios[0], 2, 9)
	tr := simulate(scenarios[0], 1)
	play(tr, h, func(percent int, s estimate.Status, left float64) {
		if s.Unseen {
			t.Errorf("at %d %%: something is still unseen", percent)
		}
	})
	e := estimate.New(estimate.Options{Start: begin}, h)
	s := e.Status(at(1))
	if s.PhaseExpected < 15 || s.Track == nil || s.Track.Runs != 2 {
		t.Errorf("before the first step: start takes %v, track %+v", s.PhaseExpected, s.Track)
	}
}

func TestScore(t *testing.T) {
	r := estimate.Record{Estimates: []estimate.Estimate{{Percent: 10, Elapsed: 10, Low: 80, Mid: 99, High: 110}, {Percent: 50, Elapsed: 50, Low: 60, Mid: 60, High: 70}}}
	got := estimate.Score(r, 100*time.Second)
	want := []estimate.Scored{{Percent: 10, Error: 0.1, Held: true}, {Percent: 50, Error: 0.2, Held: false}}
	if len(got) != 2 || math.Abs(got[0].Error-want[0].Error) > 1e-9 || !got[0].Held || got[1].Held {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestDeterministic(t *testing.T) {
	tr := simulate(scenarios[4], 3)
	var a, b []string
	for _, out := range []*[]string{&a, &b} {
		play(tr, nil, func(_ int, s estimate.Status, _ float64) { *out = append(*out, statusText(s)) })
	}
	if strings.Join(a, "") != strings.Join(b, "") {
		t.Error("two plays of one trace differ")
	}
}

// TestAnyEventsGiveSaneNumbers feeds nonsense: no panic, ordered intervals, and a
// Status and a Record that JSON can hold.
func TestAnyEventsGiveSaneNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := estimate.New(estimate.Options{Start: begin, Total: rapid.Int64Range(0, 50).Draw(t, "total"), Epochs: rapid.IntRange(0, 5).Draw(t, "epochs")}, nil)
		kinds := rapid.SampledFrom([]progress.Kind{progress.Step, progress.Step, progress.Step, progress.Epoch, progress.Metric, progress.Banner, progress.Checkpoint, progress.Phase, progress.End})
		phases := rapid.SampledFrom([]string{"", "", progress.Train, progress.Validation, progress.Resume, progress.Start})
		now := 0.0
		for range rapid.IntRange(1, 80).Draw(t, "n") {
			now += rapid.Float64Range(-1, 100).Draw(t, "dt")
			e.Observe(progress.Event{Time: at(now), Kind: kinds.Draw(t, "kind"), Phase: phases.Draw(t, "phase"), Source: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "source"),
				Step: rapid.Int64Range(0, 1<<62).Draw(t, "step"), Steps: rapid.Int64Range(0, 1<<40).Draw(t, "steps"),
				Epoch: rapid.IntRange(0, 9).Draw(t, "epoch"), Epochs: rapid.IntRange(0, 9).Draw(t, "of"), EpochPart: rapid.Float64Range(0, 3).Draw(t, "part"),
				Scope:   rapid.SampledFrom([]progress.Scope{"", progress.ScopeEpoch, progress.ScopeRun}).Draw(t, "scope"),
				Metrics: progress.Metrics{"loss": rapid.SampledFrom([]float64{1, math.NaN(), math.Inf(1)}).Draw(t, "loss"), "val_loss": 1}})
			s := e.Status(at(now))
			if _, err := json.Marshal(s); err != nil {
				t.Fatalf("%v: %+v", err, s)
			}
			if s.RemainingMid >= 0 && (s.RemainingLow > s.RemainingMid || s.RemainingMid > s.RemainingHigh) {
				t.Fatalf("interval %v %v %v", s.RemainingLow, s.RemainingMid, s.RemainingHigh)
			}
		}
		if _, err := json.Marshal(e.Record(at(now), true)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestHistoryKnowsTheLength(t *testing.T) { // nanoGPT prints no total
	first := newScript(estimate.Options{}, nil)
	for i := range 200 {
		first.after(0.5, "iter %d: loss 3.2, time 500.00ms\n", i)
	}
	if st := first.after(1, "\n"); st.Percent >= 0 || st.RemainingMid >= 0 {
		t.Fatalf("a forecast out of nothing: %+v", st)
	}
	h := estimate.History{first.e.Record(at(first.t), true)}
	second := newScript(estimate.Options{}, h)
	var st estimate.Status
	for i := range 100 {
		st = second.after(0.5, "iter %d: loss 3.2, time 500.00ms\n", i)
	}
	near(t, "the percentage", st.Percent, 50, 0.01)
	near(t, "the remaining time", st.RemainingMid, 51, 0.05)
	if !strings.Contains(strings.Join(st.Notes, ";"), "last run") {
		t.Errorf("notes %q do not say where the length is from", st.Notes)
	}
}

func TestHistoryOfAResumedRun(t *testing.T) {
	h := pastRuns(scenarios[0], 1, 3)
	resumed := scenarios[0]
	resumed.resume = 0.5
	rec := play(simulate(resumed, 4), nil, nil)
	if rec.First == 0 || rec.WarmStep <= 0 || len(rec.Profile) != 0 {
		t.Fatalf("record of a resumed run: first %d, warm step %v, %d parts", rec.First, rec.WarmStep, len(rec.Profile))
	}
	var sum, n float64
	play(simulate(scenarios[0], 5), append(h, rec), func(_ int, s estimate.Status, left float64) {
		sum += math.Abs(s.RemainingMid-left) / left
		n++
	})
	if sum/n > 0.04 {
		t.Errorf("mean error %.1f %% with a resumed run in the history", 100*sum/n)
	}
}

func TestAfterTheLastStep(t *testing.T) {
	s := newScript(estimate.Options{}, nil)
	var st estimate.Status
	for i := range 100 {
		st = s.after(1, "\r 10%%|#| %d/100 [00:01<00:01,  1.00it/s]", i+1)
	}
	if st.Phase != progress.Final || st.Percent != 100 {
		t.Errorf("phase %s, %v %%", st.Phase, st.Percent)
	}
	if st = s.after(5, "\n{'train_runtime': 100.1, 'epoch': 3.0}\n"); !st.Over || st.RemainingMid >= 0 {
		t.Errorf("after the end: %+v", st)
	}
}

func TestLinesInBursts(t *testing.T) { // a program whose buffer is written out every 40 lines
	s := newScript(estimate.Options{}, nil)
	var st estimate.Status
	for burst := range 20 {
		s.t += 4
		for i := range 40 {
			st = s.after(0, "iter %d/2000 loss 0.5\n", burst*40+i+1)
		}
	}
	near(t, "the remaining time", st.RemainingMid, 1200*0.1, 0.05)
	near(t, "the rate", st.Rate, 10, 0.1)
}

func TestALogReadAfterTheFact(t *testing.T) { // stoker watch --log
	s := newScript(estimate.Options{}, nil)
	for i := range 500 {
		s.after(0, "iter %d/1000 loss 0.5\n", i+1)
	}
	var st estimate.Status
	for i := range 60 {
		st = s.after(1, "iter %d/1000 loss 0.5\n", 501+i)
	}
	near(t, "the remaining time", st.RemainingMid, 440, 0.05)
}

// TestAnUnnamedBarAfterAFinishedOne is the next stage, not a validation nor the
// end: here of rich, which shows a percentage only, after tqdm.
func TestAnUnnamedBarAfterAFinishedOne(t *testing.T) {
	s := newScript(estimate.Options{}, nil)
	for i := range 401 {
		s.after(0.1, "\r%3d%%|███   | %d/400 [00:10<00:10, 10.0it/s]", i/4, i)
	}
	s.after(0.1, "\n")
	var st estimate.Status
	for i := range 41 {
		st = s.after(0.5, "\x1b[2K\x1b[91m━━━━╸━━━━\x1b[0m \x1b[35m%3d%%\x1b[0m \x1b[36m0:00:30\x1b[0m\r", i)
	}
	if st.Phase != progress.Train || st.Percent < 35 || st.Percent > 45 {
		t.Fatalf("%s at %g %%", st.Phase, st.Percent)
	}
	near(t, "the remaining time", st.RemainingMid, 30, 0.15)
}
