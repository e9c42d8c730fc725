package calibrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"stoker/internal/errs"
)

// depth is how many readings are on their way at once in the deep blocks: as many
// as the engine has at least.
const depth = 8

// Bounds of one block of reading.
const (
	readBlock = 400 * time.Millisecond
	pageBytes = 4096
	probes    = 384 // readings of a page in a block
)

// disk reads the sampled bytes cold and warm, one at a time and several.
func (c *calibrator) disk(_ context.Context, s *sample) (part, error) {
	r := &reader{extents: s.extents, files: map[string]*os.File{}}
	c.atEnd(r.close)
	if err := r.settle(); err != nil {
		return part{}, err
	}
	kept, err := r.evict()
	if err != nil {
		return part{}, err
	}
	where := c.report.Data.FileSystem
	if c.report.Data.Network {
		where += " from " + c.report.Data.Mounted
	}
	page := &item{row: Row{ID: "disk.cold.page", Group: "disk", Name: "reading 4 KiB, cold", Typical: "0.1 ms NVMe, 5 to 10 ms disk"}, unit: "s", cores: 1, block: r.pages}
	page.row.Note = where
	// Last the one that leaves the samples in the page cache, for those who decode them.
	items := []*item{page, c.reading(r, "disk.cold.one", "samples, cold, one at a time", "8,000/s NVMe, 100/s disk", 1),
		c.reading(r, "disk.cold.deep", fmt.Sprintf("samples, cold, %d at once", depth), "30,000/s NVMe, 150/s disk", depth), c.warm(r)}
	return part{items: items, tell: func() { c.sayCold(kept) }}, nil
}

// sayCold tells what cold means here.
func (c *calibrator) sayCold(kept float64) {
	cold, warm := c.report.Mid("disk.cold.one"), c.report.Mid("disk.warm.one")
	switch {
	case kept < 0 && cold > warm/2, kept > 0.5 && cold > warm/2:
		c.note("%s keeps its cache though asked to drop it: the cold figures are those of the cache", c.report.Data.FileSystem)
		for i := range c.report.Rows {
			if r := &c.report.Rows[i]; len(r.ID) > 10 && r.ID[:10] == "disk.cold." {
				r.Note = "not cold"
			}
		}
	default:
		c.note("cold is without this system's page cache; a cache in the storage or the hypervisor may still help")
	}
}

// reader reads extents.
type reader struct {
	extents []extent
	mu      sync.Mutex
	files   map[string]*os.File // guarded by mu: those that hold many samples
	next    atomic.Int64
}

func (r *reader) close() {
	for _, f := range r.files {
		f.Close() //nolint:errcheck // only read
	}
}

// open returns the file of an extent; done closes it where it is the sample's own.
func (r *reader) open(x *extent) (f *os.File, done func(), err error) {
	if x.whole {
		f, err = os.Open(x.path)
		if err != nil {
			return nil, nil, readError(x, err)
		}
		return f, func() { f.Close() }, nil //nolint:errcheck // only read
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if f = r.files[x.path]; f == nil {
		if f, err = os.Open(x.path); err != nil {
			return nil, nil, readError(x, err)
		}
		adviseRandom(f) // as the engine does
		r.files[x.path] = f
	}
	return f, func() {}, nil
}

func readError(x *extent, err error) error {
	return errs.New(errs.KindOfFile(err, errs.Transient), "cannot read a sample: %w", err).At(x.path)
}

// each calls do with the file of every extent.
func (r *reader) each(do func(f *os.File, x *extent) error) error {
	for i := range r.extents {
		x := &r.extents[i]
		f, done, err := r.open(x)
		if err != nil {
			return err
		}
		err = do(f, x)
		done()
		if err != nil {
			return err
		}
	}
	return nil
}

// settle has what was just written brought to the disk: only then can the page
// cache drop it.
func (r *reader) settle() error {
	return r.each(func(f *os.File, x *extent) error { writeBack(f, x.offset, x.length); return nil })
}

// evict drops the sampled bytes, and nothing else, from the page cache, and
// returns the share that stayed; -1 unknown.
func (r *reader) evict() (kept float64, err error) {
	if err := r.each(func(f *os.File, x *extent) error { drop(f, x.offset, x.length); return nil }); err != nil {
		return 0, err
	}
	return cachedShare(r.extents), nil
}

// item is a figure of samples read a second, depth at a time, cold.
func (c *calibrator) reading(r *reader, id, name, typical string, depth int) *item {
	it := &item{row: Row{ID: id, Group: "disk", Name: name, Typical: typical}, unit: "samples/s", cores: 1}
	it.block = func(ctx context.Context) (float64, error) {
		var n int
		var took time.Duration
		for took < c.block(readBlock) { // a small sample is read more than once
			if _, err := r.evict(); err != nil {
				return 0, err
			}
			more, d, err := r.read(ctx, depth, c.block(readBlock)-took)
			if err != nil || ctx.Err() != nil {
				return 0, err
			}
			n, took = n+more, took+d
		}
		return float64(n) / took.Seconds(), nil
	}
	return it
}

// warm is a figure of samples copied from the page cache by one core.
func (c *calibrator) warm(r *reader) *item {
	it := &item{row: Row{ID: "disk.warm.one", Group: "disk", Name: "samples, from the page cache", Typical: "20,000/s"}, unit: "samples/s", cores: 1}
	it.block = func(ctx context.Context) (rate float64, err error) {
		if _, _, err := r.read(ctx, depth, time.Hour); err != nil {
			return 0, err
		}
		n := 0
		took := onCore(func() {
			var buf []byte
			for start := time.Now(); err == nil && (n == 0 || time.Since(start) < c.block(readBlock)); n++ {
				buf, err = r.one(buf)
			}
		})
		return float64(n) / took, err
	}
	return it
}

// read reads each sample at most once, depth at a time, for at most d, and returns
// how many and how long it took. Each call goes on where the last one stopped.
func (r *reader) read(ctx context.Context, depth int, d time.Duration) (n int, took time.Duration, err error) {
	var left, done atomic.Int64
	left.Store(int64(len(r.extents)))
	start := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for range depth {
		g.Go(func() error {
			var buf []byte
			for left.Add(-1) >= 0 && ctx.Err() == nil && (time.Since(start) < d || done.Load() < enough) {
				var err error
				if buf, err = r.one(buf); err != nil {
					return err
				}
				done.Add(1)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return 0, 0, err
	}
	return int(done.Load()), time.Since(start), nil
}

// one reads the next sample into buf, which it grows.
func (r *reader) one(buf []byte) ([]byte, error) {
	x := &r.extents[int(r.next.Add(1)-1)%len(r.extents)]
	f, done, err := r.open(x)
	if err != nil {
		return buf, err
	}
	defer done()
	buf = slices.Grow(buf[:0], int(x.length))[:x.length]
	if _, err = f.ReadAt(buf, x.offset); err != nil && !errors.Is(err, io.EOF) {
		return buf, readError(x, err)
	}
	return buf, nil
}

// pages reads a page of some samples, cold, and returns the median of the seconds.
func (r *reader) pages(ctx context.Context) (float64, error) {
	if _, err := r.evict(); err != nil {
		return 0, err
	}
	buf := make([]byte, pageBytes)
	var took []float64
	start := time.Now()
	for range min(probes, len(r.extents)) {
		x := &r.extents[int(r.next.Add(1)-1)%len(r.extents)]
		f, done, err := r.open(x)
		if err != nil {
			return 0, err
		}
		if x.whole {
			adviseRandom(f)
		}
		at := time.Now()
		_, err = f.ReadAt(buf[:min(pageBytes, x.length)], x.offset)
		took = append(took, time.Since(at).Seconds())
		done()
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, readError(x, err)
		}
		if ctx.Err() != nil || time.Since(start) > readBlock && len(took) >= enough {
			break
		}
	}
	return value("s", took).Mid, ctx.Err()
}
