package compare_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stoker/internal/errs"
	"stoker/internal/run/compare"
	"stoker/internal/run/estimate"
	"stoker/internal/run/history"
	"stoker/internal/run/prices"
)

// run is a complete one of three epochs of 100 steps: a second of start, five of
// validation an epoch.
func run(name string, step float64) history.Run {
	epoch := 100*step + 5
	seconds := 1 + 3*epoch + 2
	return history.Run{UID: name, ID: name, Name: name, Argv: []string{"python", "train.py", "--epochs", "3"}, MachineKey: name, Percent: 100,
		Machine: "8 x " + name, Facts: history.Facts{Commit: "abcdef0123456789", Python: "3.12", Packages: map[string]string{"torch": "2.9"}},
		Started: time.Unix(0, 0), Ended: time.Unix(int64(seconds), 0), DataWait: -1,
		Record: &estimate.Record{Version: 1, Complete: true, Seconds: seconds, Steps: 300, Epochs: 3, StepsPerEpoch: 100,
			StartSeconds: 1, FinalSeconds: 2, ColdStep: step, WarmStep: step, Pauses: []estimate.Pauses{{Kind: "validation", Count: 3, Mean: 5}}},
		Timing: &history.Timing{Source: "sampler", StepMedian: step, StepMean: step, StepP95: 2 * step, BatchSize: 32, SamplesPerSecond: 32 / step,
			DataWait: 0.2, Epochs: []float64{epoch, epoch, epoch}, Validation: 5, DataPath: "/data/photos",
			Metrics: []history.MetricPoint{{Name: "val_accuracy", Seconds: epoch, Value: 0.8}, {Name: "val_accuracy", Seconds: 2 * epoch, Value: 0.9}}}}
}

func report(t *testing.T, o compare.Options, runs ...history.Run) compare.Report {
	t.Helper()
	var in []compare.Input
	for _, r := range runs {
		in = append(in, compare.Input{Run: r, Price: prices.Told(2)})
	}
	rep, err := compare.Compare(in, o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestFiguresOfARun(t *testing.T) {
	a, b := run("a", 0.2), run("b", 0.1)
	b.Record.Complete, b.Percent, b.Timing.Epochs = false, 67, b.Timing.Epochs[:2]
	rep := report(t, compare.Options{Currency: "EUR"}, a, b)
	s, u := rep.Sides[0], rep.Sides[1]
	sum := 0.0
	phases := map[string]float64{}
	for _, p := range s.Phases {
		phases[p.Name] = p.Seconds
		sum += p.Seconds
	}
	for what, c := range map[string][2]float64{
		"total": {s.Total.Value, 78}, "projected": {u.Total.Value, 1 + 45}, "cold": {s.EpochCold, 25}, "cost": {s.RunCost, 78. / 3600 * 2},
		"epoch's cost": {s.EpochCost, 25. / 3600 * 2}, "phases": {sum, 78}, "waiting": {phases[compare.Waiting], 12},
		"warm steps": {phases[compare.Steps], 32}, "validation": {phases[compare.Validation], 15}, "start": {phases[compare.Start], 1},
		"speed-up": {rep.Speedups[0].Ratio, 25. / 15},
	} {
		if math.Abs(c[0]-c[1]) > 1e-6*c[1] {
			t.Errorf("%s is %g, want %g", what, c[0], c[1])
		}
	}
	if !s.Total.Measured || u.Total.Measured || rep.Job != compare.Same {
		t.Errorf("%+v %+v %s", s.Total, u.Total, rep.Job)
	}
}

// What makes another job, what explains a difference, what is only not known.
func TestSameJob(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*history.Run)
		want   compare.State
	}{
		"nothing":              {func(*history.Run) {}, compare.Same},
		"batch size":           {func(r *history.Run) { r.Timing.BatchSize = 64 }, compare.Differs},
		"commit":               {func(r *history.Run) { r.Facts.Commit = "fff" }, compare.Differs},
		"data":                 {func(r *history.Run) { r.Timing.DataPath = "/data/other" }, compare.Differs},
		"steps":                {func(r *history.Run) { r.Record.StepsPerEpoch = 50 }, compare.Differs},
		"script":               {func(r *history.Run) { r.Argv[1] = "other.py" }, compare.Differs},
		"an option":            {func(r *history.Run) { r.Argv = append(r.Argv, "--width", "9") }, compare.Differs},
		"devices":              {func(r *history.Run) { r.Timing.Devices = 4 }, compare.Same},
		"the number of epochs": {func(r *history.Run) { r.Argv[3], r.Record.Epochs = "9", 9 }, compare.Same},
		"workers":              {func(r *history.Run) { r.Argv = append(r.Argv, "--num-workers=4") }, compare.Same},
		"where results go":     {func(r *history.Run) { r.Argv = append(r.Argv, "--output-dir", "x", "--seed", "-1") }, compare.Same},
		"the interpreter":      {func(r *history.Run) { r.Argv[0] = "/opt/venv/bin/python3.12" }, compare.Same},
		"the directory":        {func(r *history.Run) { r.Argv[1] = "/home/me/train.py" }, compare.Same},
		"versions":             {func(r *history.Run) { r.Facts.Packages = map[string]string{"torch": "2.8"} }, compare.Same},
		"where the data lie":   {func(r *history.Run) { r.Timing.DataPath = "/mnt/photos/" }, compare.Same},
		"packed":               {func(r *history.Run) { r.Timing.DataPath = "/data/photos.stk" }, compare.Unknown},
		"uncommitted changes":  {func(r *history.Run) { r.Facts.Dirty = true }, compare.Differs},
		"no commit":            {func(r *history.Run) { r.Facts.Commit = "" }, compare.Unknown},
		"no timing":            {func(r *history.Run) { r.Timing = nil }, compare.Unknown},
	} {
		b := run("b", 0.1)
		c.change(&b)
		rep := report(t, compare.Options{}, run("a", 0.2), b)
		if rep.Job != c.want {
			t.Errorf("%s: %s, want %s (%s)", name, rep.Job, c.want, rep.Proof)
		}
		if refused := rep.Speedups[0].Ratio == 0; refused != (c.want == compare.Differs) {
			t.Errorf("%s: %s", name, rep.Speedups[0].Sentence)
		}
		if anyway := report(t, compare.Options{Anyway: true}, run("a", 0.2), b); anyway.Speedups[0].Ratio == 0 {
			t.Errorf("%s: refused in spite of --anyway", name)
		}
	}
	a, b := run("a", 0.2), run("b", 0.2)
	b.Timing.BatchSize, b.Timing.SamplesPerSecond = 64, 640 // twice the work a step
	if u := report(t, compare.Options{Anyway: true}, a, b).Speedups[0]; math.Abs(u.Ratio-4) > 1e-9 {
		t.Errorf("by samples: %g", u.Ratio)
	}
	a, b = run("a", 0.2), run("b", 0.2)
	b.Timing.DataPath = "/data/train.bin"
	for prints, want := range map[[2]string]compare.State{
		{"files:1", "files:1"}: compare.Same, {"files:1", "files:2"}: compare.Differs,
		{"files:1", "stoker:1"}: compare.Unknown, {"stoker:1", "stoker:1"}: compare.Same, {"files:1", ""}: compare.Differs,
	} {
		a.Timing.DataFingerprint, b.Timing.DataFingerprint = prints[0], prints[1]
		if rep := report(t, compare.Options{}, a, b); rep.Job != want {
			t.Errorf("data with fingerprints %q: %s, want %s", prints, rep.Job, want)
		}
	}
}

// TestFewSteps: a speed that three steps tell is said to be that.
func TestFewSteps(t *testing.T) {
	a, b := run("a", 0.2), run("b", 0.2)
	if notes := report(t, compare.Options{}, a, b).Notes; strings.Contains(strings.Join(notes, "\n"), "too few") {
		t.Errorf("notes %q", notes)
	}
	b.Timing.Steps = 3
	if notes := report(t, compare.Options{}, a, b).Notes; !strings.Contains(strings.Join(notes, "\n"), "Of b 3 steps were timed") {
		t.Errorf("notes %q", notes)
	}
}

// A script that stands in the command has lines, a short option one dash.
func TestScriptInTheCommand(t *testing.T) {
	a, b := run("a", 0.2), run("b", 0.2)
	a.Argv = []string{"python3", "-c", "for i in x:\n    train(i)"}
	b.Argv = append(slices.Clone(b.Argv), "-w", "9")
	var out bytes.Buffer
	report(t, compare.Options{}, a, b).Write(&out, 0, false)
	for _, want := range []string{"python -c for i in x: train(i)", "-w "} {
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "--w ") {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestNoiseGate(t *testing.T) {
	earlier := func(steps ...float64) (runs []history.Run) {
		for i, s := range steps {
			r := run("a", s)
			r.UID = fmt.Sprint("earlier", i)
			runs = append(runs, r)
		}
		return runs
	}
	for _, c := range []struct {
		earlier []history.Run
		step    float64
		want    string
	}{
		{nil, 0.2, "No difference beyond noise"},
		{nil, 0.187, "Perhaps b is 1.05 times as fast as a, but"},
		{nil, 0.15, "b is 1.25 times as fast as a: an epoch takes 20.0 s instead of 25.0 s"},
		{nil, 0.3, "a is 1.40 times as fast as b"},
		{earlier(0.2, 0.2001, 0.1999, 0.2, 0.2), 0.19, "b is 1.04 times as fast as a (1.03 to 1.05)"},
		{earlier(0.1, 0.2, 0.3, 0.15), 0.15, "No difference beyond noise"},
	} {
		in := []compare.Input{{Run: run("a", 0.2), Earlier: c.earlier}, {Run: run("b", c.step)}}
		rep, err := compare.Compare(in, compare.Options{})
		if err != nil || !strings.HasPrefix(rep.Speedups[0].Sentence, c.want) {
			t.Errorf("%v: %s, want %s", err, rep.Speedups[0].Sentence, c.want)
		}
	}
}

// Times of both runs scaled alike, and the runs given the other way round, change
// no verdict.
func TestScaleFreeAndSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := rapid.Float64Range(0.1, 10).Draw(t, "x"), rapid.Float64Range(0.1, 10).Draw(t, "y")
		k := rapid.SampledFrom([]float64{0.25, 16}).Draw(t, "k")
		speed := func(a, b float64) compare.Speedup {
			ra, rb := run("a", a), run("b", b)
			ra.Timing.Epochs, rb.Timing.Epochs = nil, nil
			ra.Timing.Source, rb.Timing.Source = "sampler", "sampler"
			rep, err := compare.Compare([]compare.Input{{Run: ra}, {Run: rb}}, compare.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return rep.Speedups[0]
		}
		u, scaled, turned := speed(x, y), speed(k*x, k*y), speed(y, x)
		if u.Difference != scaled.Difference || u.Difference != turned.Difference || math.Abs(u.Ratio*turned.Ratio-1) > 1e-9 || math.Abs(u.Ratio-scaled.Ratio) > 1e-9*u.Ratio {
			t.Fatal(u, scaled, turned)
		}
	})
}

func TestAPipelineThatStarvesTheGPU(t *testing.T) {
	cpu, gpu := run("cpu", 1), run("gpu", 0.1)
	cpu.Timing.DataWait, gpu.Timing.DataWait = 0.002, 0.6
	rep := report(t, compare.Options{}, cpu, gpu)
	if len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0], "starves") || !strings.Contains(rep.Notes[0], "25 times as fast, not 10") {
		t.Error(rep.Notes)
	}
}

func TestGoals(t *testing.T) {
	for text, want := range map[string]compare.Goal{
		"val_acc=0.85": {Name: "val_accuracy", Value: 0.85}, "val_loss=0.3": {Name: "val_loss", Value: 0.3, Less: true},
		"loss<2e-1": {Name: "loss", Value: 0.2, Less: true}, "mAP >= 40": {Name: "map", Value: 40}, "wer=5": {Name: "wer", Value: 5, Less: true},
	} {
		if g, err := compare.ParseGoal(text); err != nil || g != want {
			t.Errorf("%s: %+v %v", text, g, err)
		}
	}
	for _, text := range []string{"", "acc", "=3", "acc=high"} {
		if _, err := compare.ParseGoal(text); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
	goal := compare.Goal{Name: "val_accuracy", Value: 0.85}
	rep := report(t, compare.Options{Goal: &goal}, run("a", 0.2), run("b", 0.1))
	if at := rep.Sides[0].Reached; at == nil || *at != 50 {
		t.Error(at)
	}
	goal.Value = 0.99
	var out bytes.Buffer
	report(t, compare.Options{Goal: &goal}, run("a", 0.2), run("b", 0.1)).Write(&out, 0, false)
	if !strings.Contains(out.String(), "not reached (0.9)") {
		t.Error(out.String())
	}
}

// A record may lack anything; nothing panics, and what is not known is not shown.
func TestRecordsThatLackThings(t *testing.T) {
	if _, err := compare.Compare([]compare.Input{{Run: run("a", 1)}}, compare.Options{}); !errs.Is(err, errs.Invalid) {
		t.Error(err)
	}
	if _, err := compare.Compare([]compare.Input{{Run: run("a", 1)}, {Run: run("a", 1)}}, compare.Options{}); !errs.Is(err, errs.Invalid) {
		t.Error(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		lack := func(name string) history.Run {
			r := run(name, 0.1)
			if rapid.Bool().Draw(t, "no record") {
				r.Record = nil
			} else {
				r.Record.Complete = rapid.Bool().Draw(t, "complete")
				r.Record.Epochs = rapid.IntRange(0, 3).Draw(t, "epochs")
				r.Record.StepsPerEpoch = int64(rapid.IntRange(0, 3).Draw(t, "steps"))
				r.Record.WarmStep = rapid.SampledFrom([]float64{0, 0.1}).Draw(t, "warm")
			}
			if rapid.Bool().Draw(t, "no timing") {
				r.Timing = nil
			} else {
				r.Timing.Epochs = r.Timing.Epochs[:rapid.IntRange(0, 3).Draw(t, "timed epochs")]
				r.Timing.StepMean = rapid.SampledFrom([]float64{0, 0.1}).Draw(t, "mean")
			}
			r.Argv = r.Argv[:rapid.IntRange(0, 4).Draw(t, "argv")]
			r.Percent = rapid.Float64Range(-1, 100).Draw(t, "percent")
			return r
		}
		rep, err := compare.Compare([]compare.Input{{Run: lack("a")}, {Run: lack("b")}, {Run: lack("c")}}, compare.Options{Anyway: true})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		rep.Write(&out, 40, true)
		if strings.Contains(out.String(), "NaN") || strings.Contains(out.String(), "Inf") {
			t.Fatal(out.String())
		}
		if _, err := json.Marshal(rep); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPictures(t *testing.T) {
	rep := report(t, compare.Options{}, run("a <1>", 0.2), run("b", 0.1))
	dir := t.TempDir()
	for _, name := range []string{"p.svg", "p.PNG"} {
		if err := rep.Draw(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	raw, _ := os.ReadFile(filepath.Join(dir, "p.svg"))
	if text := string(raw); !strings.Contains(text, "a &lt;1&gt;") || strings.Count(text, "<rect") < 20 {
		t.Error(text)
	}
	f, err := os.Open(filepath.Join(dir, "p.PNG"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	colors := map[[3]uint32]bool{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			colors[[3]uint32{r >> 8, g >> 8, b >> 8}] = true
		}
	}
	for _, want := range [][3]uint32{{0xe7, 0x6f, 0x51}, {0x1d, 0x5f, 0x8a}, {0xe9, 0xc4, 0x6a}} {
		if !colors[want] {
			t.Errorf("the PNG lacks %x", want)
		}
	}
	if err := rep.Draw(filepath.Join(dir, "none", "p.svg")); !errs.Is(err, errs.Permission) {
		t.Error(err)
	}
}

func TestColorsOnlyWhereAsked(t *testing.T) {
	b := run("b", 0.1)
	b.Timing.BatchSize = 64
	rep := report(t, compare.Options{}, run("a", 0.2), b)
	var plain, colored bytes.Buffer
	rep.Write(&plain, 0, false)
	rep.Write(&colored, 0, true)
	if strings.Contains(plain.String(), "\x1b") || !strings.Contains(plain.String(), "!!  batch size") {
		t.Error(plain.String())
	}
	if !strings.Contains(colored.String(), "\x1b[31m!!\x1b[0m") {
		t.Error(colored.String())
	}
	lines := strings.Split(plain.String(), "\n")
	if slices.ContainsFunc(lines, func(l string) bool { return strings.HasSuffix(l, " ") }) {
		t.Error("spaces at the ends of lines")
	}
}
