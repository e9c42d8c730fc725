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

	"stoker/internal/errs"
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

	window chan struct{} // tokens: Input frames that may still be sent
	result chan Result
}

// Run attaches to the run in o.Dir until it ends or the user leaves.
func Run(ctx context.Context, o Options) (Result, error) {
	c := &client{Options: o, window: make(chan struct{}, link.InputWindow), result: make(chan Result, 8)}
	c.findTerminal()
	if Foreground(o.In) { // before anything is shown: a key pressed then is the client's
		if restore, err := keysOnly(o.In); err == nil {
			defer restore()
		}
	}
	if err := c.meet(); err != nil {
		return Result{}, err
	}
	defer func() { c.current().Close() }()
	defer c.tidy()
	go c.receive()
	go c.input()
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

// meet connects for the first time, perhaps while one supervisor takes the place
// of another.
func (c *client) meet() (err error) {
	for deadline := time.Now().Add(reconnectFor); ; {
		if err = c.connect(nil); err == nil || errs.Is(err, errs.Mismatch) || time.Now().After(deadline) {
			return err
		}
		if s, statusErr := rundir.ReadStatus(c.Dir.Status()); statusErr == nil && s.Phase == rundir.Ended {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// connect greets the run's supervisor; from is nil the first time.
func (c *client) connect(from *int64) error {
	conn, err := link.Dial(c.Dir.Sock())
	if err != nil {
		return err
	}
	hello := link.Greeting{Version: link.Version, Attach: c.Attach, From: from}
	if c.paint != nil {
		hello.Cols, hello.Rows = c.paint.cols, c.paint.rows
	}
	reply, err := greet(conn, hello)
	if err != nil {
		conn.Close()
		return err
	}
	c.connMu.Lock()
	c.conn = conn
	c.connMu.Unlock()
	c.seen = reply.Offset
	if from == nil {
		c.spec = reply.Spec
	}
	if text := reply.Screen; text != "" {
		if c.paint != nil {
			text = squeezeText(text, c.paint.cols)
		}
		c.print(0, []byte(text))
	}
	return nil
}

func greet(conn *link.Conn, hello link.Greeting) (reply link.Reply, err error) {
	if err := conn.WriteJSON(link.ClientHello, hello); err != nil {
		return reply, errs.New(errs.NotFound, "the run's supervisor left: %w", err)
	}
	kind, p, err := conn.Read()
	if err != nil || kind != link.Welcome || !link.DecodeJSON(p, &reply) {
		return reply, errs.New(errs.Transient, "the run's supervisor did not answer: %v", err)
	}
	if reply.Version != link.Version {
		return reply, errs.New(errs.Mismatch, "the run speaks version %d, this stoker speaks %d", reply.Version, link.Version).
			WithHint("use the stoker that started the run; stoker logs -f works with any")
	}
	return reply, nil
}

// current is the connection to write to; it changes when a supervisor dies.
func (c *client) current() *link.Conn {
	c.connMu.Lock()
	defer c.connMu.Unlock()
	return c.conn
}

// reconnectFor is how long a client waits for a new supervisor.
const reconnectFor = 15 * time.Second

// reconnect goes on with the supervisor that takes the place of one that died.
func (c *client) reconnect() bool {
	c.current().Close()
	for deadline := time.Now().Add(reconnectFor); time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
		from := c.seen
		if c.connect(&from) == nil {
			for range len(c.window) { // what was under way is no longer answered
				<-c.window
			}
			return true
		}
		if s, err := rundir.ReadStatus(c.Dir.Status()); err == nil && s.Phase == rundir.Ended {
			return false
		}
	}
	return false
}

// receive prints what the supervisor sends, until the end.
func (c *client) receive() {
	for {
		kind, p, err := c.current().Read()
		if err != nil {
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

// lastWord is the result when no supervisor answers any more: the end, if the
// status file has it.
func (c *client) lastWord() Result {
	if s, err := rundir.ReadStatus(c.Dir.Status()); err == nil && s.Phase == rundir.Ended {
		return Result{End: s.End}
	}
	return Result{}
}

// print passes output on to where this client's own goes; false when nobody
// takes it any more.
func (c *client) print(source byte, p []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
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
		if r := c.lastWord(); r.End != nil {
			return r
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

// tidy leaves the terminal as it was found.
func (c *client) tidy() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paint == nil {
		return
	}
	c.paint.hide()
	if c.partial && !c.ended {
		_, _ = c.painted.Write([]byte("\n\x1b[J")) // the run goes on in this line, but not here
	}
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
			if link.DecodeJSON(c.status.Progress, &s) {
				fmt.Fprintf(c.Err, "stoker %s: %s\n", c.spec.ID, strings.TrimSpace(bar.Plain(s)))
			}
			c.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}
