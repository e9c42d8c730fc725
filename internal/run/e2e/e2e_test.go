// Package e2e tests the runner as its users meet it: real supervisors, holders,
// children and terminals. The test binary is re-executed in their place.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stoker/internal/run/client"
	"stoker/internal/run/estimate"
	"stoker/internal/run/launch"
	"stoker/internal/run/listing"
	"stoker/internal/run/process"
	"stoker/internal/run/procs"
	"stoker/internal/run/rundir"
	"stoker/internal/run/seglog"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		var err error
		switch d := rundir.Dir(os.Args[2]); os.Args[1] {
		case launch.SupervisorCommand:
			err = process.Supervise(d, len(os.Args) > 3)
		case launch.HolderCommand:
			err = process.Hold(d)
		case "client":
			os.Exit(clientProcess(d))
		default:
			os.Exit(m.Run())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // these tests wait more than they compute
	os.Exit(m.Run())
}

// clientProcess is a foreground client on this process's own terminal.
func clientProcess(d rundir.Dir) int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGWINCH, syscall.SIGPIPE)
	r, err := client.Run(context.Background(), client.Options{Dir: d, Bar: true, In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Signals: signals, Attach: os.Getenv("ATTACH") != ""})
	switch {
	case err != nil:
		return 99
	case r.Detached:
		return 98
	case r.HungUp:
		return 97
	case r.End == nil:
		return 96
	}
	return r.End.Code
}

// times is how often a test of survival is repeated, each time at another
// moment.
func times() int {
	if os.Getenv("STOKER_LONG") != "" {
		return 50
	}
	return 3
}

type run struct {
	t     *testing.T
	state rundir.State
	dir   rundir.Dir
	spec  rundir.Spec
}

func newState(t *testing.T) rundir.State {
	t.Helper()
	state, err := rundir.OpenStateAt(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// start starts a shell script as a run.
func start(t *testing.T, state rundir.State, script string, change func(*rundir.Spec)) *run {
	t.Helper()
	spec := rundir.Spec{Argv: []string{"sh", "-c", script}, Dir: t.TempDir(), Created: time.Now(), Host: procs.Host(),
		BootID: procs.BootID(), PTY: true, Cols: 80, Rows: 24}
	if change != nil {
		change(&spec)
	}
	d, err := state.Create(&spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := launch.Supervisor(d, false, nil); err != nil {
		t.Fatal(err)
	}
	r := &run{t, state, d, spec}
	t.Cleanup(r.kill)
	return r
}

// kill ends whatever of the run is left, and returns when nothing of it writes any
// more.
func (r *run) kill() {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); poll() {
		s, err := rundir.ReadStatus(r.dir.Status())
		if err != nil || !killAll(s) {
			return
		}
	}
	r.t.Errorf("run %s: its processes do not end", r.spec.ID)
}

// killAll kills the processes of a run and reports whether any was alive. The
// holder and the supervisor stand still first: each acts on the other's death.
func killAll(s rundir.Status) (any bool) {
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
		for _, id := range []procs.ID{s.Holder, s.Supervisor, s.Child} {
			if id.Alive() {
				any = true
				_ = syscall.Kill(id.PID, sig)
			}
		}
	}
	return any
}

// patience is how long anything may take that has to happen. It is only ever spent
// in a test that fails.
const patience = 2 * time.Minute

// wait polls until ok.
func (r *run) wait(what string, ok func(rundir.Status) bool) rundir.Status {
	r.t.Helper()
	return r.waitFor(patience, what, ok)
}

func (r *run) waitFor(most time.Duration, what string, ok func(rundir.Status) bool) rundir.Status {
	r.t.Helper()
	deadline := time.Now().Add(most)
	for time.Now().Before(deadline) {
		s, err := rundir.ReadStatus(r.dir.Status())
		if err == nil && ok(s) {
			return s
		}
		poll()
	}
	s, _ := rundir.ReadStatus(r.dir.Status())
	own, _ := os.ReadFile(r.dir.Errors())
	r.t.Fatalf("run %s: never %s; status %+v; errors %s", r.spec.ID, what, s, own)
	return s
}

func poll() { <-time.After(10 * time.Millisecond) }

func (r *run) running() rundir.Status {
	return r.wait("running", func(s rundir.Status) bool { return s.Phase == rundir.Running && s.Child.PID > 0 })
}

func (r *run) ended() rundir.End {
	s := r.wait("ended", func(s rundir.Status) bool { return s.Phase == rundir.Ended })
	return *s.End
}

func (r *run) endedWithin(most time.Duration) {
	r.waitFor(most, "ended", func(s rundir.Status) bool { return s.Phase == rundir.Ended })
}

func (r *run) raw() string {
	b, _ := seglog.Tail(r.dir.Raw(), 1<<20)
	return string(b)
}

// clean is the clean log without what Stoker itself says in it, which is more on a
// machine that is busy.
func (r *run) clean() string {
	b, _ := seglog.Tail(r.dir.Clean(), 1<<20)
	var own strings.Builder
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "stoker: ") {
			own.WriteString(line)
		}
	}
	return own.String()
}

// gone waits for a process to end.
func gone(t *testing.T, id procs.ID) {
	t.Helper()
	for deadline := time.Now().Add(patience); id.Alive(); poll() {
		if time.Now().After(deadline) {
			t.Fatalf("process %d lives", id.PID)
		}
	}
}

// shown is what came out of a client so far.
type shown struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (s *shown) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.Write(p)
}

func (s *shown) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.String()
}

// waitFor waits until text came out.
func (s *shown) waitFor(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(s.text(), text); poll() {
		if time.Now().After(deadline) {
			t.Fatalf("%q never shows in %q", text, s.text())
		}
	}
}

// attach runs the foreground client in this process on pipes. All that it printed,
// and its error, is in out when the result comes.
func (r *run) attach(input string) (out *shown, result <-chan client.Result) {
	outR, outW, _ := os.Pipe()
	inR, inW, _ := os.Pipe()
	go func() { _, _ = io.WriteString(inW, input); inW.Close() }()
	out = &shown{}
	read := make(chan struct{})
	go func() { defer close(read); _, _ = io.Copy(out, outR); outR.Close() }()
	ended := make(chan client.Result, 1)
	go func() {
		result, err := client.Run(context.Background(), client.Options{Dir: r.dir, In: inR, Out: outW, Err: outW})
		outW.Close()
		inR.Close()
		<-read
		if err != nil {
			fmt.Fprintln(out, "the client failed:", err)
		}
		ended <- result
	}()
	return out, ended
}

// attached is attach to the end.
func (r *run) attached(input string) (out string, result client.Result) {
	text, ended := r.attach(input)
	result = <-ended
	return text.text(), result
}

func TestForegroundIsTransparent(t *testing.T) {
	t.Parallel()
	state := newState(t)
	r := start(t, state, "echo out; echo err >&2; cat; exit 5", func(s *rundir.Spec) { s.Piped, s.Foreground = true, true })
	out, result := r.attached("piped\x03\x04in\n")
	if out != "out\nerr\npiped\x03\x04in\n" || result.End == nil || result.End.Code != 5 {
		t.Fatalf("%q %+v", out, result)
	}
	if rows, _ := listing.List(context.Background(), state, listing.Options{Past: 5}); len(rows) != 1 || rows[0].Code != 5 {
		t.Fatalf("%+v", rows)
	}
}

func TestLargeOutputArrivesWhole(t *testing.T) {
	t.Parallel()
	r := start(t, newState(t), "head -c 20000000 /dev/zero | tr '\\0' 'x'; echo; echo end", func(s *rundir.Spec) { s.Piped, s.Foreground = true, true })
	out, _ := r.attached("")
	if len(out) != 20000005 || !strings.HasSuffix(out, "x\nend\n") {
		t.Fatalf("%d bytes", len(out))
	}
}

func TestNoPTY(t *testing.T) {
	t.Parallel()
	r := start(t, newState(t), "[ -t 1 ] && echo tty || echo pipe", func(s *rundir.Spec) { s.PTY = false })
	if end := r.ended(); end.Code != 0 || r.raw() != "pipe\n" {
		t.Fatalf("%q %+v", r.raw(), end)
	}
}

// counting prints numbers slowly, waits for letGo before the last one, and ends with
// a status of its own.
const counting = `i=0
while [ $i -lt 40 ]; do
  i=$((i+1)); while [ $i -eq 40 ] && [ ! -e go ]; do sleep 0.02; done
  echo line $i; sleep 0.03
done; exit 4`

// letGo lets counting come to its end.
func (r *run) letGo() {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.spec.Dir, "go"), nil, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// TestSupervisorKilled: the child goes on, a new supervisor takes over, nothing
// of the output is missing and the exit status is true.
func TestSupervisorKilled(t *testing.T) {
	t.Parallel()
	for i := range times() {
		r := start(t, newState(t), counting, nil)
		s := r.running()
		<-time.After(time.Duration(i*23%1000) * time.Millisecond)
		_ = syscall.Kill(s.Supervisor.PID, syscall.SIGKILL)
		r.letGo()
		end := r.ended()
		if end.Code != 4 || end.Signal != 0 {
			t.Fatalf("%+v", end)
		}
		want := ""
		for n := 1; n <= 40; n++ {
			want += fmt.Sprintf("line %d\n", n)
		}
		if r.raw() != want || r.clean() != want {
			t.Fatalf("raw %q\nclean %q", r.raw(), r.clean())
		}
	}
}

// TestHolderKilled: the terminal is gone with it; the end is reported for what
// it is.
func TestHolderKilled(t *testing.T) {
	t.Parallel()
	for range times() {
		r := start(t, newState(t), counting, nil)
		s := r.running()
		_ = syscall.Kill(s.Holder.PID, syscall.SIGKILL)
		if end := r.ended(); end.Cause != "lost" || !strings.Contains(end.Text, "unknown") {
			t.Fatalf("%+v", end)
		}
		gone(t, s.Child)
	}
}

// TestEverythingKilled: nobody is left to write the end; the next reader says
// what was last known.
func TestEverythingKilled(t *testing.T) {
	t.Parallel()
	for range times() {
		state := newState(t)
		r := start(t, state, "echo working; sleep 60", nil)
		s := r.running()
		killAll(s)
		for _, id := range []procs.ID{s.Supervisor, s.Holder, s.Child} {
			gone(t, id)
		}
		row, _ := listing.One(state, r.dir)
		if row.State != rundir.Ended || row.Cause == "done" || row.Live() {
			t.Fatalf("%+v", row)
		}
	}
}

// TestMachineRestarted: another boot id, and processes that are not ours even if
// their numbers are.
func TestMachineRestarted(t *testing.T) {
	t.Parallel()
	for range times() {
		state := newState(t)
		r := start(t, state, "sleep 60", func(s *rundir.Spec) { s.BootID = "the boot before" })
		r.running()
		row, _ := listing.One(state, r.dir)
		if row.State != rundir.Ended || row.Cause != "rebooted" || !strings.Contains(row.Text, "last known") || !strings.Contains(row.Advice, "stoker run -- sh -c") {
			t.Fatalf("%+v", row)
		}
		r.kill()
	}
}

func TestStopInStages(t *testing.T) {
	t.Parallel()
	r := start(t, newState(t), `trap 'echo saving; sleep 0.2; echo saved; exit 0' INT; echo ready; while :; do sleep 0.02; done`, nil)
	r.running()
	r.waitRaw("ready")
	end, err := client.Stop(r.dir, stopIn(patience), func(string) {})
	if err != nil || end.Code != 0 || !strings.Contains(r.raw(), "saved") {
		t.Fatalf("%+v %v %q", end, err, r.raw())
	}
	// One that ignores everything gentle.
	r = start(t, newState(t), `trap '' INT TERM; (trap '' INT TERM; sleep 600) & echo ready; while :; do sleep 0.02; done`, nil)
	s := r.running()
	r.waitRaw("ready")
	go func() { _, _ = client.Stop(r.dir, stopIn(time.Hour), func(string) {}) }()
	r.wait("stopping", func(s rundir.Status) bool { return s.Phase == rundir.Stopping })
	now := stopIn(0)
	now.Now = true
	end, err = client.Stop(r.dir, now, func(string) {})
	if err != nil || end.Signal != 9 || end.Cause != "user" {
		t.Fatalf("%+v %v", end, err)
	}
	// What was just being started when all were killed ends by itself, the long sleep does not.
	for deadline := time.Now().Add(patience); len(procs.Tree(s.Child.PID)) != 0; poll() {
		if time.Now().After(deadline) {
			t.Fatalf("left: %+v", procs.Tree(s.Child.PID))
		}
	}
}

func (r *run) waitRaw(text string) {
	r.t.Helper()
	r.wait("printed "+text, func(rundir.Status) bool { return strings.Contains(r.raw(), text) })
}

// restarting is a script that fails like a lost connection at step 60 of 100;
// resume says whether it goes on where it was.
func restarting(resume bool) string {
	first := "i=0"
	if resume {
		first = "i=$(cat at 2>/dev/null || echo 0)"
	}
	return first + `; n=0
while [ $i -lt 100 ]; do
  i=$((i+1)); n=$((n+1)); echo $i > at
  printf '\r%3d%%|###  | %d/100 [00:01<00:02, 50.00it/s]' $i $i; sleep 0.02
  if [ $n -eq 40 ]; then echo; echo 'ConnectionResetError: [Errno 104] Connection reset by peer'; exit 1; fi
done; echo; echo complete`
}

// TestRestarts: a script that starts from zero is restarted once and stopped;
// one that resumes is restarted as often as allowed.
func TestRestarts(t *testing.T) {
	t.Parallel()
	few := func(s *rundir.Spec) { s.Restarts, s.Backoff = 5, 50*time.Millisecond }
	r := start(t, newState(t), restarting(false), few)
	if end := r.ended(); end.Cause != "from-zero" {
		t.Fatalf("%+v", end)
	}
	if s, _ := rundir.ReadStatus(r.dir.Status()); s.Attempt != 2 {
		t.Fatalf("%d attempts", s.Attempt)
	}
	r = start(t, newState(t), restarting(true), few)
	if end := r.ended(); end.Cause != "done" || !strings.Contains(r.raw(), "complete") {
		t.Fatalf("%+v %s", end, r.raw())
	}
	if s, _ := rundir.ReadStatus(r.dir.Status()); s.Attempt != 3 {
		t.Fatalf("%d attempts", s.Attempt)
	}
	// A cause that no restart cures.
	r = start(t, newState(t), "echo \"ModuleNotFoundError: No module named 'torch'\"; exit 1", few)
	if end := r.ended(); end.Cause != "import" {
		t.Fatalf("%+v", end)
	}
}

func TestProgressReachesTheStatus(t *testing.T) {
	t.Parallel()
	r := start(t, newState(t), `i=0; while [ $i -lt 50 ]; do i=$((i+1)); printf '\r%3d%%|###  | %d/50 [00:01<00:02, 50.00it/s]' $((2*i)) $i; sleep 0.01; done; echo; sleep 0.5`, nil)
	r.wait("at 50 steps", func(s rundir.Status) bool {
		var p estimate.Status
		return json.Unmarshal(s.Progress, &p) == nil && p.GlobalStep == 50
	})
	r.ended()
}

func TestCheckpointIsNoticed(t *testing.T) {
	t.Parallel()
	r := start(t, newState(t), "echo x > model.pt; sleep 20", nil)
	s := r.wait("a checkpoint", func(s rundir.Status) bool { return s.Checkpoint != nil })
	if filepath.Base(s.Checkpoint.Path) != "model.pt" {
		t.Fatal(s.Checkpoint)
	}
}
