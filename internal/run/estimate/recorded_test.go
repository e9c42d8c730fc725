package estimate_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"stoker/internal/run/estimate"
	"stoker/internal/run/progress"
)

// look is one forecast of a recording, and the truth.
type look struct {
	step           int
	left           float64
	low, mid, high float64
}

// askEvery is how often, in seconds, a recorded run's status is looked at.
func askEvery() float64 {
	if testing.Verbose() {
		return 0.25
	}
	return 1
}

// playRecording runs parser and estimator over a recording. It returns the
// forecasts at every percent of the steps from 10 to 95, the record for the next
// run, and the recording as the rivals see it.
func playRecording(r recording, want expected, h estimate.History) ([]look, estimate.Record, trace) {
	p := progress.NewParser(progress.Options{})
	e := estimate.New(estimate.Options{Start: begin, Argv: append([]string{"python", "x.py"}, want.args...)}, h)
	tr := trace{total: r.total, steps: float64(want.total), per: int(want.steps), epochs: max(want.epochs, 1), times: make([]float64, want.total+1)}
	for i := range tr.times {
		tr.times[i] = math.NaN()
	}
	var looks []look
	percent, lastStep, lastAt, asked := 10.0, 0, 0.0, -1.0
	for _, c := range r.pieces {
		events := append(p.Feed(at(c.at), []byte(c.text)), p.Idle(at(c.at))...)
		for _, ev := range events {
			e.Observe(ev)
		}
		if c.at-asked < askEvery() {
			continue
		}
		asked = c.at
		s := e.Status(at(c.at))
		step := min(int(s.GlobalStep), int(want.total))
		if step <= lastStep {
			continue
		}
		if lastStep == 0 {
			tr.events = []progress.Event{{Time: at(c.at)}}
			lastStep, lastAt = step-1, c.at
		}
		for n := lastStep + 1; n <= step; n++ { // steps between two lines: evenly
			tr.times[n] = lastAt + (c.at-lastAt)*float64(n-lastStep)/float64(step-lastStep)
		}
		lastStep, lastAt = step, c.at
		if s.Percent < percent || s.Percent > 95 || s.RemainingMid < 0 {
			continue
		}
		looks = append(looks, look{step, r.total - c.at, s.RemainingLow, s.RemainingMid, s.RemainingHigh})
		percent = math.Floor(s.Percent) + 1
	}
	return looks, e.Record(at(r.total), true), tr
}

// TestRecordedAccuracy forecasts the recorded real runs, alone and with the other
// recordings of the same script as history, beside the other tools' rules on the
// same runs. Each was recorded three times with steps of a GPU's length
// (PACE, examples/runs), on a 2-core machine: with 25 to 45 other processes that
// wanted to run ("paced"), and with the seven of them side by side and nothing else
// ("quiet"). With -v it prints the tables of docs/estimates.md; else it looks at
// three scripts only.
func TestRecordedAccuracy(t *testing.T) {
	for mark, most := range map[string]float64{"-paced": 0.15, "-quiet": 0.10} {
		t.Run(mark[1:], func(t *testing.T) { recordedAccuracy(t, mark, most) })
	}
}

func recordedAccuracy(t *testing.T, mark string, most float64) {
	var order []string
	of := map[string][]recording{}
	for _, r := range recordings(t) {
		if !strings.Contains(r.name, mark) {
			continue // over in seconds: start and end outweigh the steps
		}
		name, _, _ := strings.Cut(r.name, "-")
		if !testing.Verbose() && !slices.Contains([]string{"tqdm_loop", "keras3", "nanogpt_style"}, name) {
			continue
		}
		if of[name] == nil {
			order = append(order, name)
		}
		of[name] = append(of[name], r)
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| recorded run | of | alone | held | with history | held |")
	for _, r := range rivals {
		fmt.Fprintf(&table, " %s |", r.name)
	}
	table.WriteString("\n|---|---|---|---|---|---|" + strings.Repeat("---|", len(rivals)) + "\n")
	alone, known := tally{}, tally{}
	rivalMean := make([]float64, len(rivals))
	for _, name := range order {
		a, k := recorded(of[name], expectedRuns[name])
		fmt.Fprintf(&table, "| %s | %d | %.0f %% | %.0f %% | %.0f %% | %.0f %% |", name, len(of[name]), 100*a.abs/a.n, 100*a.held/a.n, 100*k.abs/k.n, 100*k.held/k.n)
		for i := range rivals {
			v := a.rival[i] / a.rivalN[i]
			rivalMean[i] += v / float64(len(order))
			fmt.Fprintf(&table, " %.0f %% |", 100*v)
		}
		table.WriteString("\n")
		for _, sum := range []struct{ all, one *tally }{{&alone, &a}, {&known, &k}} {
			sum.all.n++
			sum.all.abs += sum.one.abs / sum.one.n
			sum.all.held += sum.one.held / sum.one.n
		}
	}
	fmt.Fprintf(&table, "| **mean** | | %.1f %% | %.0f %% | %.1f %% | %.0f %% |", 100*alone.abs/alone.n, 100*alone.held/alone.n, 100*known.abs/known.n, 100*known.held/known.n)
	for _, v := range rivalMean {
		fmt.Fprintf(&table, " %.0f %% |", 100*v)
	}
	t.Logf("mean absolute error of the remaining time, 10-95 %% of the steps\n%s", table.String())
	if e := alone.abs / alone.n; e > most {
		t.Errorf("the forecast is off by %.0f %%", 100*e)
	}
	for i, v := range rivalMean {
		if testing.Verbose() && v < alone.abs/alone.n {
			t.Errorf("%s is off by %.1f %%, the forecast alone by %.1f %%", rivals[i].name, 100*v, 100*alone.abs/alone.n)
		}
	}
}

// recorded measures all recordings of one script; each has the others as history.
func recorded(runs []recording, want expected) (alone, known tally) {
	alone.rival, alone.rivalN = make([]float64, len(rivals)), make([]float64, len(rivals))
	var records []estimate.Record
	for _, r := range runs {
		looks, rec, tr := playRecording(r, want, nil)
		records = append(records, rec)
		for _, l := range looks {
			alone.add(l.mid, l.low, l.high, l.left)
			for i, rival := range rivals {
				if v := rival.left(tr, l.step); !math.IsNaN(v) {
					alone.rival[i] += math.Abs(v-l.left) / l.left
					alone.rivalN[i]++
				}
			}
		}
	}
	for i, r := range runs {
		others := append(append(estimate.History(nil), records[:i]...), records[i+1:]...)
		looks, _, _ := playRecording(r, want, others)
		for _, l := range looks {
			known.add(l.mid, l.low, l.high, l.left)
		}
	}
	return alone, known
}
