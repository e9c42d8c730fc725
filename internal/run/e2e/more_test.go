package e2e

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"stoker/internal/run/client"
	"stoker/internal/run/history"
	"stoker/internal/run/rundir"
)

// TestClientOutlivesItsSupervisor: the foreground sees every line once although
// the supervisor is killed under it.
func TestClientOutlivesItsSupervisor(t *testing.T) {
	t.Parallel()
	for range times() {
		r := start(t, newState(t), counting, nil)
		s := r.running()
		out, ended := r.attach("")
		out.waitFor(t, "line 5\n")
		_ = syscall.Kill(s.Supervisor.PID, syscall.SIGKILL)
		r.letGo()
		result := <-ended
		if text := out.text(); text != r.raw() || !strings.HasSuffix(text, "line 40\n") || result.End == nil || result.End.Code != 4 {
			t.Fatalf("%q %+v", text, result)
		}
	}
}

// TestClientComesLate: the run is over, and all its processes with it, before the
// client that started it is there.
func TestClientComesLate(t *testing.T) {
	t.Parallel()
	r := start(t, newState(t), "echo out; exit 5", nil)
	r.ended()
	s, _ := rundir.ReadStatus(r.dir.Status())
	gone(t, s.Supervisor)
	if out, result := r.attached(""); out != "out\n" || result.End == nil || result.End.Code != 5 {
		t.Fatalf("%q %+v", out, result)
	}
	if end, err := client.Stop(r.dir, stopIn(time.Second), func(string) {}); err != nil || end.Code != 5 {
		t.Fatalf("%+v %v", end, err)
	}
}

func TestStderrGoesWhereTheClientsGoes(t *testing.T) {
	t.Parallel()
	r := start(t, newState(t), "echo one; echo two >&2; echo three", func(s *rundir.Spec) { s.Split, s.Foreground = true, true })
	outR, outW, _ := os.Pipe()
	errR, errW, _ := os.Pipe()
	nowhere, _ := os.Open(os.DevNull)
	defer nowhere.Close()
	_, err := client.Run(context.Background(), client.Options{Dir: r.dir, In: nowhere, Out: outW, Err: errW})
	outW.Close()
	errW.Close()
	stdout, _ := io.ReadAll(outR)
	stderr, _ := io.ReadAll(errR)
	if err != nil || string(stdout) != "one\nthree\n" || string(stderr) != "two\n" {
		t.Fatalf("%q %q %v", stdout, stderr, err)
	}
}

// TestHistoryTeaches: what a run leaves is there for the next run of the same
// command.
func TestHistoryTeaches(t *testing.T) {
	t.Parallel()
	state := newState(t)
	dir := t.TempDir()
	script := `i=0; while [ $i -lt 100 ]; do i=$((i+1)); printf '\r%3d%%|###  | %d/100 [00:01<00:02, 50.00it/s]' $i $i; sleep 0.01; done; echo`
	for range 2 {
		r := start(t, state, script, func(s *rundir.Spec) { s.Dir = dir })
		r.ended()
		for deadline := time.Now().Add(patience); len(state.Live()) > 0; poll() {
			if time.Now().After(deadline) {
				t.Fatal("the end never reached the history")
			}
		}
	}
	db, err := history.Open(context.Background(), state.History())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	runs, err := db.Recent(context.Background(), 5)
	if err != nil || len(runs) != 2 || runs[0].Record == nil || runs[0].Record.Steps != 100 || runs[0].Cause != "done" {
		t.Fatalf("%+v %v", runs, err)
	}
	h, err := db.Lessons(context.Background(), runs[0].CommandKey, runs[0].MachineKey, 5)
	if err != nil || len(h) != 2 {
		t.Fatalf("%d lessons, %v", len(h), err)
	}
}

// TestNotified: a run that is restarted tells so, and the child sees none of the
// addresses.
func TestNotified(t *testing.T) {
	got := make(chan string, 4)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
	}))
	defer server.Close()
	t.Setenv("STOKER_NOTIFY_URLS", "generic://"+strings.TrimPrefix(server.URL, "http://")+"/secretpath?disabletls=yes&template=json")
	r := start(t, newState(t), "env | grep -c STOKER_NOTIFY; echo 'Connection refused'; exit 1", func(s *rundir.Spec) {
		s.Notify, s.Name, s.Restarts, s.Backoff = true, "net", 1, time.Hour
	})
	r.wait("waiting", func(s rundir.Status) bool { return s.Phase == rundir.Waiting })
	select {
	case body := <-got:
		if !strings.Contains(body, "net on ") || !strings.Contains(body, "restart") || !strings.Contains(body, "Connection refused") {
			t.Fatal(body)
		}
	case <-time.After(patience):
		t.Fatal("nobody was told")
	}
	if !strings.HasPrefix(r.raw(), "0\n") {
		t.Fatalf("%q", r.raw())
	}
	journal, _ := os.ReadFile(r.dir.Journal())
	if strings.Contains(string(journal), "secretpath") {
		t.Fatal("the journal holds an address")
	}
	if _, err := client.Stop(r.dir, stopIn(0), func(string) {}); err != nil {
		t.Fatal(err)
	}
}
