//go:build linux

package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"stoker/internal/engine"
	"stoker/internal/errs"
	"stoker/internal/leaktest"
	"stoker/internal/shm"
	"stoker/internal/wire"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
		return
	}
	leaktest.Main(m)
}

var socketNumber atomic.Int64

// socketName returns an abstract name that no other test uses.
func socketName() string { return fmt.Sprintf("@stoker-test/%d/%d", os.Getpid(), socketNumber.Add(1)) }

// start serves on a name of its own until the test ends.
func start(t testing.TB, o Options) string {
	t.Helper()
	name := socketName()
	l, err := Listen(name)
	if err != nil {
		t.Fatal(err)
	}
	o.Version = "test"
	if o.FirstIdle == 0 {
		o.FirstIdle = time.Minute
	}
	if o.IdleAfter == 0 {
		o.IdleAfter = time.Minute
	}
	if o.Budget == nil {
		o.Budget = engine.NewBudget(2, 256<<20)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return name
}

// peer is the client's side of the protocol, as the tests need it.
type peer struct {
	conn  *net.UnixConn
	r     *bufio.Reader
	buf   []byte
	files []*os.File // received and not yet mapped
	slots map[uint32]*shm.Region
	open  wire.Opened
}

func dial(name string) (*peer, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, err
	}
	p := &peer{conn: conn, slots: make(map[uint32]*shm.Region)}
	p.r = bufio.NewReader(p)
	return p, nil
}

// Read takes descriptors out of the stream.
func (p *peer) Read(b []byte) (int, error) {
	n, file, err := shm.Receive(p.conn, b)
	if file != nil {
		p.files = append(p.files, file)
	}
	if n == 0 && err == nil {
		err = net.ErrClosed
	}
	return n, err
}

func (p *peer) close() {
	for _, r := range p.slots {
		r.Close()
	}
	for _, f := range p.files {
		f.Close()
	}
	p.conn.Close()
}

// write sends frames. Where the engine has ended the session meanwhile, what it sent
// before says why: the next receive tells, so that a write never does.
func (p *peer) write(frames []byte) { _, _ = p.conn.Write(frames) }

func (p *peer) send(t wire.Type, v any) error {
	frame, err := wire.AppendJSON(nil, t, v)
	if err == nil {
		p.write(frame)
	}
	return err
}

// receive returns the next frame; an ERROR frame comes as an error.
func (p *peer) receive() (wire.Type, []byte, error) {
	t, payload, err := wire.ReadFrame(p.r, &p.buf)
	if err != nil {
		return t, nil, err
	}
	switch t {
	case wire.TypeError:
		var m wire.Error
		if err := wire.Decode("ERROR", payload, &m); err != nil {
			return t, nil, err
		}
		return t, payload, m.Err()
	case wire.TypeSlot:
		m, err := wire.ParseSlot(payload)
		if err != nil {
			return t, nil, err
		}
		if len(p.files) == 0 {
			return t, nil, errs.New(errs.Internal, "no descriptor came with slot %d", m.Slot)
		}
		region, err := shm.Map(p.files[0])
		p.files = p.files[1:]
		if err != nil {
			return t, nil, err
		}
		p.slots[m.Slot] = region
	}
	return t, payload, nil
}

// expect reads frames until one of type want comes.
func (p *peer) expect(want wire.Type) ([]byte, error) {
	for {
		t, payload, err := p.receive()
		if err != nil || t == want {
			return payload, err
		}
	}
}

// join connects and opens a session.
func join(name string, o wire.Open) (*peer, error) {
	p, err := dial(name)
	if err != nil {
		return nil, err
	}
	if err := p.begin(o); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *peer) begin(o wire.Open) error {
	if err := p.send(wire.TypeHello, wire.Hello{Protocol: wire.Protocol, Version: "test", PID: os.Getpid()}); err != nil {
		return err
	}
	if _, err := p.expect(wire.TypeHelloOK); err != nil {
		return err
	}
	if err := p.send(wire.TypeOpen, o); err != nil {
		return err
	}
	payload, err := p.expect(wire.TypeOpened)
	if err != nil {
		return err
	}
	return wire.Decode("OPENED", payload, &p.open)
}

// next asks for a batch and returns it; its memory is valid until release.
func (p *peer) next(held int) (wire.Batch, []byte, error) {
	if p.r.Buffered() == 0 {
		p.write(wire.AppendWait(nil, wire.Wait{Stream: 1, Held: uint32(held)}))
	}
	payload, err := p.expect(wire.TypeBatch)
	if err != nil {
		return wire.Batch{}, nil, err
	}
	b, err := wire.ParseBatch(payload)
	if err != nil {
		return b, nil, err
	}
	return b, p.slots[b.Slot].Bytes(), nil
}

func (p *peer) release(b wire.Batch) {
	p.write(wire.AppendRelease(nil, wire.Release{Slot: b.Slot, Generation: b.Generation}))
}

// request returns an OPEN message for batches of 8 pictures of 16 x 16.
func request(dataset string) wire.Open {
	return wire.Open{
		Dataset: dataset,
		Pipeline: json.RawMessage(`{"ops": [{"op": "random_resized_crop", "size": [16, 16]}, {"op": "horizontal_flip"}],
			"output": {"dtype": "uint8", "layout": "NHWC"}}`),
		Fields: []string{"image", "label", "index"},
		Plan:   wire.Plan{BatchSize: 8, Shuffle: true, WorldSize: 1, LastBatch: "keep"},
	}
}
