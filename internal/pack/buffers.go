package pack

import "sync"

// buffers lends memory for files and takes it back. What was given back last is
// lent first, so that few buffers are in use and those are warm in the cache.
type buffers struct {
	limit int64 // most bytes kept while nobody uses them

	mu   sync.Mutex
	free [][]byte // guarded by mu; given back last is last
	kept int64    // guarded by mu; sum of their capacities
}

// slack of small buffers: files of about one size then find each other's fit.
const mostSlack = 256 << 10

// take returns a buffer of at least n bytes, with length 0.
func (b *buffers) take(n int64) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.free) - 1; i >= 0; i-- {
		if buf := b.free[i]; int64(cap(buf)) >= n {
			b.free = append(b.free[:i], b.free[i+1:]...)
			b.kept -= int64(cap(buf))
			return buf[:0]
		}
	}
	return make([]byte, 0, n+min(n, mostSlack))
}

// give takes a buffer back; those unused the longest make room for it.
func (b *buffers) give(buf []byte) {
	size := int64(cap(buf))
	if size == 0 || size > b.limit {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.kept+size > b.limit {
		b.kept -= int64(cap(b.free[0]))
		b.free[0] = nil
		b.free = b.free[1:]
	}
	b.kept += size
	b.free = append(b.free, buf)
}
