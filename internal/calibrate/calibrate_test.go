package calibrate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/internal/calibrate"
	"stoker/internal/daemon"
	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/errs"
)

var rewrite = flag.Bool("rewrite", false, "write the goldens anew")

// TestMain lets the test binary be the engine that the hand-off is measured with.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "serve" {
		l, err := daemon.Listen(os.Args[3])
		if err == nil {
			err = daemon.Serve(context.Background(), l, daemon.Options{Version: "test", Budget: engine.NewBudget(2, 256<<20)})
		}
		fmt.Fprintln(os.Stderr, err)
		return
	}
	os.Exit(m.Run())
}

func run(t *testing.T, data string) *calibrate.Report {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, err := calibrate.Run(t.Context(), calibrate.Options{Data: data, Engine: []string{self, "serve"}, Python: "python3", Quick: true, Limit: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// check looks for figures that every machine has.
func check(t *testing.T, r *calibrate.Report, ids ...string) {
	t.Helper()
	for _, id := range append(ids, "memory.copy.core", "memory.latency.dram", "disk.cold.one", "disk.cold.deep", "disk.warm.one",
		"decode.all", "handoff.batches", "handoff.ask", "loopback.bytes") {
		row := r.Row(id)
		if row == nil || row.Value.Mid <= 0 || row.Value.Blocks < 3 || row.Value.Low > row.Value.Mid || row.Value.High < row.Value.Mid {
			t.Errorf("%s is %+v", id, row)
		}
	}
	if r.Prediction == nil || r.Prediction.Later <= 0 || r.Prediction.Sentence == "" {
		t.Fatalf("predicted %+v", r.Prediction)
	}
	if r.Machine.Cores < 1 || r.MachineKey == "" || r.Seconds <= 0 {
		t.Errorf("machine %+v", r.Machine)
	}
	if t.Failed() {
		t.Logf("notes: %q", r.Notes)
	}
}

func TestADataset(t *testing.T) {
	t.Parallel()
	dir := enginetest.Make(t, enginetest.Options{Samples: 40, Width: 64})
	r := run(t, dir)
	check(t, r, "decode.reference")
	if d := r.Data; d.Kind != "dataset" || d.Samples != 40 || d.Sampled != 40 || d.Sequences || !strings.Contains(r.Prediction.Sentence, "stoker bench "+dir) {
		t.Errorf("data %+v, %q", d, r.Prediction.Sentence)
	}
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := calibrate.Parse(raw); err != nil || back.Mid("decode.all") != r.Mid("decode.all") {
		t.Errorf("back: %v", err)
	}
	m := r.Forecast()
	if m.Feed != r.Mid("decode.reference") || m.DiskFiles <= 0 || m.DiskBytes <= m.DiskFiles || m.Key != r.MachineKey {
		t.Errorf("machine %+v", m)
	}
}

// TestSequences are named as one types them: by a path from the working directory.
func TestSequences(t *testing.T) {
	dir := enginetest.Sequences(t, enginetest.Lengths(500))
	t.Chdir(filepath.Dir(dir))
	r := run(t, filepath.Base(dir))
	check(t, r)
	if !r.Data.Sequences || !strings.Contains(r.Prediction.Sentence, "samples/s") {
		t.Errorf("data %+v, %q", r.Data, r.Prediction.Sentence)
	}
}

func TestAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 12 {
		img := image.NewRGBA(image.Rect(0, 0, 80, 60))
		for x := range 80 {
			img.SetRGBA(x, x%60, color.RGBA{uint8(20 * i), uint8(3 * x), 99, 255})
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, nil); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, fmt.Sprint("class", i%2), fmt.Sprint(i, ".JPG")), b.Bytes())
	}
	write(t, filepath.Join(dir, "class0/broken.jpg"), []byte("no picture at all"))
	write(t, filepath.Join(dir, "notes.txt"), []byte("not counted"))
	before := names(t, dir)
	r := run(t, dir)
	check(t, r)
	if d := r.Data; d.Kind != "folder" || d.Samples != 13 || d.AtLeast {
		t.Errorf("data %+v", d)
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "1 of 13 sampled files are no good pictures") {
		t.Errorf("notes %q", notes)
	}
	if after := names(t, dir); after != before {
		t.Errorf("the folder has changed: %s", after)
	}
}

func TestWhatCannotBeMeasured(t *testing.T) {
	empty := t.TempDir()
	f := func(data string, kind errs.Kind, words string) {
		t.Helper()
		_, err := calibrate.Run(t.Context(), calibrate.Options{Data: data, Quick: true})
		if !errs.Is(err, kind) || !strings.Contains(fmt.Sprint(err, errs.HintOf(err)), words) {
			t.Errorf("%s: %v (%s)", data, err, errs.HintOf(err))
		}
	}
	f(filepath.Join(empty, "none"), errs.NotFound, "no such")
	f(filepath.Join(empty, "none.stk"), errs.NotFound, "none.stk")
	f(empty, errs.Invalid, "give a packed dataset")
	if _, err := calibrate.Run(t.Context(), calibrate.Options{Data: empty, Python: "nowhere/python"}); !errs.Is(err, errs.NotFound) || !strings.Contains(err.Error(), "nowhere/python") {
		t.Errorf("before the data are looked at: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := calibrate.Run(ctx, calibrate.Options{Quick: true}); !errs.Is(err, errs.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestTheTimeIsOver: what was not measured by then is left out, and said once.
func TestTheTimeIsOver(t *testing.T) {
	for _, limit := range []time.Duration{time.Nanosecond, 700 * time.Millisecond} {
		r, err := calibrate.Run(t.Context(), calibrate.Options{Data: enginetest.Make(t, enginetest.Options{Samples: 8, Width: 64}), Python: "python3", Quick: true, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(strings.Join(r.Notes, "\n"), "the time was over") != 1 {
			t.Errorf("%v: %q", limit, r.Notes)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, kind := range map[string]errs.Kind{
		"": errs.Corrupt, "{}": errs.Corrupt, "[1]": errs.Corrupt,
		`{"version": 99, "machine_key": "x", "rows": [{"id": "a"}]}`: errs.Unsupported,
	} {
		if _, err := calibrate.Parse([]byte(text)); !errs.Is(err, kind) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestTable holds the table's form; -rewrite writes the golden anew.
func TestTable(t *testing.T) {
	raw, err := os.ReadFile("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := calibrate.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := r.Print(&got); err != nil {
		t.Fatal(err)
	}
	golden := "testdata/table.txt"
	if *rewrite {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the table differs; got\n%s", got.String())
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}
