package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stoker/internal/run/history"
	"stoker/internal/run/rundir"
	"stoker/internal/run/sampler"
)

// fakeTorch has the insides of a DataLoader that the sampler looks for. Its
// batches take WAIT seconds to come.
const fakeTorch = `
import time
class _BatchSampler:
    batch_size, sampler = 8, ()
class _BaseDataLoaderIter:
    _dataset_kind, _index_sampler, _num_workers = 0, _BatchSampler(), 0
    def __init__(self, loader):
        self._dataset, self._left = loader.dataset, loader.batches
    def __next__(self):
        if self._left == 0:
            raise StopIteration
        self._left -= 1
        time.sleep(WAIT)
        return 0
class DataLoader:
    def __init__(self, dataset, batches):
        self.dataset, self.batches = dataset, batches
    def __iter__(self):
        return _BaseDataLoaderIter(self)
`

// training prints an epoch line and sleeps for a step. Before its last epoch it waits
// for the file that GATE names. At its end it prints the share of its waits, of the
// steps that the sampler counts: those from one next() to the following one, without
// the first five.
const training = `
import os, sys, time
from torch.utils.data.dataloader import DataLoader
assert os.environ["PYTHONPATH"].split(":")[1:] == [HERE], os.environ["PYTHONPATH"]
class Photos:
    def __init__(self): self.root = HERE
    def __len__(self): return 400
while not hasattr(DataLoader.__iter__, "__wrapped__"):  # until the sampler has found it
    time.sleep(0.01)
n, waits, total = 0, 0.0, 0.0
for epoch in range(EPOCHS):
    while epoch == EPOCHS - 1 and not os.path.exists(os.environ.get("GATE", "/")):
        time.sleep(0.01)
    last, begin = None, time.perf_counter()
    it = iter(DataLoader(Photos(), 50))
    while True:
        if last is not None:
            n += 1
            if n > 5: waits, total = waits + waited, total + begin - last
        try: next(it)
        except StopIteration: break
        last, waited = begin, time.perf_counter() - begin
        time.sleep(0.006)
        begin = time.perf_counter()
    print(f"Epoch {epoch + 1}/EPOCHS val_loss: {1 / (epoch + 1):.4f}", flush=True)
print("own share", waits / total)
`

// startTraining starts a training whose batches take wait seconds and whose steps
// compute for 6 ms.
func startTraining(t *testing.T, state rundir.State, epochs, wait string, change func(*rundir.Spec)) *run {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	here := t.TempDir()
	replace := strings.NewReplacer("HERE", `"`+here+`"`, "EPOCHS", epochs, "WAIT", wait)
	for name, text := range map[string]string{
		"torch/__init__.py": "", "torch/utils/__init__.py": "", "torch/utils/data/__init__.py": "",
		"torch/utils/data/dataloader.py": fakeTorch, "train.py": training,
	} {
		path := filepath.Join(here, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(replace.Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PYTHONPATH", here)
	return start(t, state, "", func(s *rundir.Spec) {
		s.Argv, s.Dir, s.Sampler = []string{python, filepath.Join(here, "train.py")}, here, true
		if change != nil {
			change(s)
		}
	})
}

// TestSampledRun: an unchanged script's waits are seen while it runs, and its
// timing is in the history when it is done.
func TestSampledRun(t *testing.T) {
	state := newState(t)
	r := startTraining(t, state, "8", "0.004", nil)
	r.wait("a live data wait", func(s rundir.Status) bool {
		return s.DataWait != nil && *s.DataWait > 0.05 && *s.DataWait < 0.95
	})
	r.wait("its end", func(s rundir.Status) bool { return s.Phase == rundir.Ended && s.End.Code == 0 })
	reports, err := sampler.Read(r.dir.Probe())
	if err != nil || len(sampler.Main(reports)) != 1 {
		t.Fatal(reports, err)
	}
	main := sampler.Main(reports)[0]
	share, ok := main.Steps.DataShare()
	var own float64
	_, text, _ := strings.Cut(r.clean(), "own share ")
	if _, err := fmt.Sscan(text, &own); err != nil || !ok || math.Abs(share.Mid-own) > 0.03 || main.Off != "" {
		t.Errorf("share %+v, by its own clock %v, off %q, %v", share, own, main.Off, err)
	}
	row := recorded(t, state, r)
	switch tm := row.Timing; {
	case tm == nil:
		t.Fatal("no timing")
	case tm.Source != "sampler" || tm.BatchSize != 8 || tm.Steps < 350 || tm.StepMedian < 0.009 || len(tm.Epochs) != 8 ||
		math.Abs(tm.DataWait-share.Mid) > 1e-9 || tm.DataPath != r.spec.Dir || len(tm.Metrics) == 0:
		t.Errorf("%+v", tm)
	}
	if !json.Valid(row.Diagnosis) {
		t.Errorf("diagnosis %q", row.Diagnosis)
	}
}

// recorded waits for the run's final row.
func recorded(t *testing.T, state rundir.State, r *run) history.Run {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		db, err := history.Open(context.Background(), state.History())
		if err != nil {
			t.Fatal(err)
		}
		row, err := db.Find(context.Background(), r.spec.ID)
		db.Close()
		if err == nil && !row.Ended.IsZero() {
			return row
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v, %v", row, err)
		}
	}
}

// TestSamplerOff: nothing is put in, and nothing is missed.
func TestSamplerOff(t *testing.T) {
	state := newState(t)
	r := start(t, state, `test -z "$STOKER_PROBE" && echo "PYTHONPATH=$PYTHONPATH"`, nil)
	r.wait("its end", func(s rundir.Status) bool { return s.Phase == rundir.Ended && s.End.Code == 0 })
	if _, err := os.Stat(filepath.Join(r.dir.Probe(), "py")); err == nil {
		t.Error("the sampler was put in")
	}
}

// TestSamplerOutlivesSupervisor: the reports are the processes' own files, and the
// next supervisor goes on with them.
func TestSamplerOutlivesSupervisor(t *testing.T) {
	state := newState(t)
	gate := filepath.Join(t.TempDir(), "gate")
	t.Setenv("GATE", gate)
	r := startTraining(t, state, "8", "0.004", nil)
	s := r.wait("a live data wait", func(s rundir.Status) bool { return s.DataWait != nil })
	if err := syscall.Kill(s.Supervisor.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.wait("the end under another supervisor", func(now rundir.Status) bool {
		return now.Phase == rundir.Ended && now.Supervisor.PID != s.Supervisor.PID && now.End.Code == 0
	})
	if row := recorded(t, state, r); row.Timing == nil || row.Timing.Steps < 350 || len(row.Timing.Epochs) != 8 {
		t.Errorf("%+v", row.Timing)
	}
}

// TestDelayTestOfARun: without workers next() itself is what is slowed, so that the
// step follows.
func TestDelayTestOfARun(t *testing.T) {
	state := newState(t)
	r := startTraining(t, state, "4000", "0.004", nil)
	r.wait("a live data wait", func(s rundir.Status) bool { return s.DataWait != nil })
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	// This torch has no fetchers to slow down: the test runs, and finds no effect. How
	// narrow its interval becomes depends on how calm the machine is.
	d, err := sampler.DelayTest(ctx, r.dir.Probe(), sampler.DelayOptions{Share: 1}, nil)
	if err != nil || d.Low > d.High || d.Low > 0.5 {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := os.Stat(filepath.Join(r.dir.Probe(), "control.json")); err == nil {
		t.Error("the order still stands")
	}
}
