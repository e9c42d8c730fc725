package estimate_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"stoker/internal/run/estimate"
	"stoker/internal/run/progress"
)

// recording is what a real run wrote, see examples/runs/record.py.
type recording struct {
	name   string
	pieces []piece
	total  float64
}

type piece struct {
	at   float64
	text string
}

// recordings reads testdata/runs and, where STOKER_RUNS names a folder, the fresh
// recordings in there (make test-real-runs).
func recordings(t *testing.T) []recording {
	files, _ := filepath.Glob("testdata/runs/*.jsonl.gz")
	if dir := os.Getenv("STOKER_RUNS"); dir != "" {
		fresh, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
		if len(fresh) == 0 {
			t.Fatalf("STOKER_RUNS=%s holds no recordings", dir)
		}
		files = append(files, fresh...)
	}
	if len(files) == 0 {
		t.Fatal("no recordings in testdata/runs")
	}
	sort.Strings(files)
	var out []recording
	for _, f := range files {
		out = append(out, readRecording(t, f))
	}
	return out
}

func readRecording(t *testing.T, path string) recording {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	r := recording{name: filepath.Base(path)}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row []any
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		at := row[0].(float64)
		if s, ok := row[1].(string); ok {
			r.pieces = append(r.pieces, piece{at, s})
		}
		r.total = at
	}
	return r
}

// expected is what the example's own source says.
type expected struct {
	source     string
	args       []string
	epochs     int
	steps      int64 // per epoch, or of the run where there are no epochs
	total      int64
	validation bool
}

var expectedRuns = map[string]expected{
	"tqdm_loop":          {source: "tqdm", epochs: 5, steps: 64, total: 320, validation: true},
	"keras3":             {source: "keras3", epochs: 4, steps: 469, total: 1876},
	"lightning_mlp":      {source: "tqdm", args: []string{"--max_epochs=4"}, epochs: 4, steps: 200, total: 800, validation: true},
	"lightning_mlp_rich": {source: "rich_pl", epochs: 4, steps: 200, total: 800, validation: true},
	"hf_trainer":         {source: "tqdm", steps: 300, total: 300, validation: true},
	"pytorch_ref":        {source: "imagenet", args: []string{"--epochs", "4"}, epochs: 4, steps: 300, total: 1200, validation: true},
	"nanogpt_style":      {source: "nanogpt", args: []string{"--max_iters=600"}, steps: 600, total: 600, validation: true},
}

// TestRealRuns plays real trainings, recorded with the versions in the files'
// names, through the parser and the estimator: counters, epochs and phases must be
// found as the example's source has them, and the forecast must come.
func TestRealRuns(t *testing.T) {
	for _, r := range recordings(t) {
		if strings.Contains(r.name, "-paced") || strings.Contains(r.name, "-quiet") {
			continue // of the same scripts; see TestRecordedAccuracy
		}
		t.Run(r.name, func(t *testing.T) {
			name, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimSuffix(r.name, ".gz"), ".jsonl"), "-")
			want, ok := expectedRuns[name]
			if !ok {
				t.Fatalf("no expectation for %s", name)
			}
			checkRun(t, r, want)
		})
	}
}

func checkRun(t *testing.T, r recording, want expected) {
	p := progress.NewParser(progress.Options{})
	e := estimate.New(estimate.Options{Start: begin, Argv: append([]string{"python", "x.py"}, want.args...)}, nil)
	phases := map[string]bool{}
	var last estimate.Status
	var log []string
	next, asked := 5.0, -1.0
	for _, c := range r.pieces {
		for _, ev := range p.Feed(at(c.at), []byte(c.text)) {
			e.Observe(ev)
		}
		for _, ev := range p.Idle(at(c.at)) {
			e.Observe(ev)
		}
		if c.at-asked < 0.25 && c.at < r.total-0.1 {
			continue
		}
		asked = c.at
		last = e.Status(at(c.at))
		phases[last.Phase] = true
		if last.Percent >= next {
			left := r.total - c.at
			log = append(log, formatForecast(last, left))
			next += 15
		}
	}
	t.Logf("last: %s\n%s", statusText(last), strings.Join(log, "\n"))
	if last.Source != want.source || last.Guess {
		t.Errorf("counter from %q (guess %v), want %q", last.Source, last.Guess, want.source)
	}
	if last.Epochs != want.epochs && want.epochs > 0 || last.Steps != want.steps {
		t.Errorf("epochs %d, steps %d, want %d and %d", last.Epochs, last.Steps, want.epochs, want.steps)
	}
	if math.Abs(float64(last.GlobalStep-want.total)) > 0.04*float64(want.total) {
		t.Errorf("ended at step %d of %d", last.GlobalStep, want.total)
	}
	if last.Loss == nil {
		t.Error("no loss found")
	}
	for _, pause := range e.Record(at(r.total), true).Pauses {
		if pause.Kind != "gap" {
			phases[progress.Validation] = true // known from a line behind it, or an epoch's end
		}
	}
	if want.validation && !phases[progress.Validation] {
		t.Error("no validation seen")
	}
	if len(log) < 4 {
		t.Error("hardly any forecast")
	}
}

func formatForecast(s estimate.Status, left float64) string {
	b, _ := json.Marshal(map[string]any{"percent": math.Round(s.Percent), "low": round1(s.RemainingLow), "mid": round1(s.RemainingMid), "high": round1(s.RemainingHigh), "truth": round1(left)})
	return string(b)
}

func round1(x float64) float64 { return math.Round(10*x) / 10 }

func statusText(s estimate.Status) string {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Sprintf("%v: %+v", err, s)
	}
	return string(b)
}
