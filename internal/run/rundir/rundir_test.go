package rundir

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/procs"
)

func newState(t *testing.T) State {
	t.Setenv("STOKER_STATE_DIR", t.TempDir())
	s, err := OpenState()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRunsAreFoundAsUsersNameThem(t *testing.T) {
	s := newState(t)
	var ids []string
	for i := range 3 {
		spec := Spec{Name: fmt.Sprintf("n%d", i%2), Argv: []string{"true"}}
		d, err := s.Create(&spec)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Duration(i) * time.Second)
		_ = os.Chtimes(d.spec(), at, at)
		ids = append(ids, spec.ID)
	}
	for which, want := range map[string]string{"last": ids[2], "n0": ids[2], "n1": ids[1], ids[0]: ids[0]} {
		if d, err := s.Find(which); err != nil || d.ID() != want {
			t.Errorf("%q: %s, %v; want %s", which, d.ID(), err, want)
		}
	}
	for _, bad := range []string{"", "nothing", "../runs", "."} {
		if _, err := s.Find(bad); !errs.Is(err, errs.NotFound) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if len(s.Live()) != 3 {
		t.Errorf("live: %v", s.Live())
	}
	s.MarkEnded(ids[0])
	if len(s.Live()) != 2 {
		t.Errorf("live: %v", s.Live())
	}
}

// TestStatusTornAtEveryByte destroys the newest slot from every byte on: the
// status before must come back.
func TestStatusTornAtEveryByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "status")
	w, err := CreateStatus(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 3; i++ {
		if err := w.Write(&Status{Attempt: i}, false); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	raw, _ := os.ReadFile(path)
	newest := slotBytes // sequence 3 lies in slot 1
	for cut := range 120 {
		torn := append([]byte(nil), raw...)
		for i := newest + cut; i < len(torn); i++ {
			torn[i] = 0
		}
		_ = os.WriteFile(path, torn, 0o600)
		s, err := ReadStatus(path)
		if err != nil || (s.Attempt != 2 && s.Attempt != 3) {
			t.Fatalf("cut %d: %+v, %v", cut, s, err)
		}
	}
	w, _ = CreateStatus(path)
	defer w.Close()
	_ = w.Write(&Status{Attempt: 9}, true)
	if s, err := ReadStatus(path); err != nil || s.Attempt != 9 {
		t.Fatalf("after damage: %+v, %v", s, err)
	}
}

func FuzzStatus(f *testing.F) {
	f.Add([]byte("x"), 5)
	f.Fuzz(func(t *testing.T, raw []byte, at int) {
		path := filepath.Join(t.TempDir(), "status")
		w, _ := CreateStatus(path)
		_ = w.Write(&Status{Attempt: 1}, false)
		_, _ = w.file.WriteAt(raw, int64(uint(at)%(2*slotBytes)))
		w.Close()
		_, _ = ReadStatus(path)
	})
}

func TestJudge(t *testing.T) {
	sup, hold, child := procs.ID{PID: 1}, procs.ID{PID: 2}, procs.ID{PID: 3}
	last := Status{Phase: Running, Supervisor: sup, Holder: hold, Child: child}
	spec := Spec{Host: "h", BootID: "b"}
	for _, c := range []struct {
		name, host, boot string
		live             map[int]bool
		ended            bool
		want             Phase
	}{
		{"all live", "h", "b", map[int]bool{1: true, 2: true, 3: true}, false, Running},
		{"supervisor gone", "h", "b", map[int]bool{2: true, 3: true}, false, Unattended},
		{"only child", "h", "b", map[int]bool{3: true}, false, Unattended},
		{"none", "h", "b", nil, false, Lost},
		{"other boot, pids reused", "h", "c", map[int]bool{1: true, 2: true, 3: true}, false, Rebooted},
		{"other host", "g", "c", nil, false, Elsewhere},
		{"ended", "h", "c", nil, true, Ended},
	} {
		l := last
		if c.ended {
			l.Phase = Ended
		}
		if got := Judge(spec, l, c.host, c.boot, func(id procs.ID) bool { return c.live[id.PID] }); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestReadOnlyHomeIsSaidOnce(t *testing.T) {
	t.Setenv("STOKER_STATE_DIR", "/proc/stoker")
	t.Setenv("TMPDIR", t.TempDir())
	s, err := OpenState()
	if err != nil || s.Note == "" {
		t.Fatalf("%+v, %v", s, err)
	}
}
