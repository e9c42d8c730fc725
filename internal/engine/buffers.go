package engine

import (
	"context"
	"math/bits"
	"sync"
)

// buffers lends memory for stored bytes, in sizes of powers of two, within a
// limit over all that is lent or kept for reuse. One buffer may always be lent,
// however large, so that every sample can be read.
type buffers struct {
	limit int64
	keep  int64 // nothing is kept for reuse that would exceed this

	mu      sync.Mutex // guards all below
	kept    [48][][]byte
	bytes   int64 // lent and kept
	lent    int
	awaited bool          // somebody waits for change
	change  chan struct{} // closed when memory came back
}

func newBuffers(limit, keep int64) *buffers {
	return &buffers{limit: limit, keep: min(keep, limit), change: make(chan struct{})}
}

const minBufferBits = 12

// class returns the size class for n bytes.
func class(n int64) int { return max(bits.Len64(uint64(max(n, 1)-1)), minBufferBits) }

// take returns an empty buffer with room for n bytes, and waits for memory; nil
// when ctx ended.
func (b *buffers) take(ctx context.Context, n int64) []byte {
	for {
		buf, change := b.tryTake(class(n))
		if buf != nil {
			return buf
		}
		select {
		case <-change:
		case <-ctx.Done():
			return nil
		}
	}
}

func (b *buffers) tryTake(c int) ([]byte, chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k := b.kept[c]; len(k) > 0 {
		buf := k[len(k)-1]
		k[len(k)-1] = nil
		b.kept[c] = k[:len(k)-1]
		b.lent++
		return buf, nil
	}
	size := int64(1) << c
	for b.bytes+size > b.limit && b.forget() {
	}
	if b.bytes+size > b.limit && b.lent > 0 {
		b.awaited = true
		return nil, b.change
	}
	b.bytes += size
	b.lent++
	return make([]byte, 0, size), nil
}

// forget leaves the largest kept buffer to the garbage collector.
func (b *buffers) forget() bool {
	for c := len(b.kept) - 1; c >= 0; c-- {
		if k := b.kept[c]; len(k) > 0 {
			k[len(k)-1] = nil
			b.kept[c] = k[:len(k)-1]
			b.bytes -= int64(1) << c
			return true
		}
	}
	return false
}

// give takes a lent buffer back. It must be the memory that take returned.
func (b *buffers) give(buf []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := class(int64(cap(buf)))
	b.lent--
	if b.bytes > b.keep {
		b.bytes -= int64(1) << c
	} else {
		b.kept[c] = append(b.kept[c], buf[:0])
	}
	if b.awaited {
		close(b.change)
		b.change, b.awaited = make(chan struct{}), false
	}
}
