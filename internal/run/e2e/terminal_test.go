package e2e

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"stoker/internal/run/link"
	"stoker/internal/run/rundir"
)

func stopIn(grace time.Duration) link.Stop { return link.Stop{Grace: grace} }

// terminal is a client process on a terminal of its own, as an SSH session has.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	screen shown
	ended  chan struct{}
}

func (r *run) terminal(attach bool) *terminal {
	r.t.Helper()
	cmd := exec.Command(os.Args[0], "client", string(r.dir))
	cmd.Env = os.Environ()
	if attach {
		cmd.Env = append(cmd.Env, "ATTACH=1")
	}
	master, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 90, Rows: 20})
	if err != nil {
		r.t.Fatal(err)
	}
	master = polled(r.t, master)
	term := &terminal{t: r.t, cmd: cmd, master: master, ended: make(chan struct{})}
	go func() { _, _ = io.Copy(&term.screen, master) }()
	go func() { _ = cmd.Wait(); close(term.ended) }()
	r.t.Cleanup(func() {
		master.Close()
		_ = cmd.Process.Kill()
		<-term.ended
	})
	return term
}

// polled is the same file, whose Close does not wait for a Read.
func polled(t *testing.T, f *os.File) *os.File {
	t.Helper()
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), f.Name())
}

func (term *terminal) shows(text string) {
	term.t.Helper()
	term.screen.waitFor(term.t, text)
}

func (term *terminal) exit() int {
	term.t.Helper()
	select {
	case <-term.ended:
	case <-time.After(patience):
		term.t.Fatal("the client does not leave")
	}
	return term.cmd.ProcessState.ExitCode()
}

func TestTerminalClosed(t *testing.T) {
	t.Parallel()
	for i := range times() {
		r := start(t, newState(t), counting, nil)
		term := r.terminal(false)
		term.shows("line 1")
		<-time.After(time.Duration(i*37%500) * time.Millisecond)
		term.master.Close() // the SSH line is cut: the kernel hangs the terminal up
		term.exit()
		r.letGo()
		if end := r.ended(); end.Code != 4 || !strings.HasSuffix(r.raw(), "line 40\n") {
			t.Fatalf("%+v %q", end, r.raw())
		}
	}
}

func TestHangUpToTheGroup(t *testing.T) {
	t.Parallel()
	for i := range times() {
		r := start(t, newState(t), counting, nil)
		term := r.terminal(false)
		term.shows("line 1")
		<-time.After(time.Duration(i*31%500) * time.Millisecond)
		_ = syscall.Kill(-term.cmd.Process.Pid, syscall.SIGHUP)
		if code := term.exit(); code != 97 {
			t.Fatalf("client's status %d", code)
		}
		r.letGo()
		if end := r.ended(); end.Code != 4 {
			t.Fatalf("%+v", end)
		}
	}
}

// TestReaderOfThePipeLeaves: stoker run -- command | head, at a terminal. The
// command ends as it would without Stoker, also one that ignores SIGPIPE.
func TestReaderOfThePipeLeaves(t *testing.T) {
	t.Parallel()
	for script, code := range map[string]int{
		`while :; do echo line; sleep 0.02; done`:                                              141,
		`trap '' PIPE; trap 'exit 7' INT; echo ready; while :; do echo line; sleep 0.02; done`: 7,
	} {
		r := start(t, newState(t), script, func(s *rundir.Spec) { s.Foreground = true })
		cmd := exec.Command(os.Args[0], "client", string(r.dir))
		master, slave, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer master.Close()
		reader, writer, _ := os.Pipe()
		cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, writer, slave
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		slave.Close()
		writer.Close()
		if _, err := io.ReadFull(reader, make([]byte, 10)); err != nil {
			t.Error(err)
		}
		reader.Close()
		if end := r.ended(); end.Code != code {
			t.Errorf("%s: %+v", script, end)
		}
		if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != code {
			t.Errorf("%s: the client's status is %d", script, cmd.ProcessState.ExitCode())
		}
	}
}

func TestKeysSignalsAndSize(t *testing.T) {
	t.Parallel()
	r := start(t, newState(t), `echo ready; read x; echo "got $x"; exit 3`, nil)
	term := r.terminal(false)
	term.shows("ready")
	_, _ = term.master.WriteString("hello\r")
	term.shows("got hello")
	if code := term.exit(); code != 3 {
		t.Fatalf("status %d", code)
	}

	r = start(t, newState(t), `trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.05; done`, nil)
	term = r.terminal(false)
	term.shows("ready")
	_, _ = term.master.Write([]byte{3}) // Ctrl-C is the command's
	term.shows("caught")
	if code := term.exit(); code != 9 {
		t.Fatalf("status %d", code)
	}

	r = start(t, newState(t), `trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done`, nil)
	term = r.terminal(false)
	term.shows("ready")
	_ = pty.Setsize(term.master, &pty.Winsize{Cols: 300, Rows: 33})
	term.shows("33 300")
}

func TestDetachAndAttach(t *testing.T) {
	t.Parallel()
	r := start(t, newState(t), `i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo old $i; done; read x; echo new $x; sleep 60`, nil)
	term := r.terminal(false)
	term.shows("old 30")
	_, _ = term.master.Write([]byte{0x1a})
	if code := term.exit(); code != 98 {
		t.Fatalf("status %d", code)
	}
	// The fastest of a few, beside what a process takes here at all: other tests run
	// beside this one.
	fastest, process := time.Hour, time.Hour
	for range 5 {
		before := time.Now()
		bare := exec.Command(os.Args[0], "-test.run=^$")
		bare.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
		if err := bare.Run(); err != nil {
			t.Fatal(err)
		}
		process = min(process, time.Since(before))
		before = time.Now()
		term = r.terminal(true)
		term.shows("old 30")
		fastest = min(fastest, time.Since(before))
	}
	if fastest > 300*time.Millisecond+10*process {
		t.Errorf("attach took %s, a process that does nothing %s", fastest, process)
	}
	t.Logf("the screen was back after %s", fastest)
	_, _ = term.master.WriteString("line\r")
	term.shows("new line")
	_, _ = term.master.Write([]byte{3}) // in an attached client Ctrl-C only leaves
	if code := term.exit(); code != 98 {
		t.Fatalf("status %d", code)
	}
	s, _ := rundir.ReadStatus(r.dir.Status())
	if !s.Child.Alive() {
		t.Fatal("the run did not go on")
	}
	term = r.terminal(true)
	term.shows("new line")
	_, _ = term.master.Write([]byte{3, 3})
	term.shows("stop the run?")
	_, _ = term.master.WriteString("y")
	if code := term.exit(); code != 130 {
		t.Fatalf("status %d", code)
	}
}
