package engine

import (
	"cmp"
	"errors"
	"slices"

	"stoker/internal/stats"
)

// note keeps why a row could not be made.
func (b *batch) note(j *job) {
	b.noting.Lock()
	b.noted = append(b.noted, rowError{j.row, j.err})
	b.noting.Unlock()
}

// complete finishes a batch whose last row is done. It is called once.
func (s *Session) complete(b *batch) {
	if b.stream.ctx.Err() == nil {
		begin := s.now()
		s.collate(b)
		b.totals.Batches, b.totals.Samples = 1, int64(len(b.indices))
		if s.pipeline != nil {
			b.totals.AddRows(b.rows)
		}
		b.totals.Stages[stats.Collate] = stats.Time{Busy: s.now() - begin + b.gathered, WaitOut: b.blocked, Items: int64(len(b.indices))}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b.whole = true
	if b.abandoned {
		s.slots.drop(b.slot)
	}
	close(b.done)
}

// collate adds the scalar fields to the rows, or finds the batch's error.
func (s *Session) collate(b *batch) {
	if len(b.noted) > 0 {
		slices.SortFunc(b.noted, func(x, y rowError) int { return cmp.Compare(x.row, y.row) })
		for _, n := range b.noted {
			if !errors.Is(n.err, errSkip) {
				b.err = n.err
				return
			}
		}
		s.closeRanks(b)
	}
	slot := b.slot.region.Bytes()
	for i := range s.columns {
		s.columns[i].fill(slot, b.indices)
		if q := s.sequences; q != nil {
			s.columns[i].pad(slot, len(b.indices), q.fixedCount())
		}
	}
}

// closeRanks moves the rows behind left-out ones up, in order.
func (s *Session) closeRanks(b *batch) {
	to, valid, gaps := 0, 0, b.noted
	for row, index := range b.indices {
		if len(gaps) > 0 && gaps[0].row == row {
			gaps = gaps[1:]
			continue
		}
		if to != row {
			copy(s.rowOf(b, to), s.rowOf(b, row))
		}
		b.indices[to] = index
		if row < b.valid {
			valid++
		}
		to++
	}
	b.skipped = len(b.indices) - to
	b.indices, b.valid = b.indices[:to], valid
}
