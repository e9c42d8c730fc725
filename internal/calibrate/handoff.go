package calibrate

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"stoker/internal/errs"
	"stoker/internal/shm"
	"stoker/internal/wire"
)

const (
	handBlock  = 200 * time.Millisecond
	askBlock   = 100 * time.Millisecond
	engineWait = 30 * time.Second // as long as it lives: a busy machine starts it late
)

// handoff measures how fast a real engine, in a process of its own, hands batches
// that cost nothing to make to a client.
func (c *calibrator) handoff(ctx context.Context, s *sample) (none part, err error) {
	if len(c.Engine) == 0 {
		return none, nil
	}
	name := fmt.Sprintf("@stoker-calibrate/%d/%d", os.Getpid(), time.Now().UnixNano())
	cmd := exec.CommandContext(ctx, c.Engine[0], append(c.Engine[1:], "--socket", name)...)
	if err := cmd.Start(); err != nil {
		return none, errs.New(errs.Unsupported, "hand-off: the engine cannot be started: %w", err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }() //nolint:errcheck // killed below
	c.helper = cmd.Process.Pid
	c.atEnd(func() {
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		<-ended
	})
	dir, err := filepath.Abs(s.dir) // the engine may have another working directory
	if err != nil {
		return none, errs.New(errs.Permission, "the working directory is not known: %w", err)
	}
	p, err := join(ctx, ended, name, dir, c.report.Data.Sequences)
	if err != nil {
		return none, err
	}
	c.atEnd(p.close)
	p.lasts = c.block
	return part{items: []*item{
		{row: Row{ID: "handoff.batches", Group: "hand-off", Name: "ready batches, engine to client, no copy", Typical: "50,000/s"},
			unit: "batches/s", cores: 2, block: p.batches},
		{row: Row{ID: "handoff.ask", Group: "hand-off", Name: "question and answer over the socket", Typical: "20 to 50 us"},
			unit: "s", cores: 2, block: p.questions},
	}}, nil
}

// peer is a client of an engine, as docs/protocol.md has it.
type peer struct {
	conn  *net.UnixConn
	in    *bufio.Reader
	buf   []byte
	frame []byte
	ready []wire.Batch // came while an answer was awaited

	sequences bool                              // the dataset holds them
	lasts     func(time.Duration) time.Duration // a block
}

// Read drops the descriptors of the slots: nobody looks into them here.
func (p *peer) Read(b []byte) (int, error) {
	n, file, err := shm.Receive(p.conn, b)
	if file != nil {
		file.Close() //nolint:errcheck // never used
	}
	if n == 0 && err == nil {
		err = net.ErrClosed
	}
	return n, err
}

func (p *peer) close() { p.conn.Close() } //nolint:errcheck // the engine is ended next

// join connects to the engine when it listens, unless it has ended before, and opens
// a session of batches of one sample's number: the least work that a batch can be.
func join(ctx context.Context, ended <-chan struct{}, name, dir string, sequences bool) (*peer, error) {
	conn, err := reach(ctx, ended, name)
	if err != nil {
		return nil, errs.New(errs.Unsupported, "hand-off: the engine did not come up: %w", err)
	}
	p := &peer{conn: conn, sequences: sequences}
	p.in = bufio.NewReader(p)
	o := wire.Open{Dataset: dir, Pipeline: json.RawMessage("null"), Fields: []string{"index"}, Plan: wire.Plan{BatchSize: 1, WorldSize: 1, LastBatch: "keep"},
		OnBadSample: "fail", Resources: wire.Resources{PrefetchBatches: 64}}
	if sequences {
		o.Fields = nil
	}
	for _, step := range []struct {
		send   wire.Type
		value  any
		expect wire.Type
	}{{wire.TypeHello, wire.Hello{Protocol: wire.Protocol, PID: os.Getpid()}, wire.TypeHelloOK}, {wire.TypeOpen, o, wire.TypeOpened}} {
		err := p.send(step.send, step.value)
		if err == nil {
			_, err = p.expect(step.expect)
		}
		if err != nil {
			p.close()
			return nil, err
		}
	}
	return p, nil
}

// reach connects to the engine.
func reach(ctx context.Context, ended <-chan struct{}, name string) (*net.UnixConn, error) {
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	late := time.After(engineWait)
	for {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: name, Net: "unix"})
		if err == nil {
			return conn, nil
		}
		select {
		case <-again.C:
		case <-ended:
			return nil, err
		case <-late:
			return nil, err
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (p *peer) send(t wire.Type, v any) error {
	frame, err := wire.AppendJSON(nil, t, v)
	if err == nil {
		_, err = p.conn.Write(frame)
	}
	return lost(err)
}

// expect reads up to a frame of type t. Batches that come before are kept.
func (p *peer) expect(t wire.Type) ([]byte, error) {
	for {
		got, payload, err := wire.ReadFrame(p.in, &p.buf)
		if err != nil {
			return nil, lost(err)
		}
		switch got {
		case t:
			return payload, nil
		case wire.TypeError:
			var m wire.Error
			if err := wire.Decode("ERROR", payload, &m); err != nil {
				return nil, err
			}
			return nil, m.Err()
		case wire.TypeBatch:
			b, err := p.parse(payload)
			if err != nil {
				return nil, err
			}
			p.ready = append(p.ready, b)
		}
	}
}

// lost says that the engine went.
func lost(err error) error {
	if err == nil {
		return nil
	}
	return errs.New(errs.Unsupported, "hand-off: the engine left: %w", err)
}

// batches takes and releases batches for some time.
func (p *peer) batches(ctx context.Context) (float64, error) {
	stop := context.AfterFunc(ctx, func() { p.conn.CloseRead() }) //nolint:errcheck // wakes the reader
	defer stop()
	start, n := time.Now(), 0
	for n%64 != 0 || time.Since(start) < p.lasts(handBlock) {
		b, err := p.batch()
		if err != nil {
			return 0, err
		}
		p.frame = wire.AppendRelease(p.frame[:0], wire.Release{Slot: b.Slot, Generation: b.Generation})
		if _, err := p.conn.Write(p.frame); err != nil {
			return 0, lost(err)
		}
		n++
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

func (p *peer) batch() (wire.Batch, error) {
	if n := len(p.ready); n > 0 {
		b := p.ready[n-1]
		p.ready = p.ready[:n-1]
		return b, nil
	}
	payload, err := p.expect(wire.TypeBatch)
	if err != nil {
		return wire.Batch{}, err
	}
	return p.parse(payload)
}

// parse reads a BATCH frame; those of sequences say more.
func (p *peer) parse(payload []byte) (wire.Batch, error) {
	if p.sequences {
		b, _, err := wire.ParseSequenceBatch(payload)
		return b, err
	}
	return wire.ParseBatch(payload)
}

// questions asks for a number that the engine knows, and returns the seconds that
// an answer took.
func (p *peer) questions(ctx context.Context) (float64, error) {
	stop := context.AfterFunc(ctx, func() { p.conn.CloseRead() }) //nolint:errcheck // wakes the reader
	defer stop()
	return typical(p.lasts(askBlock), func(bool) error {
		if err := p.send(wire.TypeSteps, wire.Steps{}); err != nil {
			return err
		}
		_, err := p.expect(wire.TypeStepsReply)
		return err
	})
}
