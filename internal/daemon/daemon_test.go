//go:build linux

package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stoker/internal/dataset"
	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/errs"
	"stoker/internal/wire"
)

// mustJoin opens a session that ends with the test.
func mustJoin(t testing.TB, name string, o wire.Open) *peer {
	t.Helper()
	p, err := join(name, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// take reads and releases n batches.
func (p *peer) take(n int) ([]wire.Batch, error) {
	var all []wire.Batch
	for range n {
		b, _, err := p.next(0)
		if err != nil {
			return all, err
		}
		p.release(b)
		all = append(all, b)
	}
	return all, nil
}

// patience is how long tests wait for what others do at once where they get to run.
const patience = time.Minute

// eventually waits until ok, which others make true soon.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

func TestBatchesCrossTheSocket(t *testing.T) {
	name := start(t, Options{})
	p := mustJoin(t, name, request(enginetest.Make(t, enginetest.Options{Samples: 50})))
	if p.open.Samples != 50 || p.open.Steps != 7 || len(p.open.Fields) != 3 || len(p.open.Classes) != 3 {
		t.Errorf("opened %+v", p.open)
	}
	all, err := p.take(20)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range all {
		if b.Epoch != uint64(i/7) || b.Step != uint64(i%7) || b.Flags&wire.FlagLast != 0 != (i%7 == 6) {
			t.Errorf("batch %d is %+v", i, b)
		}
	}
}

// TestTheSocketChangesNothing: in process and through the socket the same bytes.
func TestTheSocketChangesNothing(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 50})
	name := start(t, Options{})
	o := request(dir)
	c := client{server: &server{}}
	payload, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	options, err := c.options(payload)
	if err != nil {
		t.Fatal(err)
	}
	options.Budget, options.Pushed, options.Notify = nil, false, nil
	s, err := engine.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := mustJoin(t, name, o)
	for range 15 {
		want, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b, memory, err := p.next(0)
		if err != nil {
			t.Fatal(err)
		}
		rows := int(b.Rows) * 16 * 16 * 3
		if b.Position != uint64(want.Position) || string(memory[:rows]) != string(want.Bytes()[:rows]) {
			t.Errorf("batch %+v differs from %+v", b, want)
		}
		p.release(b)
		if err := want.Release(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSeekAndState(t *testing.T) {
	name := start(t, Options{})
	o := request(enginetest.Make(t, enginetest.Options{Samples: 50}))
	p := mustJoin(t, name, o)
	if _, err := p.take(3); err != nil {
		t.Fatal(err)
	}
	if err := p.send(wire.TypeSeek, wire.Seek{Stream: 2, Epoch: 4, Position: 16}); err != nil {
		t.Fatal(err)
	}
	for {
		b, _, err := p.next(0)
		if err != nil {
			t.Fatal(err)
		}
		p.release(b)
		if b.Stream == 2 {
			if b.Epoch != 4 || b.Step != 2 || b.Position != 24 {
				t.Errorf("got %+v", b)
			}
			break
		}
	}
	o.State = p.open.State
	mustJoin(t, name, o)
	o.Plan.Seed = 1
	if _, err := join(name, o); !errs.Is(err, errs.Mismatch) || !strings.Contains(err.Error(), "seed") {
		t.Errorf("a state of another seed: %v", err)
	}
}

func TestStatsAndIndex(t *testing.T) {
	name := start(t, Options{})
	p := mustJoin(t, name, request(enginetest.Make(t, enginetest.Options{Samples: 50})))
	if _, err := p.take(8); err != nil {
		t.Fatal(err)
	}
	epoch := uint64(0)
	if err := p.send(wire.TypeStats, wire.Stats{Epoch: &epoch, WaitedS: 1, WallS: 4}); err != nil {
		t.Fatal(err)
	}
	payload, err := p.expect(wire.TypeStatsReply)
	if err != nil {
		t.Fatal(err)
	}
	var m wire.StatsReply
	if err := wire.Decode("STATS_REPLY", payload, &m); err != nil {
		t.Fatal(err)
	}
	if m.Samples != 50 || m.Batches != 7 || m.WallS != 4 || len(m.Stages) != 4 || !strings.HasPrefix(m.Sentence, "waited for data 25 %") {
		t.Errorf("got %+v", m)
	}
	for field, want := range map[string]string{"key": `"class 0/00003.png"`, "score": `1`, "views": `-2`, "caption": `"caption of 3"`, "safe": `false`} {
		if err := p.send(wire.TypeIndex, wire.Index{Field: field, Start: 3, Count: 100}); err != nil {
			t.Fatal(err)
		}
		payload, err := p.expect(wire.TypeIndexReply)
		if err != nil {
			t.Fatal(err)
		}
		var r struct{ Values []json.RawMessage }
		if err := json.Unmarshal(payload, &r); err != nil || len(r.Values) != 47 || string(r.Values[0]) != want {
			t.Errorf("%s: %d values, the first %s, %v", field, len(r.Values), r.Values[0], err)
		}
	}
}

// TestFiguresOfShortEpochs: they are there when the client asks, however many
// epochs of one batch lie ready for it.
func TestFiguresOfShortEpochs(t *testing.T) {
	name := start(t, Options{})
	p := mustJoin(t, name, request(enginetest.Make(t, enginetest.Options{Samples: 8})))
	for held := range 8 {
		if _, _, err := p.next(held); err != nil {
			t.Fatal(err)
		}
	}
	for want := range uint64(8) {
		if err := p.send(wire.TypeStats, wire.Stats{Epoch: &want}); err != nil {
			t.Fatal(err)
		}
		payload, err := p.expect(wire.TypeStatsReply)
		if err != nil {
			t.Fatal(err)
		}
		var m wire.StatsReply
		if err := wire.Decode("STATS_REPLY", payload, &m); err != nil || m.Epoch != want || m.Samples != 8 {
			t.Errorf("epoch %d: %+v, %v", want, m, err)
		}
	}
}

// TestBadClients: what they send ends their own connection with an error that
// says why; a session beside them goes on.
func TestBadClients(t *testing.T) {
	name := start(t, Options{})
	o := request(enginetest.Make(t, enginetest.Options{Samples: 50}))
	other := mustJoin(t, name, o)
	hello := wire.Hello{Protocol: wire.Protocol, Version: "test"}
	f := func(what string, kind errs.Kind, say func(p *peer) error) {
		t.Helper()
		p, err := dial(name)
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		if err := say(p); err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, _, err = p.receive()
		}
		if !errs.Is(err, kind) {
			t.Errorf("%s: error is %v", what, err)
		}
		for err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
			if _, _, err = p.receive(); err == nil {
				err = errors.New("more")
			}
		}
		if _, err := other.take(3); err != nil {
			t.Errorf("%s: the other session: %v", what, err)
		}
	}
	greet := func(p *peer, more func() error) error { return errors.Join(p.send(wire.TypeHello, hello), more()) }
	f("another protocol", errs.Mismatch, func(p *peer) error {
		return p.send(wire.TypeHello, map[string]any{"protocol": 2, "version": "9.9.9", "new": true})
	})
	f("no greeting", errs.Invalid, func(p *peer) error { return p.send(wire.TypeOpen, o) })
	f("HTTP", errs.Invalid, func(p *peer) error { p.write([]byte("GET / HTTP/1.1\r\n\r\n")); return nil })
	f("a long frame", errs.Invalid, func(p *peer) error {
		return greet(p, func() error { p.write([]byte{0, 0, 0, 2, 3, 0, 0, 0}); return nil })
	})
	f("an unknown type", errs.Invalid, func(p *peer) error {
		return greet(p, func() error { return errors.Join(p.send(wire.TypeOpen, o), p.send(77, struct{}{})) })
	})
	f("before OPEN", errs.Invalid, func(p *peer) error {
		return greet(p, func() error { return p.send(wire.TypeSeek, wire.Seek{Stream: 2}) })
	})
	f("an unknown member", errs.Invalid, func(p *peer) error {
		return greet(p, func() error { return p.send(wire.TypeOpen, map[string]any{"datasset": "x"}) })
	})
	f("a relative path", errs.Invalid, func(p *peer) error {
		relative := o
		relative.Dataset = "photos.stk"
		return greet(p, func() error { return p.send(wire.TypeOpen, relative) })
	})
	f("no such dataset", errs.NotFound, func(p *peer) error {
		missing := o
		missing.Dataset = "/nonexistent.stk"
		return greet(p, func() error { return p.send(wire.TypeOpen, missing) })
	})
	f("a false release", errs.Invalid, func(p *peer) error {
		return greet(p, func() error {
			p.release(wire.Batch{Slot: 3, Generation: 1 << 30})
			return p.send(wire.TypeOpen, o)
		})
	})
	f("a false release after OPEN", errs.Invalid, func(p *peer) error {
		return greet(p, func() error {
			err := p.send(wire.TypeOpen, o)
			p.release(wire.Batch{Slot: 0, Generation: 1 << 30})
			return err
		})
	})
	f("two OPENs", errs.Invalid, func(p *peer) error {
		return greet(p, func() error { return errors.Join(p.send(wire.TypeOpen, o), p.send(wire.TypeOpen, o)) })
	})
	f("an old stream", errs.Invalid, func(p *peer) error {
		return greet(p, func() error {
			return errors.Join(p.send(wire.TypeOpen, o), p.send(wire.TypeSeek, wire.Seek{Stream: 1}))
		})
	})
}

// panicky is a dataset whose reads panic.
type panicky struct{ engine.Source }

func (p panicky) Read(*dataset.Sample, int64, []byte) ([]byte, error) { panic("the reader is broken") }

// TestAPanicEndsOneSession: it reaches its own client as an error, no other.
func TestAPanicEndsOneSession(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 50})
	var broken atomic.Bool
	name := start(t, Options{openSource: func(path string) (engine.Source, error) {
		d, err := dataset.Open(path)
		if err == nil && broken.Load() {
			return panicky{d}, nil
		}
		return d, err
	}})
	other := mustJoin(t, name, request(dir))
	broken.Store(true)
	p := mustJoin(t, name, request(dir))
	_, err := p.take(1)
	if !errs.Is(err, errs.Internal) || !strings.Contains(err.Error(), "the reader is broken") || !strings.Contains(err.Error(), "last lines") {
		t.Errorf("error is %v", err)
	}
	if _, err := other.take(30); err != nil {
		t.Error(err)
	}
}

// TestASessionGoesWithItsConnection: at once, with all of its memory, whatever
// was under way.
func TestASessionGoesWithItsConnection(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 50})
	const all = 2 << 30 // enough for all sessions at once, should none have gone before the last comes
	budget := engine.NewBudget(2, all)
	name := start(t, Options{Budget: budget})
	for i := range 20 {
		p, err := join(name, request(dir))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.take(i % 4); err != nil {
			t.Fatal(err)
		}
		p.close()
	}
	eventually(t, "the return of all memory", func() bool { return budget.Left() == all })
}

// TestKeptBatchesCrossTheSocket: WAIT makes room for a loop that keeps batches,
// and beyond the budget it is told which.
func TestKeptBatchesCrossTheSocket(t *testing.T) {
	name := start(t, Options{})
	o := request(enginetest.Make(t, enginetest.Options{Samples: 50}))
	p := mustJoin(t, name, o)
	for held := range 40 {
		b, _, err := p.next(held)
		if err != nil {
			t.Fatal(err)
		}
		if b.Step != uint64(held%7) {
			t.Errorf("batch %d is %+v", held, b)
		}
	}
	o.Resources.MemoryBudgetBytes = (4<<20+5*6272)*4/3 + 1
	p = mustJoin(t, name, o)
	if p.open.SlotsMax != 5 {
		t.Fatalf("%d slots at most", p.open.SlotsMax)
	}
	for held := range 5 {
		if _, _, err := p.next(held); err != nil {
			t.Fatal(err)
		}
	}
	p.write(wire.AppendWait(nil, wire.Wait{Stream: 1, Held: 5}))
	payload, err := p.expect(wire.TypeNotice)
	if err != nil || !strings.Contains(string(payload), "epoch 0 step 4") {
		t.Errorf("got %s, %v", payload, err)
	}
	p.release(wire.Batch{Slot: 0, Generation: 1})
	if _, err := p.expect(wire.TypeBatch); err != nil {
		t.Error(err)
	}
}

// TestServeEndsWhenNobodyIsLeft: and not before.
func TestServeEndsWhenNobodyIsLeft(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 50})
	name := socketName()
	l, err := Listen(name)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- Serve(t.Context(), l, Options{IdleAfter: 50 * time.Millisecond, FirstIdle: time.Minute, Budget: engine.NewBudget(1, 64<<20)})
	}()
	a, err := join(name, request(dir))
	if err != nil {
		t.Fatal(err)
	}
	b, err := join(name, request(dir))
	if err != nil {
		t.Fatal(err)
	}
	a.close()
	select {
	case err := <-served:
		t.Fatalf("it ended with a client: %v", err)
	case <-time.After(150 * time.Millisecond): // three times what it waits
	}
	if _, err := b.take(3); err != nil {
		t.Error(err)
	}
	b.close()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("it did not end")
	}
	if _, err := dial(name); err == nil {
		t.Error("it still listens")
	}
}

func TestServeWithoutAnyClientEnds(t *testing.T) {
	l, err := Listen(socketName())
	if err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), l, Options{FirstIdle: time.Millisecond, Budget: engine.NewBudget(1, 64<<20)}); err != nil {
		t.Error(err)
	}
}

// TestAStoppedEngineSaysSo: a signal ends it, and clients learn why.
func TestAStoppedEngineSaysSo(t *testing.T) {
	name := socketName()
	l, err := Listen(name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, Options{Budget: engine.NewBudget(1, 64<<20)}) }()
	p := mustJoin(t, name, request(enginetest.Make(t, enginetest.Options{Samples: 50})))
	if _, err := p.take(2); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := p.take(100); !errs.Is(err, errs.Canceled) {
		t.Errorf("error is %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestOneOfManyStartersWins: at an abstract name and at a path, also one that a
// killed engine left.
func TestOneOfManyStartersWins(t *testing.T) {
	t.Chdir(t.TempDir()) // its whole name may be longer than a socket's
	path := "sub/engine.sock"
	dead, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	for _, name := range []string{socketName(), path} {
		var g sync.WaitGroup
		var won, lost atomic.Int64
		for range 16 {
			g.Go(func() {
				l, err := Listen(name)
				switch {
				case err == nil:
					won.Add(1)
					t.Cleanup(func() { l.Close() })
				case errors.Is(err, ErrRunning):
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		g.Wait()
		if won.Load() != 1 || lost.Load() != 15 {
			t.Errorf("%s: %d won, %d lost", name, won.Load(), lost.Load())
		}
	}
}

// TestManySessionsAtOnce: sixteen clients, each with its own stream.
func TestManySessionsAtOnce(t *testing.T) {
	name := start(t, Options{Budget: engine.NewBudget(2, 1<<30)})
	dir := enginetest.Make(t, enginetest.Options{Samples: 50})
	var g sync.WaitGroup
	for i := range 16 {
		g.Go(func() {
			o := request(dir)
			o.Plan.Seed = uint64(i)
			p, err := join(name, o)
			if err != nil {
				t.Error(err)
				return
			}
			defer p.close()
			if _, err := p.take(10); err != nil {
				t.Error(err)
			}
		})
	}
	g.Wait()
}

// TestASlowClient: one that reads nothing takes no more than its slots, and
// others go on; then it reads on where it was.
func TestASlowClient(t *testing.T) {
	budget := engine.NewBudget(2, 256<<20)
	name := start(t, Options{Budget: budget})
	o := request(enginetest.Make(t, enginetest.Options{Samples: 50}))
	slow := mustJoin(t, name, o)
	left := budget.Left()
	other := mustJoin(t, name, o)
	if _, err := other.take(100); err != nil {
		t.Fatal(err)
	}
	other.close()
	eventually(t, "the end of the other session", func() bool { return budget.Left() >= left })
	if budget.Left() != left {
		t.Errorf("%d bytes are left, were %d", budget.Left(), left)
	}
	all, err := slow.take(20)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range all {
		if b.Epoch != uint64(i/7) || b.Step != uint64(i%7) {
			t.Errorf("batch %d is %+v", i, b)
		}
	}
}
