// Package client is a terminal or a pipe attached to a run. The client that
// `stoker run` leaves in the foreground behaves as the command itself would:
// exit status, signals, input, window size; when it goes, the run does not.
package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"stoker/internal/run/bar"
	"stoker/internal/run/estimate"
	"stoker/internal/run/link"
	"stoker/internal/run/rundir"
)

// Options of a client.
type Options struct {
	Dir     rundir.Dir
	Attach  bool // to a run already there; Ctrl-C then detaches
	Bar     bool
	Color   bool
	In      *os.File
	Out     *os.File
	Err     *os.File
	Signals <-chan os.Signal // what this process gets
}

// Result says how the client ended.
type Result struct {
	End      *rundir.End // nil: the run goes on
	Detached bool        // by a key
	HungUp   bool        // the terminal went away
}

// stderrSource marks output that the command wrote to its standard error.
const stderrSource = 1

// lineEvery is how often the progress is printed where no bar can be drawn.
const lineEvery = time.Minute

type client struct {
	Options
	spec rundir.Spec
	seen int64 // offset after the last output printed; receive's own

	connMu sync.Mutex
	conn   *link.Conn

	mu      sync.Mutex // over what is printed
	paint   *painter   // nil where neither Out nor Err is a terminal
	painted *os.File   // the one that paint draws on
	status  rundir.Status
	partial bool // the last output did not end a line
	ended   bool
	left    bool // Run returns: nothing is printed any more

	window chan struct{} // tokens: Input frames that may still be sent
	result chan Result
}

// Run attaches to the run in o.Dir until it ends or the user leaves. The files in
// o are the caller's again when it returns, except for a Read of o.In that waits.
func Run(ctx context.Context, o Options) (Result, error) {
	c := &client{Options: o, window: make(chan struct{}, link.InputWindow), result: make(chan Result, 8)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.findTerminal()
	tty := Foreground(o.In)
	if tty { // before anything is shown: a key pressed then is the client's
		if restore, err := keysOnly(o.In); err == nil {
			defer restore()
		}
	}
	reads := tty || !o.Attach && !term.IsTerminal(int(o.In.Fd())) // a background job may not read its terminal
	defer c.leave()
	if err := c.meet(); err != nil {
		if !o.Attach { // it may have been over before this client came
			if last := c.lastWord(); last.End != nil {
				return last, nil
			}
		}
		return Result{}, err
	}
	go c.receive()
	go c.input(tty, reads)
	go c.signals(ctx)
	if c.Bar && c.paint == nil {
		go c.lines(ctx)
	}
	select {
	case r := <-c.result:
		return r, nil
	case <-ctx.Done():
		return Result{}, nil
	}
}

// findTerminal picks the output to draw on.
func (c *client) findTerminal() {
	for _, f := range []*os.File{c.Out, c.Err} {
		if cols, rows := Size(f); cols > 0 {
			c.paint, c.painted = newPainter(f, cols, rows), f
			return
		}
	}
}

// receive prints what the supervisor sends, until the end.
func (c *client) receive() {
	for {
		kind, p, err := c.current().Read()
		if err != nil {
			if c.gone() {
				return
			}
			if c.reconnect() {
				continue
			}
			c.result <- c.lastWord()
			return
		}
		switch kind {
		case link.Output:
			if len(p) < 9 {
				continue
			}
			if !c.print(p[8], p[9:]) {
				return
			}
			c.seen = int64(binary.LittleEndian.Uint64(p)) + int64(len(p)-9)
		case link.StatusNow:
			c.mu.Lock()
			link.DecodeJSON(p, &c.status)
			c.drawBar()
			c.mu.Unlock()
		case link.InputTaken:
			select {
			case <-c.window:
			default:
			}
		case link.Bell:
			c.bell()
		case link.Message:
			c.message(string(p))
		case link.Ended:
			var end rundir.End
			link.DecodeJSON(p, &end)
			c.mu.Lock()
			c.ended = true
			c.mu.Unlock()
			c.result <- Result{End: &end}
			return
		}
	}
}

// print passes output on to where this client's own goes; false when nobody
// takes it any more.
func (c *client) print(source byte, p []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left {
		return false
	}
	to := c.Out
	if source == stderrSource {
		to = c.Err
	}
	var err error
	if c.paint != nil && to == c.painted {
		if len(p) > 0 {
			c.partial = p[len(p)-1] != '\n' && p[len(p)-1] != '\r'
		}
		err = c.paint.write(p)
	} else {
		_, err = to.Write(p)
	}
	if err != nil {
		go c.outputGone(err)
		return false
	}
	return true
}

// outputGone is what happens when writing fails: the terminal went (the run
// goes on), or the reader of a pipe left, which ends a program that still
// writes, as it would without Stoker.
func (c *client) outputGone(err error) {
	if !errors.Is(err, syscall.EPIPE) || c.Attach {
		c.result <- Result{HungUp: true}
		return
	}
	time.Sleep(time.Second) // the whole pipeline may have been hung up: signals comes first then
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		c.result <- Result{HungUp: true}
		return
	}
	tty.Close()
	c.result <- c.readerLeft()
}

// pipeGrace is how long a command has to end by SIGPIPE.
const pipeGrace = 2 * time.Second

// readerLeft ends the run as a pipe without a reader ends a program: by SIGPIPE,
// and one that ignores it, as Python does, in the way of `stoker stop`, because
// its own writes, to a terminal that is still there, do not fail.
func (c *client) readerLeft() Result {
	_ = c.current().WriteJSON(link.ClientKill, link.Kill{Signal: int(syscall.SIGPIPE)})
	for deadline := time.Now().Add(pipeGrace); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if end := endOf(c.Dir); end != nil {
			return Result{End: end}
		}
	}
	end, err := Stop(c.Dir, link.Stop{}, func(string) {})
	if err != nil {
		return Result{HungUp: true}
	}
	return Result{End: &end}
}

// drawBar brings the bar up to date; c.mu is held.
func (c *client) drawBar() {
	if c.paint == nil || !c.Bar {
		return
	}
	if line, ok := c.barLine(c.paint.cols - 1); ok {
		_ = c.paint.setBar(line)
	}
}

func (c *client) barLine(width int) (string, bool) {
	var s estimate.Status
	if !link.DecodeJSON(c.status.Progress, &s) {
		return "", false
	}
	switch {
	case c.status.Phase == rundir.Waiting:
		return fit("waiting to restart: "+c.status.End.Text, width), true
	case c.status.Phase == rundir.Stopping:
		return fit("stopping ...", width), true
	case c.status.Stall != "":
		return fit("no progress: "+c.status.Stall, width), true
	}
	return bar.Render(s, width, c.Color), true
}

// fit cuts text to width cells; it holds no wide characters.
func fit(s string, width int) string {
	r := []rune(s)
	return string(r[:min(len(r), max(width, 0))])
}

// message prints a line from Stoker itself.
func (c *client) message(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left {
		return
	}
	line := "stoker: " + text + "\n"
	if c.paint == nil {
		fmt.Fprint(c.Err, line)
		return
	}
	if c.partial {
		line = "\n" + line
	}
	_ = c.paint.write([]byte(line))
	c.partial = false
}

// bell rings where a person may hear it.
func (c *client) bell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paint != nil {
		_, _ = c.painted.Write([]byte{'\a'})
	}
}

// leave ends the connection and leaves the terminal as it was found; nothing is
// printed after it.
func (c *client) leave() {
	c.tidy()
	if conn := c.current(); conn != nil {
		conn.Close()
	}
}

func (c *client) tidy() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
	if c.paint == nil {
		return
	}
	c.paint.hide()
	if c.partial && !c.ended {
		_, _ = c.painted.Write([]byte("\n\x1b[J")) // the run goes on in this line, but not here
	}
	c.paint = nil
}

// lines prints the progress once a minute where there is no bar: to a pipe, a
// file, a terminal that cannot move its cursor.
func (c *client) lines(ctx context.Context) {
	tick := time.NewTicker(lineEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.mu.Lock()
			var s estimate.Status
			if !c.left && link.DecodeJSON(c.status.Progress, &s) {
				fmt.Fprintf(c.Err, "stoker %s: %s\n", c.spec.ID, strings.TrimSpace(bar.Plain(s)))
			}
			c.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}
