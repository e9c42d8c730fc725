package estimate_test

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"stoker/internal/run/estimate"
)

func medianOf(x []float64) float64 {
	s := slices.Clone(x)
	slices.Sort(s)
	return s[len(s)/2]
}

// tally sums up errors and coverage.
type tally struct {
	n, held float64
	abs     float64
	rival   []float64
	rivalN  []float64
}

func (t *tally) add(mid, low, high, left float64) {
	t.n++
	t.abs += math.Abs(mid-left) / left
	if low <= left && left <= high {
		t.held++
	}
}

func seeds() uint64 {
	if os.Getenv("STOKER_LONG") != "" {
		return 40
	}
	return 2
}

// lookEvery is how many percent of a run lie between two looks.
func lookEvery() int {
	if os.Getenv("STOKER_LONG") != "" {
		return 1
	}
	return 5
}

// measure plays a scenario with seeds runs and the given number of past runs:
// others for each seed, but in the short test.
func measure(t testing.TB, s scenario, past int, withRivals bool) tally {
	sum := tally{rival: make([]float64, len(rivals)), rivalN: make([]float64, len(rivals))}
	var h estimate.History
	for seed := range seeds() {
		tr := simulate(s, 1000+seed)
		if past > 0 && (h == nil || lookEvery() == 1) {
			h = pastRuns(s, past, 5000+100*seed)
		}
		play(tr, h, func(pct int, st estimate.Status, left float64) {
			if st.RemainingMid < 0 {
				t.Errorf("%s: no forecast at %d %%", s.name, pct)
				return
			}
			sum.add(st.RemainingMid, st.RemainingLow, st.RemainingHigh, left)
			if withRivals {
				n := int(float64(pct) / 100 * tr.steps)
				for i, r := range rivals {
					if v := r.left(tr, n); !math.IsNaN(v) {
						sum.rival[i] += math.Abs(v-left) / left
						sum.rivalN[i]++
					}
				}
			}
		})
	}
	return sum
}

// TestAccuracy holds the promise of the estimator: over all scenarios the mean
// absolute error of the remaining time from 10 % of the steps on is at most 5 %
// without history and 2.5 % with three earlier runs, and the 90 % interval holds
// in 80 to 95 % of the cases. With -v it prints the table of docs/estimates.md.
func TestAccuracy(t *testing.T) {
	var table strings.Builder
	fmt.Fprintf(&table, "| scenario | alone | held | with history | held |")
	for _, r := range rivals {
		fmt.Fprintf(&table, " %s |", r.name)
	}
	table.WriteString("\n|---|---|---|---|---|" + strings.Repeat("---|", len(rivals)) + "\n")
	var alone, known, heldAlone, heldKnown float64
	rivalSum := make([]float64, len(rivals))
	for _, s := range scenarios {
		a, k := measure(t, s, 0, testing.Verbose()), measure(t, s, 3, false)
		fmt.Fprintf(&table, "| %s | %.1f %% | %.0f %% | %.1f %% | %.0f %% |", s.name, 100*a.abs/a.n, 100*a.held/a.n, 100*k.abs/k.n, 100*k.held/k.n)
		for i := range rivals {
			v := a.rival[i] / a.rivalN[i]
			rivalSum[i] += v
			fmt.Fprintf(&table, " %.0f %% |", 100*v)
		}
		table.WriteString("\n")
		alone += a.abs / a.n
		known += k.abs / k.n
		heldAlone += a.held / a.n
		heldKnown += k.held / k.n
	}
	n := float64(len(scenarios))
	fmt.Fprintf(&table, "| **mean** | %.1f %% | %.0f %% | %.1f %% | %.0f %% |", 100*alone/n, 100*heldAlone/n, 100*known/n, 100*heldKnown/n)
	for i := range rivals {
		fmt.Fprintf(&table, " %.0f %% |", 100*rivalSum[i]/n)
	}
	t.Logf("mean absolute error of the remaining time, 10-95 %% of the steps\n%s", table.String())
	if e := alone / n; e > 0.05 {
		t.Errorf("error without history is %.1f %%, want at most 5 %%", 100*e)
	}
	if e := known / n; e > 0.025 {
		t.Errorf("error with history is %.1f %%, want at most 2.5 %%", 100*e)
	}
	low, high := 0.78, 0.97 // few runs
	if os.Getenv("STOKER_LONG") != "" {
		low, high = 0.80, 0.95
	}
	for _, c := range []float64{heldAlone / n, heldKnown / n} {
		if c < low || c > high {
			t.Errorf("the 90 %% interval held in %.0f %%, want %.0f-%.0f %%", 100*c, 100*low, 100*high)
		}
	}
}
