package evidence_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"stoker/internal/errs"
	"stoker/internal/leaktest"
	"stoker/internal/run/account"
	"stoker/internal/run/estimate"
	"stoker/internal/run/evidence"
	"stoker/internal/run/procs"
	"stoker/internal/run/rundir"
	"stoker/internal/run/seglog"
	"stoker/internal/run/why"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ended makes the files of a run that has ended: a log with data times, a report of
// the sampler, an account.
func ended(t *testing.T) (rundir.State, rundir.Dir) {
	t.Helper()
	state, err := rundir.OpenStateAt(t.TempDir())
	must(t, err)
	spec := rundir.Spec{Argv: []string{"python", "train.py"}, Dir: "/data", Created: time.Now().Add(-time.Hour), Host: procs.Host(), BootID: procs.BootID()}
	d, err := state.Create(&spec)
	must(t, err)

	log, err := seglog.NewWriter(d.Raw(), 0)
	must(t, err)
	for step := range 40 {
		_, err := fmt.Fprintf(log, "Epoch: [0]  [%3d/400]  eta: 0:10:00  lr: 0.1  loss: 6.9 (6.9)  time: 0.5000  data: 0.2000  max mem: 5000\n", 10*step)
		must(t, err)
	}
	must(t, log.Close())

	status, err := rundir.CreateStatus(d.Status())
	must(t, err)
	raw, err := json.Marshal(estimate.Status{Phase: "final", Elapsed: 3600, DataWait: 0.4})
	must(t, err)
	must(t, status.Write(&rundir.Status{Phase: rundir.Ended, Progress: raw, Started: spec.Created, End: &rundir.End{Time: time.Now()}}, false))
	must(t, status.Close())

	must(t, os.MkdirAll(d.Probe(), 0o700))
	raw, err = json.Marshal(account.Account{Seconds: 60, Looks: 600, PID: 7, Cores: 4, Main: account.Thread{Running: 0.6, CPU: 0.6, Sleeping: 0.4},
		Process: account.Process{CPU: 0.6, Idle: 0.4, IdleLow: 0.4, IdleHigh: 0.4}, Workers: []account.Worker{{PID: 8, CPU: 1, Seconds: 60, Kind: "torch"}}})
	must(t, err)
	must(t, os.WriteFile(d.Account(), raw, 0o600))
	must(t, os.WriteFile(filepath.Join(d.Probe(), "7.json"), []byte(`{"version":1,"pid":7,"role":"main"}`), 0o600))
	return state, d
}

func TestOfRun(t *testing.T) {
	state, d := ended(t)
	s, err := evidence.OfRun(context.Background(), state, d, time.Hour, func(float64) { t.Error("watched a run that has ended") })
	must(t, err)
	e := s.Evidence
	if e.Log == nil || math.Abs(e.Log.Share-0.4) > 1e-9 || e.Log.Steps != 390 {
		t.Errorf("log: %+v", e.Log)
	}
	if e.Account == nil || e.Account.PID != 7 || len(e.Reports) != 1 || e.Status == nil || e.Status.Elapsed != 3600 || !e.Over {
		t.Errorf("%+v", e)
	}
	if s.PID != 0 || s.Dir != "/data" || s.UID == "" {
		t.Errorf("%+v", s)
	}
	dg := why.Diagnose(e)
	want := "waited for data 40 % of each step: at most 24 min of its 60 min; preparing the samples in the workers is the limit"
	if dg.Sentence != want || dg.Rung != why.RungLog {
		t.Errorf("%s (%s)\nwant %s", dg.Sentence, dg.Rung, want)
	}
}

// TestDamagedFiles: what cannot be read is missing evidence, never an error.
func TestDamagedFiles(t *testing.T) {
	state, d := ended(t)
	for _, text := range []string{"", "{", `{"seconds":"x"}`, `{"seconds":-1}`, "null"} {
		must(t, os.WriteFile(d.Account(), []byte(text), 0o600))
		if a := account.Load(d.Account()); a != nil {
			t.Errorf("%q: %+v", text, a)
		}
	}
	must(t, os.RemoveAll(d.Raw()))
	must(t, os.RemoveAll(d.Probe()))
	s, err := evidence.OfRun(context.Background(), state, d, time.Hour, func(float64) {})
	if err != nil || s.Evidence.Log != nil || s.Evidence.Account != nil || len(s.Evidence.Reports) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestOfProcess(t *testing.T) {
	tool, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	must(t, err)
	defer out.Close()
	cmd := exec.Command(tool, "-u", "-c", `
import time
n = 0
while True:
    n += 1; time.sleep(0.02)
    print(f"step {n}/100000")
`)
	cmd.Stdout = out
	must(t, cmd.Start())
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	// On a busy machine Python takes a while to start, and what watches it to look.
	last := 0.0
	var s evidence.Subject
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		s, err = evidence.OfProcess(context.Background(), cmd.Process.Pid, "", 800*time.Millisecond, func(x float64) { last = x })
		must(t, err)
		if a, st := s.Evidence.Account, s.Evidence.Status; a != nil && a.Seconds >= 0.3 && last > 0 && st != nil && st.Step > 0 {
			break
		}
	}
	if a := s.Evidence.Account; a == nil || a.Seconds < 0.3 || last <= 0 || s.Name != fmt.Sprintf("process %d", cmd.Process.Pid) {
		t.Errorf("%+v %v", s, last)
	}
	if st := s.Evidence.Status; st == nil || st.Step == 0 {
		t.Errorf("the log that its output goes to was not read: %+v", st)
	}
	if _, err := evidence.OfProcess(context.Background(), cmd.Process.Pid, "/nowhere", time.Millisecond, func(float64) {}); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
	if _, err := evidence.OfProcess(context.Background(), 1<<22+1, "", time.Millisecond, func(float64) {}); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
}
