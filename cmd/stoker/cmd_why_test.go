package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/why"
)

func TestPrintDiagnosis(t *testing.T) {
	d := why.Diagnosis{Verdict: why.Data, Sentence: "waits for data 31 % +- 4 of each step", Evidence: []string{"one line", "another"},
		Rungs: []why.Rung{{Name: "accounting", Verdict: why.Unknown, Share: -1}, {Name: "sampler", Verdict: why.Data, Limit: "decode", Share: 0.31, Low: 0.27, High: 0.35, Conclusive: true}},
		Cures: []why.Cure{{ID: "workers", Title: "num_workers=3 instead of 2", How: "DataLoader(..., num_workers=3)", Gain: 0.31, Seconds: 6720, Why: "1 of 4 cores is free"}},
		Pack:  &why.Prediction{Notes: []string{"the transforms are not known"}}}
	var out bytes.Buffer
	if err := printDiagnosis(&out, d, true); err != nil {
		t.Fatal(err)
	}
	want := `waits for data 31 % +- 4 of each step.

Evidence
  one line
  another

Rungs
  accounting  unknown  -                              not conclusive
  sampler     data     31.0 % (27.0 to 35.0)  decode  conclusive

Cures, cheapest first, with what each saves of a step at most
  31 %, 1 h 52     num_workers=3 instead of 2
                   DataLoader(..., num_workers=3)
                   because 1 of 4 cores is free
  note: the transforms are not known
`
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
}

func TestWhyOfAProcess(t *testing.T) {
	t.Setenv("STOKER_STATE_DIR", t.TempDir())
	tool, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	cmd := exec.Command(tool, "-c", "import sys; print(flush=True); sys.stdin.read()")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		_ = cmd.Wait()
	}()
	if _, err := stdout.Read(make([]byte, 1)); err != nil { // its start, which computes, is over
		t.Fatal(err)
	}
	var out bytes.Buffer
	f := whyFlags{json: true, watch: 200 * time.Millisecond, noPack: true}
	if err := runWhy(context.Background(), &out, f, []string{strconv.Itoa(cmd.Process.Pid)}, -1); err != nil {
		t.Fatal(err)
	}
	var d why.Diagnosis
	if err := json.Unmarshal(out.Bytes(), &d); err != nil || d.Verdict != why.Unknown || !strings.HasPrefix(d.Sentence, "cannot tell") || d.Cures == nil {
		t.Errorf("%s, %v", out.String(), err)
	}
}

func TestWhyRefuses(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("STOKER_STATE_DIR", dir)
	f := func(kind errs.Kind, flags whyFlags, dash int, args ...string) {
		t.Helper()
		flags.quiet = true
		err := runWhy(context.Background(), &bytes.Buffer{}, flags, args, dash)
		if errs.KindOf(err) != kind || errs.HintOf(err) == "" {
			t.Errorf("%v: %v (%s)", args, err, errs.HintOf(err))
		}
	}
	f(errs.NotFound, whyFlags{}, -1)
	f(errs.NotFound, whyFlags{}, -1, "none")
	f(errs.Invalid, whyFlags{}, -1, "a", "b")
	f(errs.Invalid, whyFlags{}, 0, "python", "train.py")
	f(errs.Invalid, whyFlags{headspace: 100}, -1)
	f(errs.Invalid, whyFlags{headspace: 3}, 0, "python")
	if left, err := os.ReadDir(filepath.Join(dir, "runs")); err != nil || len(left) > 0 {
		t.Errorf("runs were made: %v %v", left, err)
	}
}
