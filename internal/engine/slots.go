package engine

import (
	"context"
	"sync"

	"stoker/internal/errs"
	"stoker/internal/shm"
	"stoker/internal/stats"
)

// slotState is where a slot is on its way; see docs/memory.md.
type slotState uint8

const (
	slotFree    slotState = iota
	slotFilling           // a batch is being made in it, or is ready to be handed out
	slotLeased            // the consumer may read it: nobody writes
)

// slot is the memory of one batch.
type slot struct {
	id         uint32
	generation uint32 // counts the leases; a release names it
	state      slotState
	region     *shm.Region
	epoch      uint64 // of the batch in it
	step       uint64

	// What the batch is made with, reused by the next one in the slot.
	indices []int64
	rows    []stats.Row
}

// minSlots are the fewest that a session can work with: one that the consumer
// reads, one that is being filled.
const minSlots = 2

// slots are the batches of memory of one session. Their number follows what the
// consumer keeps, up to max.
type slots struct {
	bytes   int
	max     int                // as many as the session's budget allows
	paid    int                // as many are reserved already
	reserve func(n int64) bool // asks for the memory of one more

	mu     sync.Mutex // guards all below, and the slots
	all    []*slot
	free   []*slot // longest free first: all are in use soon, and memory is flat from then on
	target int     // as many may be made now
	leased int
	full   bool // one more was refused

	// change holds a token when a slot became free or target rose. Only the
	// planner waits for it.
	change chan struct{}
}

func newSlots(bytes, target, most int, reserve func(int64) bool) *slots {
	return &slots{bytes: bytes, target: target, paid: target, max: most, reserve: reserve, change: make(chan struct{}, 1)}
}

// take returns a slot to fill with the batch of an epoch's step, and waits for
// one; nil when ctx ended.
func (s *slots) take(ctx context.Context, epoch, step uint64) (*slot, error) {
	for {
		sl, err := s.tryTake(epoch, step)
		if sl != nil || err != nil {
			return sl, err
		}
		select {
		case <-s.change:
		case <-ctx.Done():
			return nil, nil
		}
	}
}

func (s *slots) tryTake(epoch, step uint64) (*slot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sl *slot
	if len(s.all) < s.target && !s.full {
		var err error
		if sl, err = s.grow(); err != nil {
			return nil, err
		}
	}
	if sl == nil && len(s.free) > 0 {
		sl = s.free[0]
		s.free = append(s.free[:0], s.free[1:]...)
	}
	if sl != nil {
		sl.state, sl.epoch, sl.step = slotFilling, epoch, step
	}
	return sl, nil
}

// grow makes one more slot, or returns nil where the budget or the system
// refuses it and the session can go on without.
func (s *slots) grow() (*slot, error) {
	if len(s.all) >= s.paid && !s.reserve(int64(s.bytes)) {
		s.full = true
		return nil, nil
	}
	region, err := shm.Create("stoker-slot", s.bytes)
	if err != nil {
		if len(s.all) < minSlots {
			return nil, err
		}
		s.full = true
		return nil, nil
	}
	sl := &slot{id: uint32(len(s.all)), region: region}
	s.all = append(s.all, sl)
	s.paid = max(s.paid, len(s.all))
	return sl, nil
}

// lease hands a filled slot to the consumer and returns the lease's number.
func (s *slots) lease(sl *slot) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl.state = slotLeased
	sl.generation++
	s.leased++
	return sl.generation
}

// release ends a lease.
func (s *slots) release(id, generation uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int64(id) >= int64(len(s.all)) {
		return errs.New(errs.Invalid, "slot %d was released, and there are %d", id, len(s.all))
	}
	sl := s.all[id]
	if sl.state != slotLeased || sl.generation != generation {
		return errs.New(errs.Invalid, "slot %d was released for its lease %d, which had ended or not begun", id, generation)
	}
	s.leased--
	s.give(sl)
	return nil
}

// drop frees a slot whose batch nobody wants any more.
func (s *slots) drop(sl *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.give(sl)
}

// give makes a slot free. The caller holds mu.
func (s *slots) give(sl *slot) {
	poison(sl.region.Bytes())
	sl.state = slotFree
	s.free = append(s.free, sl)
	s.changed()
}

func (s *slots) changed() {
	select {
	case s.change <- struct{}{}:
	default:
	}
}

// allow lets the number of slots grow to n, within max.
func (s *slots) allow(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n = min(n, s.max); n > s.target {
		s.target = n
		s.changed()
	}
}

// stuck reports whether the consumer keeps every slot there can be.
func (s *slots) stuck() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leased == len(s.all) && s.leased > 0 && (s.full || len(s.all) >= s.max)
}

// held lists the batches that the consumer keeps.
func (s *slots) held() []place {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []place
	for _, sl := range s.all {
		if sl.state == slotLeased {
			all = append(all, place{sl.epoch, sl.step})
		}
	}
	return all
}

// place is a batch's place in the stream.
type place struct{ epoch, step uint64 }

// counts returns how many slots there are, how many of them are leased, and
// whether one more was wanted and refused.
func (s *slots) counts() (all, leased int, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all), s.leased, s.full || len(s.all) >= s.max
}

// region returns the memory of a slot.
func (s *slots) region(id uint32) (*shm.Region, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int64(id) >= int64(len(s.all)) {
		return nil, errs.New(errs.Invalid, "there is no slot %d", id)
	}
	return s.all[id].region, nil
}

// close gives the memory of all slots back.
func (s *slots) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first error
	for _, sl := range s.all {
		if err := sl.region.Close(); err != nil && first == nil {
			first = err
		}
	}
	s.all, s.free, s.leased = nil, nil, 0
	return first
}
