package pack_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"stoker/internal/errs"
	"stoker/internal/filetest"
	"stoker/internal/pack"
)

// TestKilledAtAnyMoment kills real processes that pack, kill -9, at random
// moments, starts the same command again, and so on; now and then one gets
// through. Each time the dataset must be absent or whole, equal to that of an
// undisturbed run byte for byte, and nothing may be left beside it.
//
// STOKER_LONG=1 makes it 100 kills.
func TestKilledAtAnyMoment(t *testing.T) {
	kills := 15
	if os.Getenv("STOKER_LONG") != "" {
		kills = 100
	}
	root, dir := photoTree(t, 500), t.TempDir()
	write(t, filepath.Join(root, "class 0", "0300.bad.jpg"), []byte("no picture"))
	c := childOptions{Root: root, Output: filepath.Join(t.TempDir(), "want.stk"), SkipBad: true, Resize: pack.Resize{Max: 60}, EntropyStep: 8}
	run(t, c.pack())
	want := filetest.Contents(t, c.Output)
	c.Output = filepath.Join(dir, "p.stk")

	// Moments from the start of the process to its usual end.
	usual := wait(t, c, want, -1)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, an undisturbed process takes %v", seed, usual)
	random := rand.New(rand.NewPCG(seed, 0))
	killed, finished := 0, 0
	for killed < kills {
		moment := time.Duration(random.Int64N(int64(usual)))
		if took := wait(t, c, want, moment); took < 0 {
			killed++
		} else { // the machine is faster than it was: keep most kills within a run
			usual = (usual + took) / 2
			finished++
		}
	}
	wait(t, c, want, -1)
	t.Logf("%d kills, %d runs that got through before theirs", killed, finished)
}

// wait runs a process that packs. After the moment it is killed, and wait returns
// -1; where it ends before (or moment is negative) its result is checked and
// removed, and wait returns the time that it took.
func wait(t *testing.T, c childOptions, want map[string]string, moment time.Duration) time.Duration {
	t.Helper()
	took, killed := filetest.RunKilled(t, filetest.Child(t, childVar, c), moment)
	if _, statErr := os.Stat(c.Output); statErr == nil {
		filetest.Same(t, filetest.Contents(t, c.Output), want) // whole, also where the process was killed after
	}
	if killed {
		if _, statErr := os.Stat(c.Output); statErr != nil {
			return -1
		}
		// The dataset was complete: the next run must not write over it.
		_, err := pack.Run(t.Context(), c.pack())
		wantErr(t, err, errs.Invalid, "something of that name already")
		took = -1
	}
	if left := names(t, filepath.Dir(c.Output)); len(left) != 1 {
		t.Fatalf("left behind: %q", left)
	}
	check(t, os.RemoveAll(c.Output))
	return took
}
