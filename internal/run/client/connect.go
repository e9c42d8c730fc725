package client

import (
	"syscall"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/link"
	"stoker/internal/run/rundir"
)

// meet connects for the first time, perhaps while one supervisor takes the place
// of another.
func (c *client) meet() (err error) {
	for deadline := time.Now().Add(reconnectFor); ; {
		if err = c.connect(nil); err == nil || errs.Is(err, errs.Mismatch) || time.Now().After(deadline) {
			return err
		}
		if endOf(c.Dir) != nil {
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
	cols, rows := c.size()
	reply, err := greet(conn, link.Greeting{Version: link.Version, Attach: c.Attach, From: from, Cols: cols, Rows: rows})
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
		if cols > 0 {
			text = squeezeText(text, cols)
		}
		c.print(0, []byte(text))
	}
	return nil
}

// size is that of the client's terminal; zeros where it has none.
func (c *client) size() (cols, rows int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paint == nil {
		return 0, 0
	}
	return c.paint.cols, c.paint.rows
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
const reconnectFor = 30 * time.Second

// reconnect goes on with the supervisor that takes the place of one that died.
func (c *client) reconnect() bool {
	c.current().Close()
	for deadline := time.Now().Add(reconnectFor); time.Now().Before(deadline) && !c.gone(); {
		time.Sleep(100 * time.Millisecond)
		from := c.seen
		if c.connect(&from) == nil {
			for range len(c.window) { // what was under way is no longer answered
				<-c.window
			}
			return true
		}
		if endOf(c.Dir) != nil {
			return false
		}
	}
	return false
}

// gone reports whether Run returns.
func (c *client) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left
}

// lastWord is the result when no supervisor answers any more: the end, if the
// status file has it, with the output that no supervisor sent, from the log.
func (c *client) lastWord() Result {
	end := endOf(c.Dir)
	if end == nil {
		return Result{}
	}
	c.seen, _ = copyLog(c.Dir.Raw(), c.seen, printed{c}) // the end is true also where the log cannot be read
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	return Result{End: end}
}

// endOf is the end of a run, if its status file has one.
func endOf(d rundir.Dir) *rundir.End {
	if s, err := rundir.ReadStatus(d.Status()); err == nil && s.Phase == rundir.Ended {
		return s.End
	}
	return nil
}

// printed prints what is written to it as the command's output.
type printed struct{ c *client }

func (w printed) Write(p []byte) (int, error) {
	if !w.c.print(0, p) {
		return 0, syscall.EPIPE
	}
	return len(p), nil
}
