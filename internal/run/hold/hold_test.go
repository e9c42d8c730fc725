package hold

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stoker/internal/leaktest"
	"stoker/internal/run/journal"
	"stoker/internal/run/link"
	"stoker/internal/run/rundir"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// held is a holder with a fake supervisor's connection to it.
type held struct {
	t    *testing.T
	dir  rundir.Dir
	conn *link.Conn
	done chan error
	off  int64
	from [2]string // all output by source
}

func newHeld(t *testing.T, spec rundir.Spec) *held {
	h := &held{t: t, dir: rundir.Dir(t.TempDir()), done: make(chan error, 1)}
	spec.Dir = t.TempDir()
	ready := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		h.done <- Run(ctx, Options{Dir: h.dir, Spec: spec, Revive: func() error { return nil },
			Patience: 20 * time.Second, Tries: 3}, func() { close(ready) })
	}()
	<-ready
	h.dial(0)
	t.Cleanup(func() {
		_ = h.conn.Write(Quit)
		select {
		case <-h.done:
		case <-time.After(time.Minute):
			t.Error("the holder does not quit")
		}
		cancel()
		h.conn.Close()
	})
	return h
}

func (h *held) dial(from int64) (hello State) {
	conn, err := link.Dial(h.dir.HoldSock())
	if err != nil {
		h.t.Fatal(err)
	}
	h.conn, h.off = conn, from
	var off [8]byte
	for i := range off {
		off[i] = byte(from >> (8 * i))
	}
	_ = conn.Write(From, off[:])
	if kind := h.next(&hello); kind != Hello {
		h.t.Fatalf("frame %q", kind)
	}
	return hello
}

func (h *held) next(state *State) byte {
	kind, p, err := h.conn.Read()
	if err != nil {
		h.t.Fatal(err)
	}
	if kind != Data && kind != Ack {
		if err := json.Unmarshal(p, state); err != nil {
			h.t.Fatal(err)
		}
	}
	return kind
}

// until collects output up to the frame of this kind, or until the output
// contains text.
func (h *held) until(want byte, text string) (out string, s State) {
	for {
		kind, p, err := h.conn.Read()
		if err != nil {
			h.t.Fatalf("%v after %q", err, out)
		}
		switch kind {
		case Data:
			c, ok := ParseData(p)
			if !ok || c.Offset != h.off || c.Time.IsZero() {
				h.t.Fatalf("data at %d, want %d, time %v", c.Offset, h.off, c.Time)
			}
			out, h.off = out+string(c.Data), c.Offset+int64(len(c.Data))
			h.from[c.Source] += string(c.Data)
			if text != "" && strings.Contains(out, text) {
				return out, s
			}
		case want:
			_ = json.Unmarshal(p, &s)
			return out, s
		}
	}
}

func (h *held) start(argv ...string) {
	_ = h.conn.WriteJSON(Start, Command{Attempt: 1, Argv: argv, Size: Size{250, 40}})
}

func TestOutputAndExitStatus(t *testing.T) {
	h := newHeld(t, rundir.Spec{PTY: true})
	h.start("sh", "-c", "stty size; echo one; echo two >&2; exit 3")
	out, s := h.until(Exited, "")
	if out != "40 250\none\ntwo\n" || s.Code != 3 || s.Signal != 0 || s.Running {
		t.Fatalf("%q, %+v", out, s)
	}
	records, _, _ := journal.Read(h.dir.Journal())
	if len(records) != 2 || records[1].Kind != "exit" {
		t.Fatalf("journal: %+v", records)
	}
}

func TestStderrApart(t *testing.T) {
	for _, tty := range []bool{true, false} {
		h := newHeld(t, rundir.Spec{PTY: tty, Split: true})
		h.start("sh", "-c", "[ -t 2 ] && echo tty >&2; echo out; exit 3")
		_, s := h.until(Exited, "")
		want := map[bool]string{true: "tty\n", false: ""}[tty]
		if h.from != [2]string{"out\n", want} || s.Code != 3 {
			t.Fatalf("%q %+v", h.from, s)
		}
	}
}

func TestInputReachesTheChild(t *testing.T) {
	h := newHeld(t, rundir.Spec{PTY: true})
	h.start("sh", "-c", "stty -echo; echo ready; read x; echo got $x")
	h.until(0, "ready")
	_ = h.conn.Write(Input, []byte("hello\n"))
	if out, s := h.until(Exited, ""); !strings.Contains(out, "got hello") || s.Code != 0 {
		t.Fatalf("%q %+v", out, s)
	}
}

func TestPipedInputEnds(t *testing.T) {
	for _, tty := range []bool{true, false} {
		h := newHeld(t, rundir.Spec{PTY: tty, Piped: true})
		h.start("sh", "-c", "wc -c")
		_ = h.conn.Write(Input, []byte("abc\x04\x03def"))
		_ = h.conn.Write(EndInput)
		if out, s := h.until(Exited, ""); strings.TrimSpace(out) != "8" || s.Code != 0 {
			t.Fatalf("%q %+v", out, s)
		}
	}
}

func TestSignals(t *testing.T) {
	h := newHeld(t, rundir.Spec{PTY: true})
	h.start("sh", "-c", "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.05; done")
	h.until(0, "ready")
	_ = h.conn.WriteJSON(Signal, SignalRequest{Signal: 2})
	if _, s := h.until(Exited, ""); s.Code != 9 {
		t.Fatalf("%+v", s)
	}
}

func TestSignalToAllReachesTheSession(t *testing.T) {
	h := newHeld(t, rundir.Spec{PTY: true})
	h.start("sh", "-c", "trap '' HUP; (trap '' HUP; echo ready; sleep 60) & wait")
	h.until(0, "ready")
	_ = h.conn.WriteJSON(Signal, SignalRequest{Signal: 9, All: true})
	if _, s := h.until(Exited, ""); s.Signal != 9 || s.Code != 137 {
		t.Fatalf("%+v", s)
	}
}

func TestCommandThatCannotStart(t *testing.T) {
	h := newHeld(t, rundir.Spec{PTY: true})
	h.start("no-such-program-at-all")
	if _, s := h.until(Failed, ""); s.Code != 127 || s.Error == "" {
		t.Fatalf("%+v", s)
	}
}

// TestSupervisorReturns drops the connection in the middle of the output: a new
// one learns everything from the start, with times, and the child never notices.
func TestSupervisorReturns(t *testing.T) {
	h := newHeld(t, rundir.Spec{PTY: true})
	go_ := filepath.Join(t.TempDir(), "go")
	h.start("sh", "-c", "echo before; while [ ! -e "+go_+" ]; do sleep 0.02; done; echo after")
	h.until(0, "before")
	h.conn.Close()
	if hello := h.dial(0); !hello.Running || hello.Attempt != 1 {
		t.Fatalf("%+v", hello)
	}
	if _, s := h.until(Began, ""); s.Attempt != 1 {
		t.Fatalf("%+v", s)
	}
	touch(t, go_)
	if out, s := h.until(Exited, ""); out != "before\nafter\n" || s.Code != 0 {
		t.Fatalf("%q %+v", out, s)
	}
}

func TestOutputLargerThanMemory(t *testing.T) {
	h := newHeld(t, rundir.Spec{PTY: true})
	h.start("sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x")
	if out, _ := h.until(Exited, ""); len(out) != 3000000 {
		t.Fatalf("%d bytes", len(out))
	}
}

// TestChildOfTheChildKeepsTheTerminal: the run is over when its command is,
// whoever still holds the terminal.
func TestChildOfTheChildKeepsTheTerminal(t *testing.T) {
	h := newHeld(t, rundir.Spec{PTY: true})
	deaf := filepath.Join(t.TempDir(), "deaf")
	h.start("sh", "-c", "(trap '' HUP; : > "+deaf+"; exec sleep 600) & while [ ! -e "+deaf+" ]; do sleep 0.01; done; echo bye $!")
	out, s := h.until(Exited, "")
	var left int
	if _, err := fmt.Sscanf(out, "bye %d\n", &left); err != nil || s.Left == 0 {
		t.Fatalf("%q %+v", out, s)
	}
	_ = syscall.Kill(left, syscall.SIGKILL)
}

func touch(t *testing.T, path string) {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
