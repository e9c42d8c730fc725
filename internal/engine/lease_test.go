package engine_test

import (
	"context"
	"crypto/sha256"
	"strings"
	"sync"
	"testing"
	"time"

	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/errs"
)

// TestKeptBatchesAreNeverWritten: a consumer that keeps a list of batches finds
// them unchanged, and goes on as long as memory allows.
func TestKeptBatchesAreNeverWritten(t *testing.T) {
	s := open(t, engine.Options{Dataset: enginetest.Make(t, enginetest.Options{Samples: 50}), Transform: augment(t), BatchSize: 8})
	var kept []*engine.Batch
	var sums [][32]byte
	for range 60 {
		b := next(t, s)
		kept, sums = append(kept, b), append(sums, sha256.Sum256(b.Bytes()))
	}
	for i, b := range kept {
		if sha256.Sum256(b.Bytes()) != sums[i] {
			t.Errorf("batch %d was overwritten while it was leased", i)
		}
	}
	for i, b := range kept {
		if i%2 == 0 {
			if err := b.Release(); err != nil {
				t.Fatal(err)
			}
		}
	}
	read(t, s, 40)
	for i, b := range kept {
		if i%2 == 1 && sha256.Sum256(b.Bytes()) != sums[i] {
			t.Errorf("batch %d was overwritten after others were released", i)
		}
	}
}

// notices collects what a session tells.
type notices struct {
	mu   sync.Mutex
	list []engine.Notice
}

func (n *notices) add(m engine.Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, m)
}

func (n *notices) text() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var b strings.Builder
	for _, m := range n.list {
		b.WriteString(m.Kind + ": " + m.Message + "\n")
	}
	return b.String()
}

// wait returns when something was told.
func (n *notices) wait(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); n.text() == ""; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Error("nothing was told")
			return
		}
	}
}

// TestKeepingEverySlotIsNamed: beyond the memory budget the session says which
// batches are kept, and then fails instead of waiting for ever: in this order, also
// where both are due.
func TestKeepingEverySlotIsNamed(t *testing.T) {
	var told notices
	s := open(t, engine.Options{Dataset: enginetest.Make(t, enginetest.Options{Samples: 50}), Transform: augment(t), BatchSize: 8,
		MemoryBytes: slotsOf(5), Prefetch: 1, Notify: told.add,
		HeldNotice: 20 * time.Millisecond, HeldError: 20 * time.Millisecond})
	info := s.Info()
	if info.SlotsMax != 5 {
		t.Errorf("%d slots at most", info.SlotsMax)
	}
	for range 5 {
		next(t, s)
	}
	_, err := s.Next(t.Context())
	if !errs.Is(err, errs.Exhausted) || !strings.Contains(err.Error(), "epoch 0 step 3") || errs.HintOf(err) == "" {
		t.Errorf("error is %v", err)
	}
	if text := told.text(); !strings.HasPrefix(text, "held: ") || !strings.Contains(text, "epoch 0 step 4") {
		t.Errorf("told %q", text)
	}
}

// TestLettingGoInTime: a release from another goroutine ends the waiting.
func TestLettingGoInTime(t *testing.T) {
	var told notices
	s := open(t, engine.Options{Dataset: enginetest.Make(t, enginetest.Options{Samples: 50}), Transform: augment(t), BatchSize: 8,
		MemoryBytes: slotsOf(2), Notify: told.add, HeldNotice: 10 * time.Millisecond, HeldError: time.Minute})
	first, second := next(t, s), next(t, s)
	var g sync.WaitGroup
	defer g.Wait()
	g.Go(func() {
		told.wait(t)
		first.Release()
	})
	if b := next(t, s); b.Step != 2 {
		t.Errorf("got %+v", b)
	}
	second.Release()
}

func TestReleasesAreChecked(t *testing.T) {
	s := open(t, engine.Options{Dataset: enginetest.Make(t, enginetest.Options{Samples: 20}), Transform: augment(t), BatchSize: 4})
	b := next(t, s)
	for _, r := range [][2]uint32{{b.Slot, b.Generation + 1}, {b.Slot, b.Generation - 1}, {99, 1}, {1<<32 - 1, 0}} {
		if err := s.Release(r[0], r[1]); !errs.Is(err, errs.Invalid) {
			t.Errorf("releasing %v: %v", r, err)
		}
	}
	if err := b.Release(); err != nil {
		t.Error(err)
	}
	if err := b.Release(); !errs.Is(err, errs.Invalid) {
		t.Errorf("releasing twice: %v", err)
	}
}

func TestABatchThatDoesNotFit(t *testing.T) {
	_, err := engine.Open(t.Context(), engine.Options{Dataset: enginetest.Make(t, enginetest.Options{Samples: 20}),
		Transform: augment(t), BatchSize: 4000, MemoryBytes: 5 << 20})
	if !errs.Is(err, errs.Exhausted) || errs.HintOf(err) == "" {
		t.Errorf("error is %v", err)
	}
}

// TestSessionsShareABudget: the second gets what the first left, and all of it
// comes back.
func TestSessionsShareABudget(t *testing.T) {
	budget := engine.NewBudget(2, 40<<20)
	dir := enginetest.Make(t, enginetest.Options{Samples: 20})
	o := engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 4, Budget: budget}
	for range 3 {
		a, err := engine.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		b, err := engine.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if left := budget.Left(); left > 32<<20 {
			t.Errorf("%d bytes are left", left)
		}
		read(t, a, 7)
		read(t, b, 7)
		a.Close()
		b.Close()
		if left := budget.Left(); left != 40<<20 {
			t.Errorf("%d bytes are left after closing", left)
		}
	}
}

func TestNextCanBeGivenUp(t *testing.T) {
	s := open(t, engine.Options{Dataset: enginetest.Make(t, enginetest.Options{Samples: 20}), Transform: augment(t), BatchSize: 4})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		if b, err := s.Next(ctx); err == nil {
			b.Release()
		} else if !errs.Is(err, errs.Canceled) {
			t.Fatal(err)
		}
	}
	read(t, s, 5)
}

// TestSeekStorm: any number of seeks, with batches leased and under way, leaks
// no slot, and the stream is the one asked for.
func TestSeekStorm(t *testing.T) {
	o := engine.Options{Dataset: enginetest.Make(t, enginetest.Options{Samples: 50}), Transform: augment(t), BatchSize: 8, Shuffle: true}
	want := read(t, open(t, o), 7)
	s := open(t, o)
	stream := uint32(1)
	for i := range 200 {
		var b *engine.Batch
		if i%3 == 0 {
			b = next(t, s)
		}
		stream++
		if err := s.Seek(stream, 0, int64(i%6)*8); err != nil {
			t.Fatal(err)
		}
		if b != nil {
			if err := b.Release(); err != nil {
				t.Fatal(err)
			}
		}
		if i%20 == 0 {
			if b := next(t, s); b.Stream != stream || look(t, s, b).Hash != want[i%6].Hash {
				t.Errorf("after seek %d: %+v", i, b)
			}
		}
	}
	if r := s.Stats(nil, engine.Measured{}); r.Slots > s.Info().Slots {
		t.Errorf("%d slots are in use", r.Slots)
	}
	if err := s.Seek(stream, 0, 0); !errs.Is(err, errs.Invalid) {
		t.Errorf("an old stream number: %v", err)
	}
	if err := s.Seek(stream+1, 0, 51); !errs.Is(err, errs.Invalid) {
		t.Errorf("a position behind the end: %v", err)
	}
}

// slotsOf returns the memory budget that has room for n batches of 8 samples of
// augment: beside a quarter for decoding and the least for stored bytes.
func slotsOf(n int64) int64 { return (4<<20+n*(8*16*16*3+2*64))*4/3 + 1 }
