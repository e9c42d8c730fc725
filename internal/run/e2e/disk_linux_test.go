package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stoker/internal/run/rundir"
	"stoker/internal/run/seglog"
)

// smallDisk mounts a file system of so many bytes, or skips.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("a full disk needs the right to mount one: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// TestDiskFull fills the disk under a run: the run goes on to its end, whose
// exit status is known once there is room again, and a client sees all output.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for i := range times() {
		disk := smallDisk(t, 2<<20)
		state, err := rundir.OpenStateAt(disk)
		if err != nil {
			t.Fatal(err)
		}
		mark := filepath.Join(t.TempDir(), "go")
		r := start(t, state, "echo first; while [ ! -e "+mark+" ]; do sleep 0.02; done; head -c 100000 /dev/zero | tr '\\0' x; echo; echo last; exit 6",
			func(s *rundir.Spec) { s.Foreground = true })
		r.running()
		filler := filepath.Join(disk, "filler")
		_ = os.WriteFile(filler, make([]byte, 4<<20), 0o600) // as much as fits
		out, ended := r.attach("")
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		<-ended
		if text := out.text(); !strings.HasPrefix(text, "first\n") || !strings.HasSuffix(text, "xxx\nlast\n") || len(text) < 100000 {
			t.Fatalf("round %d: the client got %d bytes", i, len(text))
		}
		_ = os.Remove(filler)
		if end := r.ended(); end.Code != 6 {
			t.Fatalf("%+v", end)
		}
	}
}

// TestFloodOfCarriageReturns: a bar drawn without end stays under the cap and is
// one clean line. A gibibyte with STOKER_LONG=1.
func TestFloodOfCarriageReturns(t *testing.T) {
	t.Parallel()
	size := 64 << 20
	if os.Getenv("STOKER_LONG") != "" {
		size = 1 << 30
	}
	const logCap = 8 << 20
	r := start(t, newState(t), fmt.Sprintf(`printf 'head\n'; head -c %d /dev/zero | tr '\0' '\r'; printf 'tail\n'`, size),
		func(s *rundir.Spec) { s.RawCap, s.CleanCap = logCap, logCap })
	r.endedWithin(10 * time.Minute)
	var total int64
	_ = filepath.WalkDir(r.dir.Raw(), func(_ string, d fs.DirEntry, _ error) error {
		if info, err := d.Info(); err == nil && !d.IsDir() {
			total += info.Size()
		}
		return nil
	})
	if total > logCap {
		t.Fatalf("%d bytes of raw log, the cap is %d", total, logCap)
	}
	if _, end, _ := seglog.Bounds(r.dir.Raw()); end != int64(size)+10 {
		t.Fatalf("%d bytes counted, want %d", end, size+10)
	}
	if clean := r.clean(); clean != "head\ntail\n" {
		t.Fatalf("%q", clean[:min(len(clean), 200)])
	}
}
