package daemon

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"stoker/internal/engine"
	"stoker/internal/errs"
	"stoker/internal/shm"
	"stoker/internal/sysinfo"
	"stoker/internal/wire"
)

// client is one connection and its session.
type client struct {
	server  *server
	conn    *net.UnixConn
	session *engine.Session // nil until OPEN; only the reader sets it
	pump    sync.WaitGroup
	notices chan engine.Notice // to be passed on

	writing   sync.Mutex // one frame at a time
	frame     []byte     // guarded by writing: the frame being written
	announced []bool     // the pump's: slots whose memory the client has
}

// run serves the connection until it ends.
func (c *client) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.conn.CloseRead() }) //nolint:errcheck // wakes the reader
	defer stop()
	err := c.guard(func() error { return c.serve(ctx) })
	if err == nil && ctx.Err() != nil {
		err = errs.New(errs.Canceled, "the engine was stopped")
	}
	if err != nil {
		c.fatal(err)
	}
	cancel()
	c.conn.Close() //nolint:errcheck // wakes a pump that writes
	c.pump.Wait()
	if c.session != nil {
		if err := c.session.Close(); err != nil {
			c.server.log("closing a session: %v", err)
		}
	}
}

// guard turns a panic into an error of this connection.
func (c *client) guard(work func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errs.New(errs.Internal, "BUG: panic in a connection: %v\n%s", r, debug.Stack())
		}
	}()
	return work()
}

// serve answers the client's messages; nil when it closed the connection.
func (c *client) serve(ctx context.Context) error {
	peer, err := checkPeer(c.conn)
	if err != nil {
		return err
	}
	c.server.log("client %d joined", peer.PID)
	defer c.server.log("client %d left", peer.PID)
	if stop, err := shm.Watch(peer.PID, func() { c.conn.CloseRead() }); err == nil { //nolint:errcheck // wakes the reader
		defer stop()
	}
	r := bufio.NewReader(c.conn)
	if err := c.greet(r); err != nil {
		return ended(err)
	}
	var buf []byte
	for {
		t, payload, err := wire.ReadFrame(r, &buf)
		if err != nil {
			return ended(err)
		}
		if t == wire.TypeClose {
			return nil
		}
		if err := c.handle(ctx, t, payload); err != nil {
			return ended(err)
		}
	}
}

// ended returns nil for the errors of a connection that the other side closed.
func ended(err error) error {
	var e *errs.Error
	if !errors.As(err, &e) {
		var op *net.OpError
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &op) {
			return nil
		}
	}
	return err
}

// greet exchanges versions.
func (c *client) greet(r io.Reader) error {
	var buf []byte
	t, payload, err := wire.ReadFrame(r, &buf)
	if err != nil {
		return err
	}
	var hello struct { // another protocol may say more
		Protocol int    `json:"protocol"`
		Version  string `json:"version"`
	}
	if t != wire.TypeHello {
		return errs.New(errs.Invalid, "the first frame has type %d, not HELLO", t)
	}
	if err := wire.DecodeLoose("HELLO", payload, &hello); err != nil {
		return err
	}
	if hello.Protocol != wire.Protocol {
		return errs.New(errs.Mismatch, "the client (stoker %s) speaks protocol %d, the engine (stoker %s) speaks protocol %d",
			hello.Version, hello.Protocol, c.server.Version, wire.Protocol).
			WithHint("end the other jobs that use this engine, or set STOKER_ENGINE to a socket of its own")
	}
	return c.send(wire.TypeHelloOK, wire.Hello{Protocol: wire.Protocol, Version: c.server.Version, PID: os.Getpid()})
}

// handle answers one message.
func (c *client) handle(ctx context.Context, t wire.Type, payload []byte) error {
	if t == wire.TypeOpen {
		return c.open(ctx, payload)
	}
	if c.session == nil {
		return errs.New(errs.Invalid, "a frame of type %d came before OPEN", t)
	}
	switch t {
	case wire.TypeRelease:
		m, err := wire.ParseRelease(payload)
		if err != nil {
			return err
		}
		return c.session.Release(m.Slot, m.Generation)
	case wire.TypeWait:
		m, err := wire.ParseWait(payload)
		if err == nil {
			c.session.Wait(int(min(m.Held, 1<<20)))
		}
		return err
	case wire.TypeSeek:
		var m wire.Seek
		if err := wire.Decode("SEEK", payload, &m); err != nil {
			return err
		}
		if !isNull(m.Place) {
			return c.session.SeekPlace(m.Stream, m.Epoch, m.Place)
		}
		return c.session.Seek(m.Stream, m.Epoch, m.Position)
	case wire.TypeStats:
		return c.stats(payload)
	case wire.TypeSteps:
		return c.steps(payload)
	case wire.TypeIndex:
		return c.index(payload)
	}
	return errs.New(errs.Invalid, "a frame of unknown type %d came", t)
}

// pumpBatches hands batches out until the session ends. It is the only
// goroutine that calls Next.
func (c *client) pumpBatches(ctx context.Context) {
	err := c.guard(func() error {
		for {
			b, err := c.session.Next(ctx)
			if err != nil {
				return err
			}
			if err := c.announce(b); err != nil {
				return err
			}
		}
	})
	if ctx.Err() == nil && ended(err) != nil {
		c.fatal(err)
	}
	c.conn.CloseRead() //nolint:errcheck // wakes the reader, which ends the connection
}

// announce leases a batch to the client, and before its first lease the slot's
// memory.
func (c *client) announce(b *engine.Batch) error {
	for int(b.Slot) >= len(c.announced) {
		c.announced = append(c.announced, false)
	}
	if !c.announced[b.Slot] {
		if err := c.sendSlot(b); err != nil {
			return err
		}
		c.announced[b.Slot] = true
	}
	m := wire.Batch{Slot: b.Slot, Generation: b.Generation, Stream: b.Stream, Rows: uint32(b.Rows),
		Epoch: b.Epoch, Step: b.Step, Position: uint64(b.Position), Valid: uint32(b.Valid)}
	if b.Last {
		m.Flags |= wire.FlagLast
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if q := b.Sequences; q != nil {
		c.frame = wire.AppendSequenceBatch(c.frame[:0], &m, &wire.Sequence{Width: uint32(q.Width), Longest: uint32(q.Longest),
			Micro: uint32(q.Micro), Micros: uint32(q.Micros), StepSamples: uint64(q.StepSamples), StepTokens: uint64(q.StepTokens), Place: q.Place})
	} else {
		c.frame = wire.AppendBatch(c.frame[:0], &m)
	}
	_, err := c.conn.Write(c.frame)
	return err
}

func (c *client) sendSlot(b *engine.Batch) error {
	region, err := c.session.Slot(b.Slot)
	if err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	c.frame = wire.AppendSlot(c.frame[:0], wire.Slot{Slot: b.Slot, Bytes: uint64(len(region.Bytes()))})
	return shm.Send(c.conn, c.frame, region.FD())
}

// send writes a frame with the JSON of v.
func (c *client) send(t wire.Type, v any) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	var err error
	if c.frame, err = wire.AppendJSON(c.frame[:0], t, v); err != nil {
		return err
	}
	_, err = c.conn.Write(c.frame)
	return err
}

// lastWords is how long a client that reads nothing keeps the engine from ending its
// session. An engine that the system did not run for so long says nothing either.
const lastWords = 10 * time.Second

// fatal tells the client why the session ends, if it still listens.
func (c *client) fatal(err error) {
	m := wire.FromError(c.server.explain(err), true)
	c.server.log("session ended: %v", err)
	c.conn.SetWriteDeadline(time.Now().Add(lastWords)) //nolint:errcheck // the write reports it
	if err := c.send(wire.TypeError, m); err != nil {
		c.server.log("the client did not take the error: %v", err)
	}
}

// notify has a session's notice passed on. It never blocks the session, on whose
// cores others wait; a client that takes no notices gets no more than fit.
func (c *client) notify(n engine.Notice) {
	select {
	case c.notices <- n:
	default:
	}
}

// pumpNotices passes notices on until the session ends.
func (c *client) pumpNotices(ctx context.Context) {
	for {
		select {
		case n := <-c.notices:
			if err := c.send(wire.TypeNotice, wire.Notice{Kind: n.Kind, Message: n.Message}); err != nil {
				return // the reader sees the same
			}
		case <-ctx.Done():
			return
		}
	}
}

// rss is the memory of this process.
func rss() int64 { return sysinfo.Usage().RSSBytes }
