package listing

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stoker/internal/run/estimate"
	"stoker/internal/run/rundir"
)

func TestTable(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	done := now.Add(-time.Hour)
	rows := []Row{
		{ID: "k3f9", Name: "resnet", State: rundir.Running, Host: "h", Started: done, Updated: now, Percent: 50, DataWait: 0.31,
			Progress: &estimate.Status{Phase: "train", Step: 50, Steps: 100, Percent: 50, Elapsed: 3600, RemainingMid: -1, LoseSeconds: -1}},
		{ID: "m2qa", Argv: []string{"/usr/bin/torchrun", "-n", "2", "a/train.py"}, State: rundir.Running, Host: "g", Started: done, Updated: now,
			Stall: "process 7 (python) sleeps", DataWait: -1},
		{ID: "aaaa", Argv: []string{"./x"}, State: rundir.Ended, Host: "h", Started: done, Ended: now, Cause: "oom", Text: "out of memory",
			Percent: 43, DataWait: -1, Attempt: 2},
		{ID: "bbbb", Argv: []string{"make"}, State: rundir.Ended, Host: "h", Started: done, Ended: now, Cause: "done", Text: "finished", Percent: -1, DataWait: -1,
			Forecast: &estimate.Scored{Percent: 10, Error: -0.031, Held: true}},
		{ID: "cccc", Argv: []string{"./y"}, State: rundir.Ended, Host: "h", Started: done, Ended: now, Cause: "rebooted", Text: "the machine was restarted",
			Advice: "to resume (timm): cd /w && stoker run -- ./y --resume a.pt", Percent: -1, DataWait: -1},
	}
	var b bytes.Buffer
	Table(&b, rows, now, "h", 0, false)
	got := strings.Split(b.String(), "\n")
	if !strings.HasPrefix(got[1], "k3f9  resnet     11:00        running    train") || !strings.HasSuffix(got[1], "waits for data 31 %") {
		t.Error(got[1])
	}
	want := []string{
		"m2qa  train.py@g 11:00        stalled    process 7 (python) sleeps",
		"aaaa  x          11:00        failed     out of memory, at 43 %, after 60 min, 2 attempts",
		"bbbb  make       11:00        done       finished, after 60 min, forecast off by 3 %",
		"cccc  y          11:00        lost       the machine was restarted, after 60 min",
		"run cccc was cut off; to resume (timm): cd /w && stoker run -- ./y --resume a.pt",
		"forecasts at 10 % of a run were off by 3 % (median); the interval held 1 of 1 times",
	}
	if diff := cmp.Diff(want, got[2:8]); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	Table(&b, rows, now, "h", 70, false)
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "run ") || strings.HasPrefix(line, "forecasts ") {
			continue // to be read, or copied, whole
		}
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 70 {
			t.Errorf("%d cells: %s", n, line)
		}
	}
}

// TestListWithoutHistory: the directories are enough.
func TestListWithoutHistory(t *testing.T) {
	state, err := rundir.OpenStateAt(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	spec := rundir.Spec{Argv: []string{"x"}, Created: time.Now().Add(-time.Hour), Host: "elsewhere", BootID: "b"}
	d, err := state.Create(&spec)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := rundir.CreateStatus(d.Status())
	_ = f.Write(&rundir.Status{Phase: rundir.Ended, End: &rundir.End{Code: 3, Text: "exit status 3"}}, false)
	f.Close()
	state.MarkEnded(spec.ID)
	rows := fromDirectories(state, 10)
	if len(rows) != 1 || rows[0].Code != 3 || rows[0].Live() {
		t.Fatalf("%+v", rows)
	}
	if rows, _ := List(context.Background(), state, Options{}); len(rows) != 0 {
		t.Fatalf("%+v", rows)
	}
}
