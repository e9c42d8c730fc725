package prune

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/rundir"
)

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// makeRun makes the n-th run of a state directory, with a log of size bytes.
func makeRun(t *testing.T, s rundir.State, n, size int, phase rundir.Phase) string {
	t.Helper()
	spec := rundir.Spec{Argv: []string{"true"}}
	d, err := s.Create(&spec)
	if err != nil {
		t.Fatal(err)
	}
	at := start.Add(time.Duration(n) * time.Hour)
	f, err := rundir.CreateStatus(d.Status())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Write(&rundir.Status{Phase: phase, End: &rundir.End{Time: at}}, false); err != nil {
		t.Fatal(err)
	}
	_ = os.MkdirAll(d.Raw(), 0o700)
	if err := os.WriteFile(filepath.Join(d.Raw(), "0.log"), make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(string(d), "spec.json"), at, at); err != nil {
		t.Fatal(err)
	}
	if phase == rundir.Ended {
		s.MarkEnded(spec.ID)
	}
	return spec.ID
}

func newState(t *testing.T) rundir.State {
	s, err := rundir.OpenStateAt(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheOldestGo(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		limits Limits
		stay   []int // of runs 0 (oldest) to 5; 2 is live
	}{
		"all stay":        {Limits{}, []int{0, 1, 2, 3, 4, 5}},
		"number":          {Limits{Runs: 2}, []int{2, 4, 5}},
		"bytes":           {Limits{Bytes: 3*mib + 7*mib/8}, []int{2, 3, 4, 5}},
		"one always":      {Limits{Bytes: 1}, []int{2, 5}},
		"age":             {Limits{Age: 2*time.Hour + time.Minute}, []int{2, 4, 5}},
		"number and size": {Limits{Runs: 1, Bytes: 100 * mib}, []int{2, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newState(t)
			var ids []string
			for n := range 6 {
				phase := rundir.Ended
				if n == 2 {
					phase = rundir.Running
				}
				ids = append(ids, makeRun(t, s, n, mib, phase))
			}
			removed, err := Prune(s, start.Add(6*time.Hour), c.limits)
			if err != nil || len(removed)+len(c.stay) != len(ids) {
				t.Fatal(removed, err)
			}
			for n, id := range ids {
				_, gone := os.Stat(string(s.Run(id)))
				if slices.Contains(c.stay, n) != (gone == nil) {
					t.Errorf("run %d: %v", n, gone)
				}
			}
		})
	}
}

// TestHeldRunStays: a supervisor that was just revived holds the lock of a run
// whose status still tells an end.
func TestHeldRunStays(t *testing.T) {
	s := newState(t)
	id := makeRun(t, s, 0, 1, rundir.Ended)
	lock, err := s.Run(id).Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	removed, err := Prune(s, start.Add(1000*time.Hour), Limits{Age: time.Hour})
	if err != nil || len(removed) != 0 {
		t.Fatal(removed, err)
	}
}

// TestUnsettledRunStays: its end has not reached the history.
func TestUnsettledRunStays(t *testing.T) {
	s := newState(t)
	id := makeRun(t, s, 0, 1, rundir.Ended)
	if err := s.MarkLive(id); err != nil {
		t.Fatal(err)
	}
	if removed, err := Prune(s, start.Add(1000*time.Hour), Limits{Age: time.Hour}); err != nil || len(removed) != 0 {
		t.Fatal(removed, err)
	}
}

func TestInterruptedRemovalIsFinished(t *testing.T) {
	s := newState(t)
	left := filepath.Join(s.Root, "removed", "abcd")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Prune(s, start, Limits{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

func TestSettings(t *testing.T) {
	env := func(kv map[string]string) func(string) string { return func(k string) string { return kv[k] } }
	for _, c := range []struct {
		env  map[string]string
		want Limits
		ok   bool
	}{
		{nil, Defaults, true},
		{map[string]string{"STOKER_KEEP_RUNS": "3", "STOKER_KEEP_BYTES": "1.5GiB"}, Limits{Runs: 3, Bytes: 3 << 29}, true},
		{map[string]string{"STOKER_KEEP_RUNS": "0", "STOKER_KEEP_BYTES": "0"}, Limits{}, true},
		{map[string]string{"STOKER_KEEP_BYTES": "20 MB"}, Limits{Runs: 1000, Bytes: 20e6}, true},
		{map[string]string{"STOKER_KEEP_RUNS": "-1"}, Defaults, false},
		{map[string]string{"STOKER_KEEP_BYTES": "lots"}, Defaults, false},
		{map[string]string{"STOKER_KEEP_BYTES": "NaN"}, Defaults, false},
		{map[string]string{"STOKER_KEEP_BYTES": "1e40TB"}, Defaults, false},
	} {
		if l, err := FromEnv(env(c.env)); l != c.want || (err == nil) != c.ok || err != nil && !errs.Is(err, errs.Invalid) {
			t.Errorf("%v: %v, %v", c.env, l, err)
		}
	}
	for s, want := range map[string]time.Duration{"30d": 720 * time.Hour, "2w": 336 * time.Hour, "36h": 36 * time.Hour, "0.5d": 12 * time.Hour} {
		if d, err := Age(s); err != nil || d != want {
			t.Error(s, d, err)
		}
	}
	for _, s := range []string{"", "d", "-3d", "-1h", "NaNd", "1e99w", "soon"} {
		if d, err := Age(s); err == nil {
			t.Error(s, d)
		}
	}
}
