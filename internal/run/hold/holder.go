// Package hold is the holder: the smallest process that keeps a run alive. It
// owns the child's terminal, drains it into the raw log, waits for the child
// and writes its end to the journal. It parses nothing, knows no network and no
// database, so there is little in it that can fail. One supervisor at a time
// connects to it; when that dies without saying Quit, the holder starts another.
package hold

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"net"
	"os"
	"sync"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/journal"
	"stoker/internal/run/link"
	"stoker/internal/run/procs"
	"stoker/internal/run/rundir"
	"stoker/internal/run/seglog"
	"stoker/internal/run/stream"
)

// memory is how much output the holder itself remembers: enough for a
// supervisor to catch up with while the disk is full.
const memory = 512 << 10

// Options of a holder.
type Options struct {
	Dir  rundir.Dir
	Spec rundir.Spec
	// Revive starts a new supervisor for the run; it is called when the one
	// before died.
	Revive func() error
	// Patience is how long the holder waits for a supervisor to connect before
	// it calls Revive again; Tries bounds those calls in a row.
	Patience time.Duration
	Tries    int
}

type holder struct {
	Options
	journal *journal.Writer
	raw     *seglog.Writer
	times   *seglog.Writer // when which offset was written (times.go)
	stamped time.Time      // of the last record in times
	out     *stream.Buffer

	writing sync.Mutex // over raw, times, stamped and the order of out

	mu    sync.Mutex
	state State
	child *child
	conn  *link.Conn // the supervisor's, or nil
	// events are the starts and ends of all attempts; changed is closed and
	// replaced when one is added.
	events  []event
	changed chan struct{}
}

// event is a start or end of an attempt, at its place in the output.
type event struct {
	kind   byte
	offset int64
	state  State
}

// Run holds the run in o.Dir until a supervisor says Quit, or until the child
// ended and no supervisor can be started any more. ready is called once
// supervisors can connect.
func Run(ctx context.Context, o Options, ready func()) error {
	j, err := journal.Open(o.Dir.Journal())
	if err != nil {
		return err
	}
	defer j.Close()
	raw, err := seglog.NewWriter(o.Dir.Raw(), o.Spec.RawCap)
	if err != nil {
		return err
	}
	defer raw.Close()
	times, err := seglog.NewWriter(timesDir(o.Dir), timesCap)
	if err != nil {
		return err
	}
	defer times.Close()
	l, err := link.Listen(o.Dir.HoldSock())
	if err != nil {
		return err
	}
	defer l.Close()
	h := &holder{Options: o, journal: j, raw: raw, times: times,
		out: stream.New(o.Dir.Raw(), raw.End(), memory), changed: make(chan struct{})}
	h.state.Holder = procs.Identify(os.Getpid())
	conns := make(chan net.Conn)
	go accept(ctx, l, conns)
	ready()
	return h.serve(ctx, conns)
}

func accept(ctx context.Context, l net.Listener, conns chan<- net.Conn) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		select {
		case conns <- c:
		case <-ctx.Done():
			c.Close()
			return
		}
	}
}

// steady is how long a supervisor must have lived for its death to be an
// accident: one that dies sooner may do so again for the same reason.
const steady = time.Minute

// serve attends one supervisor after the other.
func (h *holder) serve(ctx context.Context, conns <-chan net.Conn) error {
	for tries := 0; ; {
		select {
		case raw := <-conns:
			came := time.Now()
			if quit := h.attend(ctx, link.NewConn(raw)); quit {
				h.closeChild()
				return nil
			}
			if time.Since(came) >= steady {
				tries = 0
			}
		case <-time.After(h.Patience):
		case <-ctx.Done():
			h.closeChild()
			return ctx.Err()
		}
		if tries++; tries > h.Tries {
			return h.alone(ctx, conns)
		}
		// It reports only once this loop has served it.
		time.AfterFunc(time.Duration(tries-1)*time.Second, h.revive)
	}
}

func (h *holder) revive() {
	if err := h.Revive(); err != nil {
		_ = h.journal.Append(time.Now(), "revive-failed", map[string]string{"error": err.Error()}, false)
	}
}

// alone waits, without supervisor, for the child's end, which the journal then
// has; a supervisor that still comes is served.
func (h *holder) alone(ctx context.Context, conns <-chan net.Conn) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case raw := <-conns:
			if h.attend(ctx, link.NewConn(raw)) {
				h.closeChild()
				return nil
			}
		case <-tick.C:
			if h.snapshot().Running {
				continue
			}
			return errs.New(errs.Internal, "no supervisor could be started; the run's end is in its journal")
		case <-ctx.Done():
			h.closeChild()
			return ctx.Err()
		}
	}
}

// attend serves one supervisor until it leaves; quit reports that it said so.
func (h *holder) attend(ctx context.Context, conn *link.Conn) (quit bool) {
	defer conn.Close()
	kind, p, err := conn.Read()
	if err != nil || kind != From || len(p) != 8 {
		return false
	}
	from := int64(binary.LittleEndian.Uint64(p))
	if err := conn.WriteJSON(Hello, h.snapshot()); err != nil {
		return false
	}
	ctx, cancel := context.WithCancel(ctx)
	sent := make(chan struct{})
	go func() { defer close(sent); h.send(ctx, conn, from) }()
	defer func() { cancel(); conn.Close(); <-sent }()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	h.setConn(conn)
	defer h.setConn(nil)
	for {
		kind, p, err := conn.Read()
		if err != nil {
			return false
		}
		if kind == Quit {
			return true
		}
		h.obey(kind, p)
	}
}

// send streams the output from off on, with every attempt's start and end in
// its place between the bytes, all attempts from the first on: a supervisor that
// starts in the middle learns the run in the order in which it happened.
func (h *holder) send(ctx context.Context, conn *link.Conn, off int64) {
	buf := make([]byte, 64<<10)
	times := newTimes(h.Dir)
	for told := 0; ; {
		h.mu.Lock()
		events, changed := h.events[told:], h.changed
		h.mu.Unlock()
		room := buf
		if len(events) > 0 {
			next := events[0]
			if off >= next.offset {
				if conn.WriteJSON(next.kind, next.state) != nil {
					return
				}
				told++
				continue
			}
			room = buf[:min(int64(len(buf)), next.offset-off)]
		}
		c, ok := h.out.Next(ctx, off, room, changed)
		if ok {
			if c.Time.IsZero() {
				c.Time = times.at(c.Offset)
			}
			if conn.Write(Data, dataHead(c), c.Data) != nil {
				return
			}
			off = c.Offset + int64(len(c.Data))
		} else if ctx.Err() != nil {
			return
		}
	}
}

func (h *holder) obey(kind byte, p []byte) {
	switch kind {
	case Start:
		var c Command
		if json.Unmarshal(p, &c) == nil {
			h.start(c)
		}
	case Input, EndInput:
		if ch := h.current(); ch != nil {
			ch.input(kind == EndInput, p, h.ack)
		} else {
			h.ack()
		}
	case Window:
		var size Size
		if ch := h.current(); ch != nil && json.Unmarshal(p, &size) == nil {
			ch.resize(size)
		}
	case Signal:
		var r SignalRequest
		if ch := h.current(); ch != nil && json.Unmarshal(p, &r) == nil {
			ch.signal(r)
		}
	}
}

// ack tells the supervisor, if there is one, that an Input frame was taken.
func (h *holder) ack() {
	h.mu.Lock()
	conn := h.conn
	h.mu.Unlock()
	if conn != nil {
		_ = conn.Write(Ack)
	}
}

func (h *holder) setConn(c *link.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conn = c
}

func (h *holder) current() *child {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.child
}

func (h *holder) snapshot() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}
