package supervisor

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"

	"stoker/internal/run/hold"
	"stoker/internal/run/link"
)

// client is one connected client. Its output is pulled from the stream at its
// own pace; everything else goes through its outbox, which a client that does
// not read fills up and nobody waits for.
type client struct {
	conn   *link.Conn
	hello  link.Greeting
	outbox chan outgoing
	status chan []byte   // newest status only
	done   chan struct{} // closed when the client is gone
	sent   atomic.Int64  // offset of the output that it has taken
	final  []byte        // Ended payload; set before the stream is closed
}

type outgoing struct {
	kind byte
	data []byte
}

// message is one frame from a client, or its coming and going.
type message struct {
	from    *client
	kind    byte
	payload []byte
	gone    bool
	reply   chan link.Reply // for a ClientHello
}

// serve reads one client's frames and hands them to the loop.
func (s *supervisor) serve(ctx context.Context, conn *link.Conn) {
	defer conn.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c := &client{conn: conn, outbox: make(chan outgoing, 256), status: make(chan []byte, 1), done: make(chan struct{})}
	defer close(c.done)
	kind, p, err := conn.Read()
	if err != nil || kind != link.ClientHello || !link.DecodeJSON(p, &c.hello) {
		return
	}
	if c.hello.Version != link.Version {
		_ = conn.WriteJSON(link.Welcome, link.Reply{Version: link.Version})
		return
	}
	hello := message{from: c, kind: kind, reply: make(chan link.Reply, 1)}
	if !s.hand(ctx, hello) {
		return
	}
	reply := <-hello.reply
	if conn.WriteJSON(link.Welcome, reply) != nil {
		s.hand(ctx, message{from: c, gone: true})
		return
	}
	go s.pump(ctx, c, reply.Offset)
	go c.post(ctx)
	for {
		kind, p, err := conn.Read()
		m := message{from: c, kind: kind, payload: append([]byte(nil), p...), gone: err != nil}
		if !s.hand(ctx, m) || m.gone {
			return
		}
	}
}

// hand gives a message to the loop; false when the supervisor is leaving.
func (s *supervisor) hand(ctx context.Context, m message) bool {
	select {
	case s.messages <- m:
		return true
	case <-ctx.Done():
		return false
	}
}

// pump sends the output from off on, then the end.
func (s *supervisor) pump(ctx context.Context, c *client, off int64) {
	buf := make([]byte, 32<<10)
	for {
		chunk, ok := s.out.Next(ctx, off, buf, nil)
		if !ok {
			if ctx.Err() == nil {
				_ = c.conn.Write(link.Ended, c.final)
			}
			return
		}
		head := append(binary.LittleEndian.AppendUint64(nil, uint64(chunk.Offset)), byte(chunk.Source))
		if c.conn.Write(link.Output, head, chunk.Data) != nil {
			return
		}
		off = chunk.Offset + int64(len(chunk.Data))
		c.sent.Store(off)
	}
}

// post sends the outbox and the newest status.
func (c *client) post(ctx context.Context) {
	for {
		select {
		case o := <-c.outbox:
			_ = c.conn.Write(o.kind, o.data)
		case p := <-c.status:
			_ = c.conn.Write(link.StatusNow, p)
		case <-ctx.Done():
			return
		}
	}
}

// send queues a frame; a client that stopped reading loses it.
func (c *client) send(kind byte, data []byte) {
	select {
	case c.outbox <- outgoing{kind, data}:
	default:
	}
}

// push gives every client the current status.
func (s *supervisor) push() {
	if len(s.clients) == 0 {
		return
	}
	p, err := json.Marshal(&s.status)
	if err != nil {
		return
	}
	for c := range s.clients {
		select {
		case <-c.status:
		default:
		}
		c.status <- p // the loop is the only sender: there is room now
	}
}

func (s *supervisor) fromClient(m message) {
	c := m.from
	if m.gone {
		delete(s.clients, c)
		if !c.hello.Attach && s.Spec.Piped {
			s.give(nil, hold.EndInput, nil)
		}
		return
	}
	switch m.kind {
	case link.ClientHello:
		s.clients[c], s.met = true, true
		s.resize(c.hello.Cols, c.hello.Rows)
		m.reply <- s.welcome(c)
		s.dirty = true
	case link.ClientInput:
		if strings.ContainsAny(string(m.payload), "\x03\x1c") {
			s.attempt.interrupted = time.Now()
		}
		s.give(c, hold.Input, m.payload)
	case link.ClientEnd:
		s.give(c, hold.EndInput, nil)
	case link.ClientSize:
		var size link.Size
		if link.DecodeJSON(m.payload, &size) {
			s.resize(size.Cols, size.Rows)
		}
	case link.ClientKill:
		var k link.Kill
		if link.DecodeJSON(m.payload, &k) {
			s.attempt.interrupted = time.Now()
			_ = s.holder.WriteJSON(hold.Signal, hold.SignalRequest{Signal: k.Signal})
		}
	case link.ClientStop:
		var req link.Stop
		if link.DecodeJSON(m.payload, &req) {
			s.stopRun(req)
		}
	}
}

// give hands input to the holder; its acknowledgements come in the same order.
func (s *supervisor) give(from *client, kind byte, p []byte) {
	s.inputs = append(s.inputs, from)
	_ = s.holder.Write(kind, p)
}

// resize gives the child's terminal the client's height, and its width where
// that is more than bars need.
func (s *supervisor) resize(cols, rows int) {
	if cols > 0 && rows > 0 {
		_ = s.holder.WriteJSON(hold.Window, hold.Size{Cols: max(cols, minCols), Rows: rows})
	}
}

// welcome tells a new client where it stands: one that attaches gets the screen
// as it is now and what follows; the one that started the run, everything.
func (s *supervisor) welcome(c *client) link.Reply {
	r := link.Reply{Version: link.Version, Spec: s.Spec}
	switch {
	case c.hello.From != nil:
		r.Offset = max(*c.hello.From, 0)
	case c.hello.Attach:
		done, live, _ := s.screen.Tail(max(c.hello.Rows, 10) - 2)
		var b strings.Builder
		for _, line := range done {
			b.WriteString(line + "\n")
		}
		b.WriteString(strings.Join(live, "\n"))
		r.Screen, r.Offset = b.String(), s.out.End()
	}
	return r
}

// farewell lets the clients take the last output and the end, as long as they
// take anything. The client of a command that is over at once may not even have
// come yet.
func (s *supervisor) farewell() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	moved := time.Now()
	expected := func() bool { return s.Spec.Foreground && !s.Revived && !s.met && time.Since(moved) < meetLimit }
	for before := int64(-1); expected() || len(s.clients) > 0 && time.Since(moved) < lingerLimit; {
		select {
		case m := <-s.messages:
			switch {
			case m.gone:
				delete(s.clients, m.from)
			case m.reply != nil: // one that comes now gets the end at once
				m.from.final = s.finalPayload()
				s.clients[m.from], s.met = true, true
				m.reply <- s.welcome(m.from)
			}
		case <-tick.C:
			sent := int64(0)
			for c := range s.clients {
				sent += c.sent.Load()
			}
			if sent != before {
				before, moved = sent, time.Now()
			}
		}
	}
}
