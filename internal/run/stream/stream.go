// Package stream is the output of a run as its readers see it: bytes with
// offsets and times, the newest in memory, older ones in the raw log. A reader
// pulls from any offset at its own pace, so that a slow one never holds up the
// program that writes.
package stream

import (
	"context"
	"sort"
	"sync"
	"time"

	"stoker/internal/run/seglog"
)

// Buffer keeps the newest bytes of one stream. Safe for concurrent use.
type Buffer struct {
	dir  string // raw log for what memory has forgotten
	grew chan struct{}

	mu     sync.Mutex
	ring   []byte
	start  int64 // offset of the oldest byte in ring
	end    int64
	marks  []mark // times of chunks still in the ring
	closed bool
}

// Source says which of a program's outputs bytes came from.
type Source byte

// The sources. A program whose outputs go to the same place has only Stdout.
const (
	Stdout Source = 0
	Stderr Source = 1
)

// mark says when the bytes from offset on arrived, and from where.
type mark struct {
	off int64
	at  time.Time
	src Source
}

// maxMarks bounds the marks, for a program that changes its output at every
// byte; beyond it times and sources of single bytes become those of neighbours.
const maxMarks = 8192

// Chunk is a piece of a stream. Data is the reader's own.
type Chunk struct {
	Offset int64
	Time   time.Time // arrival; zero when only the log knows the bytes
	Source Source    // Stdout where only the log knows them
	Data   []byte
}

// New returns a buffer whose first byte will have the offset start and that
// remembers size bytes; dir is the raw log.
func New(dir string, start int64, size int) *Buffer {
	return &Buffer{dir: dir, grew: make(chan struct{}), ring: make([]byte, 0, size), start: start, end: start}
}

// Append adds bytes that arrived at now. Bytes below offset are known to be
// missing: offset may be ahead of the end, never behind.
func (b *Buffer) Append(offset int64, now time.Time, src Source, p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if offset != b.end {
		b.ring, b.marks = b.ring[:0], b.marks[:0]
		b.start, b.end = offset, offset
	}
	if b.needsMark(now, src) {
		b.marks = append(b.marks, mark{b.end, now, src})
	}
	b.end += int64(len(p))
	if keep := cap(b.ring); len(p) >= keep {
		b.ring = append(b.ring[:0], p[len(p)-keep:]...)
	} else {
		// Half is dropped at a time: each byte is moved at most once.
		if len(b.ring)+len(p) > keep {
			drop := min(len(b.ring), max(len(b.ring)+len(p)-keep, keep/2))
			b.ring = append(b.ring[:0], b.ring[drop:]...)
		}
		b.ring = append(b.ring, p...)
	}
	b.start = b.end - int64(len(b.ring))
	b.forgetMarks()
	b.wake()
}

// needsMark reports whether bytes that arrive now differ from those before.
func (b *Buffer) needsMark(now time.Time, src Source) bool {
	n := len(b.marks)
	if n == 0 {
		return true
	}
	last := b.marks[n-1]
	return n < maxMarks && (last.src != src || now.Sub(last.at) >= 50*time.Millisecond)
}

// forgetMarks drops marks of bytes that left the ring, but the one that covers
// its first byte.
func (b *Buffer) forgetMarks() {
	n := 0
	for n+1 < len(b.marks) && b.marks[n+1].off <= b.start {
		n++
	}
	b.marks = append(b.marks[:0], b.marks[n:]...)
}

// wake lets every waiting reader look again; b.mu is held.
func (b *Buffer) wake() {
	close(b.grew)
	b.grew = make(chan struct{})
}

// Close ends the stream: readers get what is left, then ok = false.
func (b *Buffer) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		b.wake()
	}
}

// End is the offset after the newest byte.
func (b *Buffer) End() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.end
}

// Next returns bytes from off on, or from the next offset that still exists,
// waiting for them if there are none yet. At most len(buf) bytes, into buf. ok
// is false when the stream was closed and is exhausted, or when ctx ended or
// changed was closed (nil: never) while there was nothing to read.
func (b *Buffer) Next(ctx context.Context, off int64, buf []byte, changed <-chan struct{}) (c Chunk, ok bool) {
	for {
		b.mu.Lock()
		if off >= b.start && off < b.end {
			c = b.inMemory(off, buf)
			b.mu.Unlock()
			return c, true
		}
		grew, closed, start, end := b.grew, b.closed, b.start, b.end
		b.mu.Unlock()
		if off < start {
			if n, at, err := seglog.ReadAt(b.dir, buf, off); err == nil && at < start {
				return Chunk{Offset: at, Data: buf[:min(int64(n), start-at)]}, true
			}
			off = start // forgotten, or lost to a full disk
			if off < end {
				continue
			}
		}
		if closed {
			return Chunk{}, false
		}
		select {
		case <-grew:
		case <-changed:
			return Chunk{}, false
		case <-ctx.Done():
			return Chunk{}, false
		}
	}
}

// inMemory copies from the ring up to the next mark, so that a chunk has one
// time and source; b.mu is held.
func (b *Buffer) inMemory(off int64, buf []byte) Chunk {
	next := sort.Search(len(b.marks), func(i int) bool { return b.marks[i].off > off })
	end, covers := b.end, mark{}
	if next < len(b.marks) {
		end = b.marks[next].off
	}
	if next > 0 {
		covers = b.marks[next-1]
	}
	n := copy(buf, b.ring[off-b.start:end-b.start])
	return Chunk{Offset: off, Time: covers.at, Source: covers.src, Data: buf[:n]}
}
