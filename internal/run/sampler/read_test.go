package sampler_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stoker/internal/errs"
	"stoker/internal/run/sampler"
)

const small = `{"version":1,"pid":7,"role":"main","steps":{"count":20,"seconds":{"n":20,"sum":2},"wait":{"n":20,"sum":0.5}}}`

// TestReadTakesWholeReportsOnly: what else lies in the directory, on purpose or
// not, neither fails nor blocks the reading.
func TestReadTakesWholeReportsOnly(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("7.json", small)
	write("8.json", small) // of another process than it says
	write("9.json", small[:40])
	write("07.json", small)
	write("-7.json", small)
	write("control.json", `{"id":1}`)
	write("10.json", `{"version":1,"pid":10}`+strings.Repeat(" ", 2<<20))
	if err := os.Symlink("7.json", filepath.Join(dir, "11.json")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "12.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "13.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("14.json", strings.ReplaceAll(strings.ReplaceAll(small, `"version":1`, `"version":2`), `"pid":7`, `"pid":14`))
	reports, err := sampler.Read(dir)
	if err != nil || len(reports) != 1 || reports[0].PID != 7 || reports[0].Steps.Wait.Sum != 0.5 {
		t.Fatalf("%+v, %v", reports, err)
	}
}

func TestReadWithoutSampler(t *testing.T) {
	if _, err := sampler.Read(filepath.Join(t.TempDir(), "probe")); !errs.Is(err, errs.NotFound) {
		t.Fatal(err)
	}
}

func TestReadIsBounded(t *testing.T) {
	dir := t.TempDir()
	for pid := 1; pid <= 600; pid++ {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.json", pid)), fmt.Appendf(nil, `{"version":1,"pid":%d}`, pid), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reports, err := sampler.Read(dir)
	if err != nil || len(reports) != 512 {
		t.Fatal(len(reports), err)
	}
}

// FuzzParse: whatever a process writes, what is read from it can be computed
// with and shown on a terminal.
func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"version":1,"pid":1,"loaders":[{"kind":"\u001b[2J","ready":-5,"wait":1e308}],"stacks":{"looks":-1,"by_class":{"a":-1}}}`))
	f.Add([]byte(`{"version":1,"delay":{"blocks":[{"steps":5,"delayed":true,"added":1e-320,"seconds":1e300,"squares":1},{"steps":9,"seconds":2}]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := sampler.Parse(raw)
		if err != nil {
			return
		}
		text, err := json.Marshal(r) // fails on numbers that are none
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `\u001b`) {
			t.Fatalf("control characters in %s", text)
		}
		for _, s := range []func() (sampler.Share, bool){r.Steps.DataShare, r.Stacks.DataShare} {
			if share, ok := s(); ok && !(share.Low >= 0 && share.Low <= share.Mid && share.Mid <= share.High && share.High <= 1) {
				t.Fatalf("share %+v of %s", share, text)
			}
		}
		if live, ok := r.Steps.LiveShare(); ok && !(live >= 0 && live <= 1) {
			t.Fatalf("live share %v", live)
		}
		if d := r.Delay; d != nil && (math.IsNaN(d.Slope) || d.Low <= d.High && !(d.Low <= d.Slope && d.Slope <= d.High)) {
			t.Fatalf("slope %+v", d)
		}
		_ = sampler.Main([]sampler.Report{r, r})
	})
}

// TestParseIsQuick: the largest report that is read costs the supervisor little.
func TestParseIsQuick(t *testing.T) {
	raw := []byte(`{"version":1,"steps":{"recent":[` + strings.TrimSuffix(strings.Repeat("[0.1,0.2],", 100_000), ",") + `]}}`)
	start := time.Now()
	r, err := sampler.Parse(raw)
	if err != nil || len(r.Steps.Recent) != 2048 {
		t.Fatal(len(r.Steps.Recent), err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Error(took)
	}
}
