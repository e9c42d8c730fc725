package engine

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"stoker/internal/batching"
)

// cacheShare is the part of a session's memory that its sequences may stay in.
// Reading one costs a microsecond, several times what is done with it, and token
// ids are small: 12,500 reviews take 6 MB.
const (
	cacheShare = 4
	maxCache   = 512 << 20
)

// cache keeps the stored bytes of all sequences once they were read and checked, in
// the order in which they came.
type cache struct {
	bytes []byte
	used  atomic.Int64
	// at is, for each sample, where it begins in bytes, times states, and its state:
	// both in one place, because looking there is a wait for memory.
	at []atomic.Int64
}

const (
	unread int64 = iota
	reading
	ready
	states = 4
)

// newCache returns a cache for so many samples and bytes; nil where the system
// refuses the memory. The bytes are mapped, so that the collector does not wait for
// them; memory of neither is touched before it is needed.
func newCache(samples int, total int64) *cache {
	bytes, err := unix.Mmap(-1, 0, int(total), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return &cache{bytes: bytes, at: make([]atomic.Int64, samples)}
}

// close gives the memory back; nobody may read it any more.
func (c *cache) close() {
	if c != nil {
		_ = unix.Munmap(c.bytes) // a mapping of ours: it cannot fail
	}
}

// find appends where the samples of pieces begin, or -1 for those not read yet. All
// are looked up at once, so that the waits for memory overlap.
func (c *cache) find(begins []int64, pieces []batching.Piece) []int64 {
	for i := range pieces {
		at := int64(unread)
		if c != nil {
			at = c.at[pieces[i].Index].Load()
		}
		if at%states != ready {
			at = -states
		}
		begins = append(begins, at/states)
	}
	return begins
}

// put keeps a sample that was read and checked, unless another filler does. The
// index says that it has n bytes: those are its room.
func (c *cache) put(i, n int64, blob []byte) {
	if c == nil || n != int64(len(blob)) {
		return
	}
	if !c.at[i].CompareAndSwap(unread, reading) {
		return
	}
	begin := c.used.Add(n) - n
	copy(c.bytes[begin:begin+n], blob)
	c.at[i].Store(begin*states + ready)
}

// cacheEntry is what a cache takes for each sample beside its bytes.
const cacheEntry = 8

// arrangeCache takes memory for all sequences where that is a small part of what
// the session has.
func (s *Session) arrangeCache() {
	q, z := s.sequences, &s.sizes
	if q == nil {
		return
	}
	total := int64(q.unit) * q.plan.Tokens()
	all := total + cacheEntry*int64(len(q.lengths))
	if total == 0 || all > min(z.memory/cacheShare, maxCache) {
		return
	}
	if z.forced {
		s.opts.Budget.take(all)
	} else if !s.opts.Budget.reserve(all) {
		return
	}
	if q.cache = newCache(len(q.lengths), total); q.cache == nil {
		s.opts.Budget.free(all)
		return
	}
	z.memory -= all
	z.cached = all
}
