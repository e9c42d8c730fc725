package textpack

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestKilledAtAnyMoment kills real processes that pack, kill -9, at random
// moments, and starts the same command again: the result is that of an undisturbed
// run, byte for byte, and nothing is left beside it. STOKER_LONG=1 makes it 100
// kills.
func TestKilledAtAnyMoment(t *testing.T) {
	kills := 4
	if os.Getenv("STOKER_LONG") != "" {
		kills = 100
	}
	o := options(t, reviews(t, 2500, true))
	o.SkipBad = true
	run(t, o)
	want := contents(t, o.Output)
	o.Output = filepath.Join(fastDir(t), "t.stk")

	usual, _ := child(t, o, -1)
	check(t, os.RemoveAll(o.Output))
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d, an undisturbed process takes %v", seed, usual)
	killed := 0
	for tries := 0; killed < kills && tries < 4*kills; tries++ {
		took, dead := child(t, o, time.Duration(random.Int64N(int64(usual))))
		if dead {
			killed++
		} else {
			usual = (usual + took) / 2
		}
		if _, err := os.Stat(o.Output); err == nil {
			wantSame(t, contents(t, o.Output), want)
			if !dead {
				check(t, os.RemoveAll(o.Output))
			}
		}
	}
	_, _ = child(t, o, -1)
	wantSame(t, contents(t, o.Output), want)
	if entries, err := os.ReadDir(filepath.Dir(o.Output)); err != nil || len(entries) != 1 {
		t.Errorf("%v, left behind: %v", err, entries)
	}
	t.Logf("%d kills", killed)
}

// child runs a process that packs and kills it after the moment, which is never
// where it is negative.
func child(t *testing.T, o Options, moment time.Duration) (took time.Duration, killed bool) {
	t.Helper()
	data, err := json.Marshal(o)
	check(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+string(data))
	cmd.Stderr = os.Stderr
	start := time.Now()
	check(t, cmd.Start())
	if moment >= 0 {
		timer := time.AfterFunc(moment, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	if err := cmd.Wait(); err != nil && (moment < 0 || cmd.ProcessState.ExitCode() != -1) {
		t.Fatalf("not killed, and failed: %v", err)
	}
	return time.Since(start), cmd.ProcessState.ExitCode() == -1
}
