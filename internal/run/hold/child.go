package hold

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"stoker/internal/errs"
	"stoker/internal/run/procs"
	"stoker/internal/run/rundir"
)

// child is one attempt's process with its terminal or pipes.
type child struct {
	cmd    *exec.Cmd
	outs   []*os.File // by stream.Source: a terminal's master side, or the read end of a pipe
	in     *os.File   // where input goes: a master side, or a pipe
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
	cmd.Env = environment(spec, c.Env, c.Paths)
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

// connect makes the terminals and pipes; theirs are the child's ends, to be
// closed here after the start. With spec.Split the child's standard error is a
// terminal or pipe of its own.
func (ch *child) connect(spec rundir.Spec, size Size) (theirs []*os.File, err error) {
	open := blockingPipe
	if spec.PTY {
		open = func() (ours, its *os.File, err error) { return openTerminal(size) }
		ch.cmd.SysProcAttr.Setctty, ch.cmd.SysProcAttr.Ctty = true, 1
	}
	for range 1 + btoi(spec.Split) {
		ours, its, err := open()
		if err != nil {
			return theirs, err
		}
		ch.outs, theirs = append(ch.outs, ours), append(theirs, its)
	}
	ch.cmd.Stdout, ch.cmd.Stderr = theirs[0], theirs[len(theirs)-1]
	if spec.PTY && !spec.Piped {
		ch.cmd.Stdin, ch.in = theirs[0], ch.outs[0]
		return theirs, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return theirs, err
	}
	ch.cmd.Stdin, ch.in = r, w
	return append(theirs, r), nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// openTerminal makes a terminal; ours is its master side.
func openTerminal(size Size) (ours, its *os.File, err error) {
	master, slave, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	if master, err = unpolled(master); err == nil {
		if err = prepare(slave, size); err == nil {
			return master, slave, nil
		}
		master.Close()
	}
	slave.Close()
	return nil, nil, err
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
// that it does not set itself. Its path lists begin with those of paths.
func environment(spec rundir.Spec, more, paths []string) []string {
	var env []string
	set := map[string]bool{}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "STOKER_NOTIFY") || spec.PTY && (name == "COLUMNS" || name == "LINES") {
			continue
		}
		env, set[name] = append(env, prepend(kv, paths)), true
	}
	more = append(slices.Clone(paths), more...)
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

// prepend puts the directories that paths has for a variable before its own.
func prepend(kv string, paths []string) string {
	name, value, _ := strings.Cut(kv, "=")
	for _, path := range paths {
		if own, dir, _ := strings.Cut(path, "="); own == name && value != "" {
			return name + "=" + dir + string(os.PathListSeparator) + value
		} else if own == name {
			return path // an empty list would mean the working directory
		}
	}
	return kv
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
	item := inputItem{append([]byte(nil), p...), end && ch.in != ch.outs[0], done}
	select {
	case ch.queue <- item:
	case <-ch.gone:
		done()
	}
}

func (ch *child) resize(s Size) {
	if ch.tty {
		for _, out := range ch.outs {
			_ = setSize(out, s)
		}
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
		if fg := foreground(ch.outs[0]); fg > 0 {
			group = fg
		}
	}
	_ = syscall.Kill(-group, sig)
}

func (ch *child) close() {
	ch.closed.Do(func() {
		close(ch.gone)
		for _, out := range ch.outs {
			out.Close()
		}
		if ch.in != nil {
			ch.in.Close() // a second Close of a terminal does nothing
		}
	})
}

// settle is how long output may stay silent, after the child's end, before what
// its own children still hold open is no longer waited for.
const settle = 300 // ms

// pump hands every piece of one output to take, until the output ends, or until the child has ended and its output has been silent for a while.
//
// It polls by itself instead of leaving that to Go's runtime, whose poller would
// wake for every single write of the child, also while pace sleeps.
func pump(out *os.File, take func([]byte), ended <-chan struct{}) error {
	wakeR, wakeW, err := blockingPipe()
	if err != nil {
		return err
	}
	defer wakeR.Close()
	quit := make(chan struct{})
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		select {
		case <-ended:
		case <-quit:
		}
		wakeW.Close()
	}()
	defer func() { close(quit); <-woken }()
	buf := make([]byte, 64<<10)
	fds := []unix.PollFd{{Fd: int32(out.Fd()), Events: unix.POLLIN}, {Fd: int32(wakeR.Fd()), Events: unix.POLLIN}}
	for timeout := -1; ; {
		n, err := unix.Poll(fds, timeout)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return err // silent after the end
		}
		if len(fds) > 1 && fds[1].Revents != 0 { // it has ended: what it left in the terminal is still read
			fds, timeout = fds[:1], settle
			continue
		}
		n, err = readReady(out, buf)
		if n > 0 {
			take(buf[:n])
			pace(n)
		}
		if err != nil {
			return nil // io.EOF of a pipe, EIO of a terminal
		}
	}
}

// readReady reads what is there, at least once: a terminal gives no more than 4
// KiB at a time, and a flood is passed on in larger pieces.
func readReady(f *os.File, buf []byte) (n int, err error) {
	ready := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	for n <= len(buf)-4096 {
		got, err := f.Read(buf[n:])
		if n += got; err != nil {
			return n, err
		}
		if more, err := unix.Poll(ready, 0); err != nil || more == 0 {
			break
		}
	}
	return n, nil
}

// pace lets small writes gather: a program that prints a thousand lines a second
// wakes the runner's processes sixty times, not a thousand, and what it prints
// once in a while is passed on at once. A read from a terminal gives at most
// 4095 bytes: in a flood chunks are full, and nothing waits.
func pace(n int) {
	if n < 2048 {
		_, _ = unix.Poll(nil, 15) // a sleep without a timer of the runtime, whose thread would wake too
	}
}
