//go:build linux

package engine_test

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/sysinfo"
)

// usage is what a process holds that could leak.
type usage struct {
	rss, descriptors, goroutines int64
}

func measure(t *testing.T) usage {
	t.Helper()
	debug.FreeOSMemory()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return usage{sysinfo.Usage().RSSBytes, int64(len(list)), int64(runtime.NumGoroutine())}
}

// flat fails the test where work takes more every time that it is done: a leak does,
// while a goroutine that has yet to end, another thread of the runtime or its tables
// are met once or twice. The allowance for memory is what those tables vary by.
func flat(t *testing.T, work func()) {
	t.Helper()
	var before, after usage
	for range 5 {
		before = measure(t)
		work()
		after = measure(t)
		if after.rss <= before.rss+before.rss/50+(3<<20) && after.descriptors <= before.descriptors && after.goroutines <= before.goroutines {
			return
		}
	}
	t.Errorf("from %+v to %+v", before, after)
}

func TestManyEpochsTakeNoMore(t *testing.T) {
	s := open(t, engine.Options{Dataset: enginetest.Make(t, enginetest.Options{Samples: 50}), Transform: augment(t), BatchSize: 8, Shuffle: true})
	read(t, s, rounds(10, 300)*7)
	flat(t, func() { read(t, s, rounds(10, 2000)*7) })
}

func TestManySessionsLeaveNothing(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 50})
	budget := engine.NewBudget(2, 1<<30)
	cycle := func(n int) {
		for range n {
			s, err := engine.Open(t.Context(), engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 8, Budget: budget})
			if err != nil {
				t.Fatal(err)
			}
			next(t, s) // and leave the loop with the batch in hand
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	cycle(rounds(10, 300))
	flat(t, func() { cycle(rounds(10, 2000)) })
}
