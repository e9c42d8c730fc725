package engine

import (
	"fmt"

	"golang.org/x/sys/unix"

	"stoker/internal/errs"
	"stoker/internal/stats"
)

// sizes are the numbers that a session works with.
type sizes struct {
	workers  int
	fetchers int
	jobs     int   // samples in flight
	depth    int   // batches in the making or ready, without those that the consumer keeps
	slots    int   // depth and one that the consumer reads
	slotsMax int   // what memory allows
	memory   int64 // the session's budget
	reserved int64 // of the shared budget, given back by Close
	cached   int64 // of reserved, for sequences that stay in memory
	forced   bool  // the user named the memory budget
}

// Reading is cheap in memory and long in waiting, so there are more fetchers than
// workers; a spinning disk or a network share gets this many reads at once.
const (
	minFetchers = 8
	maxFetchers = 64
)

// How a session divides its memory. Stored bytes on their way to a worker may
// take an eighth, between two bounds. What the workers need for decoded pictures
// is set aside, a quarter at most: photographs of the usual sizes take some 5 MB
// of scratch memory a worker, and the process itself some 20 MB. The rest is for
// slots.
const (
	buffersShare = 8
	minBuffers   = 4 << 20
	maxBuffers   = 32 << 20
	keepBytes    = 256 << 10 // of stored bytes for each sample in flight
	workerBytes  = 8 << 20
	processBytes = 24 << 20
	scratchShare = 4
)

// Small batches of sequences are made faster than processes take turns, so more of
// them are kept ready: as many as these bytes hold.
const (
	smallDepth = 16
	smallBytes = 8 << 20
)

// maxSlots bounds the slots by the descriptors that they take: a session gets an
// eighth of the process's.
func maxSlots() int64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 64
	}
	return int64(min(max(limit.Cur/8, 64), 4096))
}

// arrange decides all sizes and reserves the memory of the first slots.
func (s *Session) arrange() error {
	var err error
	if s.sequences != nil {
		s.layout, err = s.sequences.layout(&s.opts, s.source.Manifest())
	} else {
		s.layout, err = layout(&s.opts, s.pipeline, s.source.Manifest())
	}
	if err != nil {
		return err
	}
	if err := s.openColumns(); err != nil {
		return err
	}
	z := &s.sizes
	budget := s.opts.Budget
	z.workers = s.opts.Workers
	if z.workers == 0 || z.workers > budget.Cores() {
		if z.workers > budget.Cores() {
			s.notice("workers is %d, and only %d cores may be used: %d are started", z.workers, budget.Cores(), budget.Cores())
		}
		z.workers = budget.Cores()
	}
	z.fetchers = min(max(minFetchers, 2*z.workers), maxFetchers)
	z.jobs = z.fetchers + 2*z.workers
	z.memory, z.forced = s.opts.MemoryBytes, s.opts.MemoryBytes > 0
	if !z.forced {
		z.memory = budget.Left()
	}
	s.arrangeCache()
	err = s.arrangeSlots()
	if z.cached > 0 && err != nil {
		budget.free(z.cached)
		s.sequences.close()
	} else {
		z.reserved += z.cached
	}
	return err
}

// arrangeSlots divides the memory.
func (s *Session) arrangeSlots() error {
	z := &s.sizes
	readAhead := min(max(z.memory/buffersShare, minBuffers), maxBuffers)
	slot := int64(max(s.layout.Bytes, 1))
	scratch := int64(z.workers) * workerBytes
	if z.forced {
		scratch += processBytes // else it is in the three quarters that no budget has
	}
	scratch = min(scratch, z.memory/scratchShare)
	z.slotsMax = int(min(max(z.memory-readAhead-scratch, 0)/slot, maxSlots()))
	if z.slotsMax < minSlots {
		return errs.New(errs.Exhausted, "%d batches of %s do not fit into the memory budget of %s",
			minSlots, stats.Bytes(float64(slot)), stats.Bytes(float64(z.memory))).
			WithHint("choose a smaller batch size or a larger memory budget")
	}
	z.depth = s.opts.Prefetch + (z.jobs+s.opts.BatchSize-1)/s.opts.BatchSize
	if s.sequences != nil { // a filler works on a batch
		z.depth = max(s.opts.Prefetch+2*z.workers, int(min(smallDepth, smallBytes/slot)))
	}
	if z.depth+1 > z.slotsMax {
		s.notice("memory allows %d batches of %s at once, %d were wanted: loading may be slower",
			z.slotsMax, stats.Bytes(float64(slot)), z.depth+1)
		z.depth = z.slotsMax - 1
	}
	z.slots = z.depth + 1
	z.reserved = readAhead + scratch + int64(z.slots)*slot
	if z.forced {
		s.opts.Budget.take(z.reserved)
	} else if !s.opts.Budget.reserve(z.reserved) {
		return errs.New(errs.Exhausted, "another session took the memory meanwhile").WithHint("open this one again")
	}
	s.buffers = newBuffers(readAhead, int64(z.jobs)*keepBytes)
	s.slots = newSlots(int(slot), z.slots, z.slotsMax, s.reserveSlot)
	return nil
}

// reserveSlot asks for the memory of one more slot. Slots calls it from the
// planner only.
func (s *Session) reserveSlot(n int64) bool {
	if s.sizes.forced {
		s.opts.Budget.take(n)
	} else if !s.opts.Budget.reserve(n) {
		return false
	}
	s.sizes.reserved += n
	return true
}

func (s *Session) notice(format string, args ...any) {
	s.notices = append(s.notices, fmt.Sprintf(format, args...))
}
