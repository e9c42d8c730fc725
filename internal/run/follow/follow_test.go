package follow

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"stoker/internal/errs"
)

func lines(from, to, total int) (s string) {
	for i := from; i <= to; i++ {
		s += fmt.Sprintf("step %d/%d loss 0.5\n", i, total)
	}
	return s
}

func TestWatch(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte(lines(1, 100, 400)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	defer out.Close()
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	now := time.Now().Add(100 * time.Second) // as if it ran for so long
	_ = os.Chtimes(log, now, now)
	w, err := Open(Options{PID: cmd.Process.Pid}, now)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if w.Log() != log || !w.Alive() {
		t.Fatal(w.Log())
	}
	_, _ = out.WriteString(lines(101, 120, 400))
	s, err := w.Poll(now.Add(20 * time.Second))
	if err != nil || s.Step != 120 || s.Steps != 400 {
		t.Fatalf("%+v %v", s, err)
	}
	if s.RemainingMid < 0 || math.Abs(s.RemainingMid-280) > 90 {
		t.Errorf("remaining %.0f s, about 280 expected", s.RemainingMid)
	}
}

func TestNothingToWatch(t *testing.T) {
	if _, err := Open(Options{PID: 1 << 22}, time.Now()); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
	if _, err := Open(Options{PID: os.Getpid(), Log: "/none"}, time.Now()); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
}
