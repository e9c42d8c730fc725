package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"stoker/internal/errs"
	"stoker/internal/stats"
)

// Batch is a leased batch: its memory is not written until Release.
type Batch struct {
	Slot, Generation uint32
	Stream           uint32 // 1, or what Seek named
	Rows             int    // rows that hold samples; under Skip fewer than the batch size, even 0
	Valid            int    // the first of them, which count; the rest pad
	Epoch, Step      uint64
	Position         int64          // of the epoch after this batch, over all ranks
	Last             bool           // of the epoch, for this rank
	Sequences        *SequenceBatch // nil for pictures

	session *Session
	memory  []byte
}

// Bytes returns the slot's memory, in the session's Layout, until Release.
func (b *Batch) Bytes() []byte { return b.memory }

// Image returns one row of the field "image", until Release.
func (b *Batch) Image(row int) []byte {
	n := b.session.pipeline.RowBytes()
	return b.memory[b.session.layout.Field(fieldImage).Offset+row*n:][:n:n]
}

// Release ends the lease.
func (b *Batch) Release() error { return b.session.Release(b.Slot, b.Generation) }

// Release ends the lease of a slot: nobody reads its memory any more.
func (s *Session) Release(slot, generation uint32) error {
	return s.slots.release(slot, generation)
}

// Next waits for the next batch of the stream and leases it. It runs on from
// epoch to epoch without an end. Errors: that of the first bad sample in the
// batch, Exhausted where the consumer keeps all slots, Canceled after Close and
// where ctx ends; all but the last are final.
func (s *Session) Next(ctx context.Context) (*Batch, error) {
	h := hold{session: s}
	defer h.stop()
	if !s.opts.Pushed {
		_, leased, _ := s.slots.counts()
		s.Wait(leased)
	}
	for {
		st, head, err := s.head()
		if err != nil {
			return nil, err
		}
		tick, err := h.check()
		if err != nil {
			s.fail(err)
			return nil, err
		}
		var ready chan struct{} // of no batch: never
		if head != nil {
			ready = head.done
		}
		select {
		case <-ready:
			b, err := s.handOut(st, head)
			if err != nil {
				s.fail(err)
			}
			if b != nil {
				return b, nil
			}
		case <-st.planned:
		case <-st.ctx.Done():
		case <-s.waiting:
		case <-tick:
		case <-ctx.Done():
			return nil, errs.New(errs.Canceled, "waiting for a batch was given up: %w", context.Cause(ctx))
		}
	}
}

// Wait says that the consumer waits for a batch and keeps held others. Next does
// it by itself, except where the batches are Pushed.
func (s *Session) Wait(held int) {
	s.slots.allow(s.sizes.depth + max(held, 1))
	s.mu.Lock()
	if !s.mu.demand {
		s.mu.demand, s.mu.since = true, s.now()
	}
	s.mu.Unlock()
	if s.opts.Pushed {
		select {
		case s.waiting <- struct{}{}:
		default:
		}
	}
}

// head returns the stream and the batch that is due, or nil.
func (s *Session) head() (*stream, *batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.failed != nil {
		return nil, nil, s.mu.failed
	}
	st := s.mu.stream
	if len(st.queue) == 0 {
		return st, nil, nil
	}
	return st, st.queue[0], nil
}

// handOut leases a whole batch, or returns its error; neither where a Seek came
// between.
func (s *Session) handOut(st *stream, b *batch) (*Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.stream != st || s.mu.failed != nil {
		return nil, nil
	}
	if b.err != nil {
		return nil, b.err
	}
	if err := s.tooManyBad(b); err != nil {
		return nil, err
	}
	st.queue[0] = nil
	st.queue = st.queue[1:]
	now := s.now()
	b.totals.Wall = now - s.mu.lastly
	if s.mu.demand {
		b.totals.Waited = now - s.mu.since
	}
	s.mu.lastly, s.mu.demand = now, false
	s.account(b)
	rows := len(b.indices)
	if b.sequences != nil {
		rows = b.sequences.rows
	}
	return &Batch{
		Slot: b.slot.id, Generation: s.slots.lease(b.slot), Stream: st.number,
		Rows: rows, Valid: b.valid, Epoch: b.epoch, Step: b.step, Position: b.position, Last: b.last,
		Sequences: b.tell(),
		session:   s, memory: b.slot.region.Bytes(),
	}, nil
}

// tooManyBad ends a session that would skip all of its data. The caller holds mu.
func (s *Session) tooManyBad(b *batch) error {
	if len(b.indices) > 0 {
		s.mu.bad.inRow = 0
		return nil
	}
	s.mu.bad.inRow += b.skipped
	if int64(s.mu.bad.inRow) < min(tooManyBad, s.plan.Samples) {
		return nil
	}
	return errs.New(errs.Corrupt, "%d samples in a row cannot be used; the last: %w", s.mu.bad.inRow, b.noted[0].err).
		WithHint("`stoker verify` lists every damaged sample of a dataset")
}

// keptEpochs is how many epochs Stats can tell of. A client asks at the end of one,
// when batches of later ones are on their way to it, each of which may be an epoch.
const keptEpochs = 64

// account adds a batch to the figures of its epoch. The caller holds mu.
func (s *Session) account(b *batch) {
	t := s.mu.epochs[b.epoch]
	if t == nil {
		t = new(stats.Totals)
		s.mu.epochs[b.epoch] = t
		delete(s.mu.epochs, b.epoch-keptEpochs)
	}
	t.Add(&b.totals)
	s.mu.current = b.epoch
}

// hold watches a consumer that waits while it keeps every slot.
type hold struct {
	session *Session
	timer   *time.Timer
	begin   time.Duration // of the waiting; 0 while there is none
	told    time.Duration // when the notice was given; 0 before
}

// check returns a channel to look again at, or an error when the consumer has
// waited too long. The error comes after the notice, and leaves the consumer time
// to act on it, also where the system ran nobody meanwhile.
func (h *hold) check() (<-chan time.Time, error) {
	s := h.session
	s.mu.Lock()
	demand := s.mu.demand
	s.mu.Unlock()
	if !demand || !s.slots.stuck() {
		h.begin = 0
		return nil, nil
	}
	now := s.now()
	if h.begin == 0 {
		h.begin = now
	}
	next := h.begin + s.opts.HeldNotice
	if h.told == 0 && now >= next {
		h.told = now
		s.opts.Notify(Notice{"held", s.heldText() + "; waiting for one to be let go"})
	}
	if h.told > 0 {
		next = max(h.begin, h.told-s.opts.HeldNotice) + s.opts.HeldError
		if now >= next {
			return nil, s.heldError()
		}
	}
	h.stop()
	h.timer = time.NewTimer(next - now)
	return h.timer.C, nil
}

func (h *hold) stop() {
	if h.timer != nil {
		h.timer.Stop()
	}
}

func (s *Session) heldText() string {
	var b strings.Builder
	held := s.slots.held()
	for i, p := range held {
		if i == 8 {
			fmt.Fprintf(&b, ", and %d more", len(held)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "epoch %d step %d", p.epoch, p.step)
	}
	return fmt.Sprintf("the loop keeps %d batches (%s), all that there can be at once (memory budget %s, %s a batch)",
		len(held), b.String(), stats.Bytes(float64(s.sizes.memory)), stats.Bytes(float64(s.layout.Bytes)))
}

func (s *Session) heldError() error {
	return errs.New(errs.Exhausted, "%s, and none was let go in %s", s.heldText(), stats.Span(s.opts.HeldError)).
		WithHint("copy what you keep of a batch (batch.copy()), or raise memory_budget")
}
