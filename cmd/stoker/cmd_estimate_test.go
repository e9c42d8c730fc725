package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/estimate"
	"stoker/internal/run/forecast"
	"stoker/internal/run/history"
	"stoker/internal/run/procs"
	"stoker/internal/run/rundir"
	"stoker/internal/run/trial"
)

// estimateState is a state directory with this machine's calibration, another's,
// and a run that came after a forecast.
func estimateState(t *testing.T) rundir.State {
	t.Helper()
	t.Setenv("STOKER_STATE_DIR", t.TempDir())
	state, err := rundir.OpenState()
	if err != nil {
		t.Fatal(err)
	}
	db, err := history.Open(t.Context(), state.History())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, key := procs.Machine()
	made := time.Date(2026, 3, 2, 9, 0, 0, 0, time.Local)
	for _, c := range []history.Calibration{
		{Host: "here", MachineKey: key, At: made, Report: madeCalibration(t, "here", key, 1)},
		{Host: "gpu1", MachineKey: "feedbeef", At: made, Report: madeCalibration(t, "gpu1", "feedbeef", 4), Imported: true},
	} {
		if err := db.PutCalibration(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []history.Forecast{
		{ID: "1", CommandKey: "k", MachineKey: key, Made: made, Low: 80, Mid: 95, High: 120, Truth: -1},
		{ID: "2", CommandKey: "other", MachineKey: key, Made: made.Add(time.Hour), Low: 3000, Mid: 3600, High: 4000, Truth: -1},
	} {
		if err := db.PutForecast(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	run := history.Run{UID: "u", ID: "abcd", CommandKey: "k", MachineKey: key, Started: made.Add(time.Minute), Attempts: 1,
		Record: &estimate.Record{Version: estimate.RecordVersion, Complete: true, Seconds: 100}}
	if err := db.Put(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	return state
}

// madeCalibration is a calibration of a machine that does everything so many times as fast.
func madeCalibration(t *testing.T, host, key string, times float64) json.RawMessage {
	t.Helper()
	row := func(id string, v float64) map[string]any {
		return map[string]any{"id": id, "value": map[string]any{"mid": v}}
	}
	raw, err := json.Marshal(map[string]any{"version": 1, "host": host, "machine_key": key, "data": map[string]any{"fits": true, "mean_bytes": 1e5},
		"rows": []any{row("decode.reference", 2000*times), row("disk.cold.deep", 9000), row("compute.matmul.float32", 1e11*times*times), row("compute.copy", 1e10*times)}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestForecastsAreScored(t *testing.T) {
	estimateState(t)
	var out bytes.Buffer
	if err := printForecasts(t.Context(), &out, false); err != nil {
		t.Fatal(err)
	}
	want := `2026-03-02 10:00  60 min, 50 min to 67 min  not run yet
2026-03-02 09:00  95 s, 80 s to 2 min 00 s  took 1 min 40 s: held, off by -5 %
forecasts so far: 1 of 1 came true within their interval; the middle was off by 5 % (median).
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}

func TestEstimateAnswers(t *testing.T) {
	state := estimateState(t)
	here, others, err := machines(t.Context(), state, []string{"gpu1"})
	if err != nil {
		t.Fatal(err)
	}
	seen := trial.Result{ID: "wxyz", Steps: 30, Seconds: 12, Spec: rundir.Spec{Host: "h", Argv: []string{"x"}}, Status: estimate.Status{
		GlobalStep: 35, Percent: 3.5, Rate: 10, Elapsed: 11, RemainingLow: 80, RemainingMid: 96, RemainingHigh: 120, Epoch: 1, Epochs: 5, Steps: 200, DataWait: 0.25}}
	a, err := answer(seen, 0, here, others)
	if err != nil {
		t.Fatal(err)
	}
	if err := keep(t.Context(), state, seen, a); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := printEstimate(&out, a); err != nil {
		t.Fatal(err)
	}
	want := `The whole run should take 1 min 47 s here, 91 s to 2 min 11 s: 1,000 steps of 100 ms.
  seen: 30 steps after 5 of warm-up, in 12 s; they waited for data 25 % of the time
  room: the first epoch may have read from the disk what later ones find in the page cache
  room: only 4 % of the run was seen
On gpu1 about 27 s, 23 s to 33 s.
  gpu1: 4.0 times as fast; it computes 4.0 (copying in the device's memory) to 16 (matrix products in float32) times as fast, and feeds 4.0 times as fast (decoding); feeding may become the limit there; a network of many small operations gains less
  room: which part of the machine the network's time depends on is not known
forecasts so far: 1 of 1 came true within their interval; the middle was off by 5 % (median).
The trial is run wxyz of the history.
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
	out.Reset()
	if err := printForecasts(t.Context(), &out, true); err != nil {
		t.Fatal(err)
	}
	var kept struct {
		Forecasts []history.Forecast `json:"forecasts"`
		Track     forecast.Track     `json:"track"`
	}
	if err := json.Unmarshal(out.Bytes(), &kept); err != nil || len(kept.Forecasts) != 4 || kept.Track.Made != 4 {
		t.Errorf("%s, %v", out.String(), err)
	}
}

func TestMachinesByFile(t *testing.T) {
	state := estimateState(t)
	single := filepath.Join(t.TempDir(), "machine.json")
	export := filepath.Join(t.TempDir(), "runs.jsonl")
	other := madeCalibration(t, "gpu2", "abad1dea", 2)
	line, err := json.Marshal(map[string]any{"type": "calibration", "host": "gpu2", "machine_key": "abad1dea", "at": time.Now(), "report": other})
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{single: string(other), export: `{"uid": "a run"}` + "\n" + string(line) + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, others, err := machines(t.Context(), state, []string{path})
		if err != nil || len(others) != 1 || others[0].Name != "gpu2" || others[0].Feed != 4000 {
			t.Errorf("%s: %+v, %v", path, others, err)
		}
	}
	if _, _, err := machines(t.Context(), state, []string{"nobody"}); !errs.Is(err, errs.NotFound) || !strings.Contains(errs.HintOf(err), "gpu1") {
		t.Errorf("%v", err)
	}
	if _, _, err := machines(t.Context(), state, []string{os.DevNull}); !errs.Is(err, errs.Corrupt) {
		t.Errorf("%v", err)
	}
	t.Setenv("STOKER_STATE_DIR", t.TempDir())
	bare, err := rundir.OpenState()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := machines(t.Context(), bare, []string{single}); !errs.Is(err, errs.NotFound) || !strings.Contains(errs.HintOf(err), "stoker calibrate") {
		t.Errorf("%v", err)
	}
}
