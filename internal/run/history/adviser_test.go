package history

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stoker/internal/errs"
)

var someTime = time.UnixMilli(1_790_000_000_000)

func fill(t *testing.T, db *DB) (Run, Calibration, Cure, Forecast) {
	t.Helper()
	ctx := context.Background()
	r := sample(7)
	r.Timing = &Timing{Source: "sampler", StepMedian: 0.005, Epochs: []float64{130, 119}, DataWait: 0.3,
		Metrics: []MetricPoint{{Name: "val_acc", Seconds: 60, Epoch: 1, Value: 0.8}}}
	r.Diagnosis, r.Total = json.RawMessage(`{"verdict":"data"}`), 1785
	c := Calibration{Host: "h", MachineKey: "m", At: someTime, Report: json.RawMessage(`{"cores":2}`)}
	k := Cure{ID: "c1", Host: "h", Cure: "workers", Before: []string{"h-1"}, After: []string{"h-2", "h-3"},
		Predicted: &Gain{0.1, 0.2, 0.3}, Measured: &Gain{0.14, 0.15, 0.16}, Hours: 1.5, Worked: true, At: someTime}
	f := Forecast{ID: "f1", CommandKey: "k", Made: someTime, MachineKey: "m", Low: 1, Mid: 2, High: 3, Truth: -1, Basis: json.RawMessage(`{}`)}
	for _, err := range []error{db.Put(ctx, r), db.PutCalibration(ctx, c), db.PutCure(ctx, k), db.PutForecast(ctx, f)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return r, c, k, f
}

func TestWhatTheAdviserKeepsTravels(t *testing.T) {
	ctx, a, b := context.Background(), open(t, filepath.Join(t.TempDir(), "a.db")), open(t, filepath.Join(t.TempDir(), "b.db"))
	r, c, k, f := fill(t, a)
	var buf bytes.Buffer
	m, err := a.Export(ctx, &buf)
	if err != nil || m.String() != "1 run, 1 calibration, 1 cure, 1 forecast" {
		t.Fatal(m, err)
	}
	fmt.Fprintln(&buf, `{"type":"dream","id":1}`)
	m, err = b.Import(ctx, &buf)
	if want := (Moved{Runs: 1, Calibrations: 1, Cures: 1, Forecasts: 1, Unknown: 1}); m != want || err != nil {
		t.Fatal(m, err)
	}
	r.Imported, c.Imported, k.Imported, f.Imported = true, true, true, true
	runs, _ := b.All(ctx)
	calibrations, _ := b.Calibrations(ctx)
	cures, _ := b.Cures(ctx)
	forecasts, _ := b.Forecasts(ctx)
	if diff := cmp.Diff([]any{[]Run{r}, []Calibration{c}, []Cure{k}, []Forecast{f}}, []any{runs, calibrations, cures, forecasts}); diff != "" {
		t.Error(diff)
	}
	for _, line := range []string{`{"type":"cure"}`, `{"type":"forecast","id":"x"}`, `{"type":"calibration","at":"now"}`, `[]`} {
		if _, err := b.Import(ctx, strings.NewReader(line)); !errs.Is(err, errs.Corrupt) {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// A row that knows less does not wipe out what was measured.
func TestMeasurementsStay(t *testing.T) {
	ctx, db := context.Background(), open(t, filepath.Join(t.TempDir(), "h.db"))
	r, _, _, _ := fill(t, db)
	bare := r
	bare.Timing, bare.Diagnosis, bare.Total, bare.Record, bare.Facts, bare.DataWait = nil, nil, 0, nil, Facts{}, -1
	bare.Cause = "lost"
	if err := db.Put(ctx, bare); err != nil {
		t.Fatal(err)
	}
	r.Cause = "lost"
	if got, err := db.Find(ctx, r.UID); err != nil || cmp.Diff(r, got) != "" {
		t.Error(err, cmp.Diff(r, got))
	}
	if err := db.SetDiagnosis(ctx, r.UID, json.RawMessage(`{"verdict":"compute"}`)); err != nil {
		t.Fatal(err)
	}
	if got, _ := db.Find(ctx, r.UID); string(got.Diagnosis) != `{"verdict":"compute"}` {
		t.Errorf("%s", got.Diagnosis)
	}
}

func TestFind(t *testing.T) {
	ctx, db := context.Background(), open(t, filepath.Join(t.TempDir(), "h.db"))
	for i := range 12 {
		r := sample(i)
		if i < 2 {
			r.Name = "base"
		}
		_ = db.Put(ctx, r)
	}
	for ref, want := range map[string]string{"last": "h-11", "base": "h-1", "r003": "h-3", "h-4": "h-4", "r011": "h-11"} {
		if got, err := db.Find(ctx, ref); err != nil || got.UID != want {
			t.Errorf("%s: %v %v, want %s", ref, got.UID, err, want)
		}
	}
	for ref, kind := range map[string]errs.Kind{"r00": errs.Invalid, "": errs.NotFound, "none": errs.NotFound} {
		if _, err := db.Find(ctx, ref); !errs.Is(err, kind) {
			t.Errorf("%q: %v", ref, err)
		}
	}
	if runs, err := db.OfCommand(ctx, "k", "", 5); len(runs) != 5 || runs[0].UID != "h-11" || err != nil {
		t.Error(len(runs), err)
	}
}

// oldColumns and oldPut are those of schema version 1.
const oldColumns = `uid, id, name, argv, command_key, dir, host, machine, machine_key, facts, stoker, started, ended,
	code, sig, cause, text, attempts, percent, data_wait, record, scores, imported`

const oldPut = "INSERT OR REPLACE INTO runs (" + oldColumns + `)
	VALUES (?1,'old','','[]','k','/d','h','','m','{}','',5,6,0,0,'done','',1,100,-1,'{"version":1}','',0)`

// A stoker of schema version 1 goes on working on the file of this one, and the
// file of such a one opens here with all it has.
func TestOtherVersions(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "h.db")
	first, err := migrations.ReadFile("migrations/0001_runs.sql")
	if err != nil {
		t.Fatal(err)
	}
	old, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	for _, q := range []string{string(first), "PRAGMA user_version = 1"} {
		if _, err := old.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := old.Exec(oldPut, "before"); err != nil {
		t.Fatal(err)
	}
	db := open(t, path)
	fill(t, db)
	var least int
	if err := old.QueryRow("SELECT value FROM meta WHERE key = 'min_reader'").Scan(&least); err != nil || least != 1 {
		t.Fatal(least, err)
	}
	if _, err := old.Exec(oldPut, "after"); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Exec("SELECT " + oldColumns + " FROM runs"); err != nil {
		t.Fatal(err)
	}
	runs, err := db.All(ctx)
	if err != nil || len(runs) != 3 || runs[0].Timing != nil || runs[2].Timing == nil || runs[1].Record == nil {
		t.Fatal(len(runs), err)
	}
}

func TestThinMetrics(t *testing.T) {
	var points []MetricPoint
	for i := range 3000 {
		points = append(points, MetricPoint{Name: []string{"loss", "acc"}[i%2], Value: float64(i)})
	}
	got := ThinMetrics(points)
	if len(got) > MaxMetricPoints || len(got) < MaxMetricPoints/3 || got[len(got)-1].Value != 2999 || got[0].Value != 0 {
		t.Error(len(got), got[0], got[len(got)-1])
	}
	for i := range points {
		points[i].Name = fmt.Sprint(i)
	}
	if got := ThinMetrics(points); len(got) != MaxMetricPoints {
		t.Error(len(got))
	}
}
