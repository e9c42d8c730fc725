package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"stoker/internal/stats"
)

// stream is the batches from one place on, until Seek starts another. Its
// planner is the one goroutine that adds to queue.
type stream struct {
	number uint32
	ctx    context.Context // cancelled by Seek and Close
	cancel context.CancelFunc
	ended  chan struct{} // closed when the planner is gone

	queue   []*batch      // planned and not handed out, in order; guarded by Session.mu
	planned chan struct{} // holds a token when queue may have become non-empty
}

// batch is one batch on its way. Each row belongs to one job at a time; the
// goroutine that finishes the last one owns the rest.
type batch struct {
	stream   *stream
	slot     *slot
	epoch    uint64
	step     uint64
	position int64 // after this batch
	last     bool
	valid    int

	indices []int64       // dataset indices by row, the slot's; a substitute replaces its own
	rows    []stats.Row   // what each sample took, the slot's
	blocked time.Duration // the planner waited for the slot

	sequences *planned      // nil for pictures
	gathered  time.Duration // putting the sequences together took

	noting sync.Mutex
	noted  []rowError // guarded by noting: rows that could not be made

	pending atomic.Int32  // rows that are not finished
	done    chan struct{} // closed when the batch is whole, or has failed

	whole     bool // guarded by Session.mu
	abandoned bool // guarded by Session.mu: nobody will take it

	skipped int // rows left out
	totals  stats.Totals
	err     error // of the first row that failed
}

// newStream starts a stream's planner. The caller holds mu, or is run.
func (s *Session) newStream(number uint32, plan func(*stream)) *stream {
	st := &stream{number: number, ended: make(chan struct{}), planned: make(chan struct{}, 1)}
	st.ctx, st.cancel = context.WithCancel(s.ctx)
	// Seek and Close wait for ended.
	go func() {
		defer close(st.ended)
		defer st.cancel()
		s.guard("planner", func() { plan(st) })
	}()
	return st
}

// planStream plans batch after batch, epoch after epoch, until the stream ends.
func (s *Session) planStream(st *stream, epoch uint64, position int64) {
	for ; ; epoch, position = epoch+1, 0 {
		all := s.plan.Steps(0)
		for left := s.plan.Steps(position); left > 0; left = s.plan.Steps(position) {
			b := s.planBatch(st, epoch, uint64(all-left), position)
			if b == nil || !s.emit(b) {
				return
			}
			position = b.position
		}
	}
}

// planBatch waits for a slot and decides the batch in it; nil when the stream
// ended.
func (s *Session) planBatch(st *stream, epoch, step uint64, position int64) *batch {
	before := s.now()
	sl, err := s.slots.take(st.ctx, epoch, step)
	if err != nil {
		s.fail(err)
		return nil
	}
	if sl == nil {
		return nil
	}
	b := &batch{stream: st, slot: sl, epoch: epoch, step: step, blocked: s.now() - before, done: make(chan struct{})}
	b.indices, b.valid, b.position = s.plan.Batch(epoch, position, sl.indices[:0])
	b.last = s.plan.Steps(b.position) == 0
	b.pending.Store(int32(len(b.indices)))
	b.rows = append(sl.rows[:0], make([]stats.Row, len(b.indices))...)
	sl.indices, sl.rows = b.indices, b.rows
	if !s.enqueue(b) {
		s.slots.drop(sl)
		return nil
	}
	return b
}

// enqueue adds a planned batch to its stream, unless that has ended.
func (s *Session) enqueue(b *batch) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.stream.ctx.Err() != nil {
		return false
	}
	b.stream.queue = append(b.stream.queue, b)
	select {
	case b.stream.planned <- struct{}{}:
	default:
	}
	return true
}

// emit sends the batch's rows on their way. It reports false when the stream
// ended, and then accounts for the rows that nobody will work on.
func (s *Session) emit(b *batch) bool {
	if s.pipeline == nil {
		b.pending.Store(0)
		s.complete(b)
		return b.stream.ctx.Err() == nil
	}
	for row := range b.indices {
		select {
		case j := <-s.free:
			j.batch, j.row, j.index, j.err = b, row, b.indices[row], nil
			s.toFetch <- j // has room for every job
		case <-b.stream.ctx.Done():
			if left := int32(len(b.indices) - row); b.pending.Add(-left) == 0 {
				s.complete(b)
			}
			return false
		}
	}
	return true
}

// abandon gives a batch up. The caller holds mu. Its slot is free at once where
// the batch is whole, else when its last row is finished.
func (s *Session) abandon(b *batch) {
	b.abandoned = true
	if b.whole {
		s.slots.drop(b.slot)
	}
}
