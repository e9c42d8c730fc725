package textpack

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"stoker/internal/filetest"
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
	want := filetest.Contents(t, o.Output)
	o.Output = filepath.Join(filetest.FastDir(t), "t.stk")

	usual, _ := filetest.RunKilled(t, filetest.Child(t, childVar, o), -1)
	check(t, os.RemoveAll(o.Output))
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d, an undisturbed process takes %v", seed, usual)
	killed := 0
	for tries := 0; killed < kills && tries < 4*kills; tries++ {
		took, dead := filetest.RunKilled(t, filetest.Child(t, childVar, o), time.Duration(random.Int64N(int64(usual))))
		if dead {
			killed++
		} else {
			usual = (usual + took) / 2
		}
		if _, err := os.Stat(o.Output); err == nil {
			filetest.Same(t, filetest.Contents(t, o.Output), want)
			if !dead {
				check(t, os.RemoveAll(o.Output))
			}
		}
	}
	_, _ = filetest.RunKilled(t, filetest.Child(t, childVar, o), -1)
	filetest.Same(t, filetest.Contents(t, o.Output), want)
	if entries, err := os.ReadDir(filepath.Dir(o.Output)); err != nil || len(entries) != 1 {
		t.Errorf("%v, left behind: %v", err, entries)
	}
	t.Logf("%d kills", killed)
}
