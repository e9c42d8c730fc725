package engine

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"stoker/internal/sysinfo"
)

// MemoryShare is the part of the memory that the process may have which its
// sessions take together at most, where nobody says otherwise: one quarter
// leaves the rest to the trainers and the page cache.
const MemoryShare = 4

// Budget is what the sessions of one process share: cores to decode on, and
// memory. It is safe for concurrent use.
type Budget struct {
	cores chan struct{} // holds a token for each core at work
	total int64

	huge     *semaphore.Weighted // bytes for huge pictures
	hugeMost int64

	mu   sync.Mutex
	used int64 // guarded by mu
}

// NewBudget returns a budget of so many cores and bytes; 0 is automatic: the
// cores that this process may use, and a quarter of its memory.
func NewBudget(cores int, memoryBytes int64) *Budget {
	if cores <= 0 || memoryBytes <= 0 {
		m := sysinfo.Read()
		if cores <= 0 {
			cores = m.Cores
		}
		if memoryBytes <= 0 {
			memoryBytes = share(m.MemoryBytes)
		}
	}
	most := max(memoryBytes/hugeShare, 1)
	return &Budget{cores: make(chan struct{}, cores), total: memoryBytes, huge: semaphore.NewWeighted(most), hugeMost: most}
}

// minMemory is what a batch of 256 usual pictures needs four times. A process
// that may have little gets up to half of it.
const minMemory = 256 << 20

// share returns the part of the process's memory that is for sessions; 0 is
// unknown.
func share(memoryBytes int64) int64 {
	if memoryBytes == 0 {
		return minMemory
	}
	return max(memoryBytes/MemoryShare, min(minMemory, memoryBytes/2))
}

// Cores returns how many cores may decode at once.
func (b *Budget) Cores() int { return cap(b.cores) }

// MemoryBytes returns the most that all sessions may take.
func (b *Budget) MemoryBytes() int64 { return b.total }

// Left returns the memory that is not reserved.
func (b *Budget) Left() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(b.total-b.used, 0)
}

// reserve takes n bytes, or nothing and reports false.
func (b *Budget) reserve(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > b.total-b.used {
		return false
	}
	b.used += n
	return true
}

// take takes n bytes that the user asked for by name, whatever is left.
func (b *Budget) take(n int64) {
	b.mu.Lock()
	b.used += n
	b.mu.Unlock()
}

func (b *Budget) free(n int64) {
	b.mu.Lock()
	b.used -= n
	b.mu.Unlock()
}

// hugeShare is the part of the budget that huge pictures may take together while
// they are decoded. One may always be, whatever it takes.
const hugeShare = 4

// work waits for a core, and for need bytes where a huge picture is to be
// decoded. It returns false when ctx ended.
func (b *Budget) work(ctx context.Context, need int64) bool {
	if need > 0 && b.huge.Acquire(ctx, min(need, b.hugeMost)) != nil {
		return false
	}
	select {
	case b.cores <- struct{}{}:
		return true
	case <-ctx.Done():
		if need > 0 {
			b.huge.Release(min(need, b.hugeMost))
		}
		return false
	}
}

// done ends what work began.
func (b *Budget) done(need int64) {
	<-b.cores
	if need > 0 {
		b.huge.Release(min(need, b.hugeMost))
	}
}
