package hold

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"stoker/internal/errs"
	"stoker/internal/run/procs"
	"stoker/internal/run/rundir"
)

// child is one attempt's process with its terminal or pipes.
type child struct {
	cmd    *exec.Cmd
	out    *os.File // the terminal's master side, or the read end of a pipe
	in     *os.File // where input goes: the master side, a pipe, or nil
	tty    bool
	queue  chan inputItem
	gone   chan struct{} // closed by close
	closed sync.Once
}

type inputItem struct {
	data []byte
	end  bool
	done func()
}

// spawn starts argv in a session of its own. With spec.PTY it gets a new
// controlling terminal; output is passed on as the program wrote it (the
// terminal adds no carriage returns).
func spawn(spec rundir.Spec, c Command) (*child, error) {
	cmd := exec.Command(c.Argv[0], c.Argv[1:]...)
	cmd.Dir = spec.Dir
	cmd.Env = environment(spec, c.Env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	ch := &child{cmd: cmd, tty: spec.PTY, queue: make(chan inputItem, 64), gone: make(chan struct{})}
	theirs, err := ch.connect(spec, c.Size)
	if err == nil {
		err = cmd.Start()
	}
	for _, f := range theirs {
		f.Close()
	}
	if err != nil {
		ch.close()
		return nil, startError(c.Argv[0], err)
	}
	go ch.feed()
	return ch, nil
}

// connect makes the terminal and pipes; theirs are the child's ends, to be
// closed here after the start.
func (ch *child) connect(spec rundir.Spec, size Size) (theirs []*os.File, err error) {
	if spec.PTY {
		master, slave, err := pty.Open()
		if err != nil {
			return nil, err
		}
		theirs = append(theirs, slave)
		if master, err = pollable(master); err != nil {
			return theirs, err
		}
		ch.out, ch.in = master, master
		if err := prepare(slave, size); err != nil {
			return theirs, err
		}
		ch.cmd.Stdin, ch.cmd.Stdout, ch.cmd.Stderr = slave, slave, slave
		ch.cmd.SysProcAttr.Setctty = true
		ch.cmd.SysProcAttr.Ctty = 1
	} else {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		ch.out = r
		theirs = append(theirs, w)
		ch.cmd.Stdout, ch.cmd.Stderr = w, w
	}
	if spec.Piped || !spec.PTY {
		r, w, err := os.Pipe()
		if err != nil {
			return theirs, err
		}
		ch.cmd.Stdin, ch.in = r, w
		theirs = append(theirs, r)
	}
	return theirs, nil
}

// prepare sets a new terminal's size and turns output processing off.
func prepare(slave *os.File, size Size) error {
	if err := setSize(slave, size); err != nil {
		return err
	}
	return rawOutput(slave)
}

// environment is the holder's own, less what belongs to Stoker (notification
// secrets) and what would contradict the terminal's size, plus those of more
// that it does not set itself.
func environment(spec rundir.Spec, more []string) []string {
	var env []string
	set := map[string]bool{}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "STOKER_NOTIFY") || spec.PTY && (name == "COLUMNS" || name == "LINES") {
			continue
		}
		env, set[name] = append(env, kv), true
	}
	if spec.PTY {
		more = append(more, "TERM=xterm-256color")
	}
	for _, kv := range more {
		if name, _, _ := strings.Cut(kv, "="); !set[name] {
			env, set[name] = append(env, kv), true
		}
	}
	return append(env, "STOKER_RUN="+spec.ID)
}

// startError turns the system's refusal into the exit status that a shell
// gives: 127 not found, 126 not executable.
func startError(name string, err error) *errs.Error {
	kind := errs.Permission
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		kind = errs.NotFound
	}
	return errs.New(kind, "cannot start %s: %w", name, err)
}

// feed writes queued input to the child, at the child's pace.
func (ch *child) feed() {
	for {
		select {
		case item := <-ch.queue:
			if item.end {
				ch.in.Close()
			} else {
				_, _ = ch.in.Write(item.data)
			}
			item.done()
		case <-ch.gone:
			return
		}
	}
}

// input queues one frame; done is called when the child's terminal took it, or
// when the child is gone. A supervisor lets few frames be under way, so the
// queue has room.
func (ch *child) input(end bool, p []byte, done func()) {
	item := inputItem{append([]byte(nil), p...), end && ch.in != ch.out, done}
	select {
	case ch.queue <- item:
	case <-ch.gone:
		done()
	}
}

func (ch *child) resize(s Size) {
	if ch.tty {
		_ = setSize(ch.out, s)
	}
}

// signal reaches the foreground group, or everything of the session.
func (ch *child) signal(r SignalRequest) {
	sig := syscall.Signal(r.Signal)
	if r.All {
		for _, p := range procs.Tree(ch.cmd.Process.Pid) {
			_ = syscall.Kill(p.PID, sig)
		}
		return
	}
	group := ch.cmd.Process.Pid
	if ch.tty {
		if fg := foreground(ch.out); fg > 0 {
			group = fg
		}
	}
	_ = syscall.Kill(-group, sig)
}

func (ch *child) close() {
	ch.closed.Do(func() {
		close(ch.gone)
		if ch.out != nil {
			ch.out.Close()
		}
		if ch.in != nil && ch.in != ch.out {
			ch.in.Close()
		}
	})
}

// settle is how long output may stay silent, after the child's end, before what
// its own children still hold open is no longer waited for.
const settle = 300 * time.Millisecond

// pump hands every piece of output to take, until the end of the output, or
// until the child has ended and its output has been silent for a while.
func (ch *child) pump(take func([]byte), ended <-chan struct{}) {
	chunks := make(chan []byte)
	back := make(chan []byte, 1)
	back <- make([]byte, 64<<10)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		defer close(chunks)
		for buf := range back {
			n, err := ch.out.Read(buf)
			if n > 0 {
				select {
				case chunks <- buf[:n]:
				case <-stop:
					return
				}
			}
			if err != nil && !errors.Is(err, syscall.EINTR) {
				return // io.EOF of a pipe, EIO of a terminal
			}
		}
	}()
	var quiet <-chan time.Time
	for {
		select {
		case p, ok := <-chunks:
			if !ok {
				return
			}
			take(p)
			pace(len(p))
			back <- p[:cap(p)]
			if quiet != nil {
				quiet = time.After(settle)
			}
		case <-ended:
			ended, quiet = nil, time.After(settle)
		case <-quiet:
			return
		}
	}
}

// pace lets small writes gather, so that a program that prints a thousand lines
// a second wakes the runner's processes two hundred times, not a thousand. A
// terminal holds 4 KiB for a reader; full chunks are therefore never delayed.
func pace(n int) {
	if n < 1024 {
		time.Sleep(4 * time.Millisecond)
	}
}
