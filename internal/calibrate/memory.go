package calibrate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"stoker/internal/errs"
	"stoker/internal/rng"
	"stoker/internal/sysinfo"
)

// Sizes of the memory that is measured.
const (
	copyBlock  = 100 * time.Millisecond
	chaseBlock = 60 * time.Millisecond
	lineBytes  = 64
	lineWords  = lineBytes / 4
	maxWarm    = 16 << 20  // the longest walk that is warmed up
	maxCopy    = 64 << 20  // of each of a core's two buffers
	maxChase   = 512 << 20 // of the slowest chase
	memoryPart = 8         // of the free memory that all of it may take
)

// memory measures how fast memory is copied and how long a load waits.
func (c *calibrator) memory(context.Context, *sample) (p part, err error) {
	free := max(c.report.Machine.FreeBytes/memoryPart, 64<<20)
	if c.Quick {
		free = 8 << 20
	}
	each := min(maxCopy, free/int64(2*c.cores)) &^ 4095
	var buffers [][]byte
	for range 2 * c.cores {
		b, err := c.touch(each)
		if err != nil {
			return p, err
		}
		buffers = append(buffers, b)
	}
	copies := func(cores int) func(context.Context) (float64, error) {
		return func(context.Context) (float64, error) { return copyFor(buffers[:2*cores], c.block(copyBlock)), nil }
	}
	p.items = []*item{{row: Row{ID: "memory.copy.core", Group: "memory", Name: "copying, one core"}, unit: "B/s", cores: 1, alone: true, block: copies(1)}}
	if c.cores > 1 {
		p.items = append(p.items, &item{row: Row{ID: "memory.copy.all", Group: "memory", Name: fmt.Sprintf("copying, all %d cores", c.cores)},
			unit: "B/s", cores: c.cores, alone: true, block: copies(c.cores)})
	}
	chases, err := c.chaseItems(free)
	p.items = append(p.items, chases...)
	return p, err
}

// touch maps memory until the end, and writes every page once.
func (c *calibrator) touch(size int64) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, errs.New(errs.Exhausted, "cannot map %d bytes of memory: %w", size, err)
	}
	c.atEnd(func() { unix.Munmap(b) }) //nolint:errcheck // it was mapped
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	return b, nil
}

// copyFor copies between pairs of buffers, one core each, and returns the bytes
// read and written a second: STREAM's copy (McCalpin 1995).
func copyFor(buffers [][]byte, d time.Duration) float64 {
	var all sync.WaitGroup
	rates := make([]float64, len(buffers)/2)
	for i := range rates {
		all.Go(func() {
			to, from := buffers[2*i], buffers[2*i+1]
			n := 0
			took := onCore(func() {
				for start := time.Now(); time.Since(start) < d; n += 2 * len(to) {
					copy(to, from)
				}
			})
			rates[i] = float64(n) / took
		})
	}
	all.Wait()
	var sum float64
	for _, r := range rates {
		sum += r
	}
	return sum
}

// onCore runs work on one thread and returns the seconds that it had a core: time
// in which others had it does not count.
func onCore(work func()) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := sysinfo.ThreadCPU()
	work()
	return (sysinfo.ThreadCPU() - before).Seconds()
}

// chase is a walk along pointers, each in a cache line of its own, in an order
// that no prefetcher guesses: the time of a step is the latency of a load.
type chase struct {
	memory []byte
	words  []uint32 // the same memory
	at     uint32
}

// chaseItems makes a walk for each level of the caches, and one that none holds.
func (c *calibrator) chaseItems(free int64) (all []*item, err error) {
	caches := cacheSizes()
	var last int64
	for i, size := range caches {
		last = size
		typical := []string{"1 ns", "4 ns", "15 to 40 ns"}[min(i, 2)]
		// A quarter of a cache: the rest is for whatever else there is, such as the
		// core's other thread. Of a cache that many cores share, no more than one may get.
		bytes := min(size/4, maxWarm)
		it, err := c.newChase(bytes, Row{ID: fmt.Sprintf("memory.latency.l%d", i+1), Group: "memory",
			Name: fmt.Sprintf("a load from the level %d cache", i+1), Typical: typical, Note: fmt.Sprintf("%s of %s", size2(bytes), size2(size))})
		if err != nil {
			return all, err
		}
		it.alone = i < 2 // the cores' own; the last one others use, too
		all = append(all, it)
	}
	bytes := min(max(2*last, 128<<20), maxChase, free) &^ (lineBytes - 1)
	row := Row{ID: "memory.latency.dram", Group: "memory", Name: "a load from memory", Typical: "80 to 120 ns", Note: size2(bytes) + ", usual pages"}
	if 2*bytes < 3*last {
		row.Note += "; a part of it is in the cache"
	}
	it, err := c.newChase(bytes, row)
	if err != nil {
		return all, err
	}
	return append(all, it), nil
}

// size2 writes a size of memory in binary units.
func size2(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

func (c *calibrator) newChase(bytes int64, row Row) (*item, error) {
	memory, err := c.touch(bytes)
	if err != nil {
		return nil, err
	}
	h := &chase{memory: memory, words: unsafe.Slice((*uint32)(unsafe.Pointer(&memory[0])), len(memory)/4)}
	link(h.words)
	return &item{row: row, unit: "s", cores: 1, block: func(context.Context) (float64, error) { return h.walk(c.block(chaseBlock)), nil }}, nil
}

// link joins the first words of the lines to one circle in random order (Sattolo
// 1986): each holds the number of the next one's word.
func link(words []uint32) {
	n := len(words) / lineWords
	for i := range n {
		words[i*lineWords] = uint32(i * lineWords)
	}
	r := rng.NewKey(2).Source()
	for i := n - 1; i > 0; i-- {
		j := r.IntN(i)
		words[i*lineWords], words[j*lineWords] = words[j*lineWords], words[i*lineWords]
	}
}

// walk returns the seconds of a load. The first rounds bring the lines into the
// cache and are not counted where it can hold them.
func (h *chase) walk(d time.Duration) float64 {
	const steps = 1 << 14
	at, words := h.at, h.words
	if len(h.memory) <= maxWarm {
		for range len(words) / lineWords {
			at = words[at]
		}
	}
	n := 0
	took := onCore(func() {
		for start := time.Now(); time.Since(start) < d; n += steps {
			for range steps {
				at = words[at]
			}
		}
	})
	h.at = at // kept, so that the loads are not in vain
	return took / float64(n)
}

// cacheSizes returns the bytes of the data caches, level 1 first; what the system
// does not tell is left out.
func cacheSizes() (sizes []int64) {
	dirs, _ := filepath.Glob("/sys/devices/system/cpu/cpu0/cache/index*")
	for _, dir := range dirs {
		if kind := word(dir, "type"); kind != "Data" && kind != "Unified" {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSuffix(word(dir, "size"), "K"), 10, 64); err == nil && n > 0 {
			sizes = append(sizes, n<<10)
		}
	}
	return sizes
}

func word(dir, name string) string {
	raw, _ := os.ReadFile(filepath.Join(dir, name))
	return strings.TrimSpace(string(raw))
}
