package engine

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// cacheShare is the part of a session's memory that its sequences may stay in.
// Reading one costs a microsecond, several times what is done with it, and token
// ids are small: 12,500 reviews take 6 MB.
const (
	cacheShare = 4
	maxCache   = 512 << 20
)

// cache keeps the stored bytes of all sequences once they were read and checked.
type cache struct {
	bytes []byte
	ends  []int64         // of sample i in bytes
	state []atomic.Uint32 // of sample i
}

const (
	unread uint32 = iota
	reading
	ready
)

// newCache returns a cache for sequences of so many elements; nil where the system
// refuses the memory. It is mapped, so that pages which are never read cost nothing
// and the collector does not wait for them.
func newCache(lengths []int32, unit, total int64) *cache {
	bytes, err := unix.Mmap(-1, 0, int(total), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	c := &cache{bytes: bytes, ends: make([]int64, len(lengths)), state: make([]atomic.Uint32, len(lengths))}
	end := int64(0)
	for i, n := range lengths {
		end += int64(n) * unit
		c.ends[i] = end
	}
	return c
}

// close gives the memory back; nobody may read it any more.
func (c *cache) close() {
	if c != nil {
		_ = unix.Munmap(c.bytes) // a mapping of ours: it cannot fail
	}
}

// room returns the place of a sample.
func (c *cache) room(i int64) []byte {
	begin := int64(0)
	if i > 0 {
		begin = c.ends[i-1]
	}
	return c.bytes[begin:c.ends[i]:c.ends[i]]
}

// get returns a sample, or nil and false where it was not read yet.
func (c *cache) get(i int64) ([]byte, bool) {
	if c == nil || c.state[i].Load() != ready {
		return nil, false
	}
	return c.room(i), true
}

// put keeps a sample that was read and checked, unless another filler does.
func (c *cache) put(i int64, blob []byte) {
	if c == nil || len(c.room(i)) != len(blob) || !c.state[i].CompareAndSwap(unread, reading) {
		return
	}
	copy(c.room(i), blob)
	c.state[i].Store(ready)
}

// cacheEntry is what a cache takes for each sample beside its bytes.
const cacheEntry = 12

// arrangeCache takes memory for all sequences where that is a small part of what
// the session has.
func (s *Session) arrangeCache() {
	q, z := s.sequences, &s.sizes
	if q == nil {
		return
	}
	unit, total := int64(q.from.Size()*q.features), int64(0)
	for _, n := range q.lengths {
		total += int64(n) * unit
	}
	all := total + cacheEntry*int64(len(q.lengths))
	if total == 0 || all > min(z.memory/cacheShare, maxCache) {
		return
	}
	if z.forced {
		s.opts.Budget.take(all)
	} else if !s.opts.Budget.reserve(all) {
		return
	}
	if q.cache = newCache(q.lengths, unit, total); q.cache == nil {
		s.opts.Budget.free(all)
		return
	}
	z.memory -= all
	z.cached = all
}
