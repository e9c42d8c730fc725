package bar_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"pgregory.net/rapid"

	"stoker/internal/run/bar"
	"stoker/internal/run/estimate"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/bars.txt anew")

var now = time.Date(2026, 3, 2, 14, 10, 0, 0, time.UTC)

func loss(x float64) *float64 { return &x }

func TestMain(m *testing.M) {
	runewidth.DefaultCondition.EastAsianWidth = false // the golden file is for Western terminals
	m.Run()
}

// training is a run in the middle of its third epoch.
func training() estimate.Status {
	return estimate.Status{At: now, Phase: "train", Epoch: 3, Epochs: 10, Step: 120, Steps: 400, Percent: 23, Rate: 4.13, Elapsed: 751,
		RemainingLow: 2280, RemainingMid: 2460, RemainingHigh: 2700, Coverage: 0.9, Arrival: now.Add(41 * time.Minute), Loss: loss(0.51234), LoseSeconds: 730, Source: "tqdm"}
}

func statuses() map[string]estimate.Status {
	start := estimate.Status{At: now, Phase: "start", PhaseExpected: 41, Percent: -1, Elapsed: 12, RemainingLow: -1, RemainingMid: -1, RemainingHigh: -1, LoseSeconds: -1}
	validation := training()
	validation.Phase, validation.PhaseSeconds, validation.PhaseExpected = "validation", 5, 25
	known := training()
	known.EarlyStop = &estimate.EarlyStop{Epoch: 7, Low: 5, High: 9}
	known.Track = &estimate.Track{At: 10, Runs: 10, MedianError: 0.041, Held: 9}
	unseen := training()
	unseen.Epoch, unseen.Unseen, unseen.LoseSeconds = 1, true, -1
	long := training()
	long.Rate, long.Elapsed, long.RemainingLow, long.RemainingMid, long.RemainingHigh = 0.031, 4*86400, 250000, 300000, 420000
	long.Arrival = now.Add(300000 * time.Second)
	guess := estimate.Status{At: now, Phase: "train", Step: 512, Percent: -1, Rate: 3.3, Elapsed: 300, RemainingMid: -1, LoseSeconds: -1, Guess: true}
	download := estimate.Status{At: now, Phase: "start", PhaseExpected: -1, Step: 63_312_345_678, Steps: 131_000_000_001, Unit: "B", Percent: 48, Rate: 13.1e6, Elapsed: 3544,
		RemainingLow: 5000, RemainingMid: 5496, RemainingHigh: 6300, Arrival: now.Add(5496 * time.Second), LoseSeconds: -1}
	epochOnly := training()
	epochOnly.Epochs, epochOnly.EpochOnly = 0, true
	waits := training()
	waits.DataWait = 0.31
	over := training()
	over.Phase, over.Over, over.Percent, over.Step, over.Epoch, over.LoseSeconds = "final", true, 100, 400, 10, 2
	return map[string]estimate.Status{"1 start": start, "2 training": training(), "3 validation": validation, "4 nothing validated yet": unseen,
		"5 days": long, "6 guess": guess, "7 download": download, "8 epochs unknown": epochOnly, "9 over": over,
		"10 earlier forecasts": known, "11 waits for data": waits}
}

func TestGolden(t *testing.T) {
	var b strings.Builder
	all := statuses()
	for i := 1; i <= len(all); i++ {
		for name, s := range all {
			number, title, _ := strings.Cut(name, " ")
			if number != fmt.Sprint(i) {
				continue
			}
			fmt.Fprintf(&b, "# %s\n", title)
			for _, w := range []int{200, 120, 80, 60, 40, 20, 8} {
				fmt.Fprintf(&b, "%3d %s\n", w, bar.Render(s, w, false))
			}
			fmt.Fprintf(&b, "    %s\n\n", bar.Plain(s))
		}
	}
	const file = "testdata/bars.txt"
	if *rewrite {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("bars differ from %s; if that is right: go test ./internal/run/bar -rewrite\n%s", file, b.String())
	}
}

var colour = regexp.MustCompile(`\x1b\[\d*m`)

// TestNeverWiderThanTheTerminal draws any status in any width: a wrapped line
// would leave its upper half behind at the next draw.
func TestNeverWiderThanTheTerminal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Float64Range(-1, 1e9)
		s := estimate.Status{At: now, Phase: rapid.SampledFrom([]string{"train", "validation", "検証中", "🚂🚃", ""}).Draw(t, "phase"),
			PhaseExpected: f.Draw(t, "expected"), Epoch: rapid.IntRange(0, 1e6).Draw(t, "epoch"), Epochs: rapid.IntRange(0, 1e6).Draw(t, "epochs"),
			Step: rapid.Int64Range(0, 1e12).Draw(t, "step"), Steps: rapid.Int64Range(0, 1e12).Draw(t, "steps"),
			Unit:    rapid.SampledFrom([]string{"", "it", "B", "%", "画像", "a\nb", "epoch"}).Draw(t, "unit"),
			Percent: rapid.Float64Range(-1, 100).Draw(t, "percent"), Rate: rapid.Float64Range(0, 1e9).Draw(t, "rate"), Elapsed: f.Draw(t, "elapsed"),
			RemainingLow: f.Draw(t, "low"), RemainingMid: f.Draw(t, "mid"), RemainingHigh: f.Draw(t, "high"), LoseSeconds: f.Draw(t, "lose"),
			Guess: rapid.Bool().Draw(t, "guess"), Unseen: rapid.Bool().Draw(t, "unseen"), Over: rapid.Bool().Draw(t, "over"), Loss: loss(f.Draw(t, "loss"))}
		s.Arrival = now.Add(time.Duration(max(0, s.RemainingMid)) * time.Second)
		width := rapid.IntRange(0, 260).Draw(t, "width")
		plain, coloured := bar.Render(s, width, false), bar.Render(s, width, true)
		if w := runewidth.StringWidth(plain); w > width {
			t.Fatalf("%d cells in %d: %q", w, width, plain)
		}
		if got := colour.ReplaceAllString(coloured, ""); got != plain {
			t.Fatalf("colour changed the text: %q, %q", got, plain)
		}
		if strings.ContainsAny(plain, "\n\r\t\x1b") || strings.ContainsAny(bar.Plain(s), "\n\r\x1b") {
			t.Fatalf("control characters in %q", plain)
		}
	})
}

func TestNumbersThatAreNone(t *testing.T) {
	s := training()
	s.RemainingMid, s.RemainingHigh, s.Rate, s.Percent = math.NaN(), math.Inf(1), math.Inf(1), math.NaN()
	if got := bar.Render(s, 80, false); runewidth.StringWidth(got) > 80 {
		t.Errorf("%q", got)
	}
}

func TestDurationAndClock(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0 s", 99: "99 s", 100: "2 min", 5990: "100 min", 6000: "1 h 40", 170000: "47 h 13", 200000: "2 d 8 h"} {
		if got := bar.Duration(seconds); got != want {
			t.Errorf("Duration(%v) = %q, want %q", seconds, got, want)
		}
	}
	for d, want := range map[time.Duration]string{time.Hour: "15:10", 12 * time.Hour: "Tue 02:10", 200 * time.Hour: "Mar 10, 22:10"} {
		if got := bar.Clock(now, now.Add(d)); got != want {
			t.Errorf("Clock(+%v) = %q, want %q", d, got, want)
		}
	}
}
