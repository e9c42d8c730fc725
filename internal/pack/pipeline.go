package pack

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/source"
)

// packer is one run.
type packer struct {
	converted atomic.Int64 // JPEGs whose form was changed

	opts    *Options
	src     *source.Source
	writer  *dataset.Writer
	first   int              // entries that earlier runs did
	done    int              // entries written or listed as bad, theirs included
	bytes   int64            // of the source, packed by this run
	damaged []dataset.BadRow // packed, and found to be damaged while they were indexed
	values  []dataset.Value  // scratch of write
	buffers buffers
}

// job is one picture on its way: handed out, worked on, written, used again.
type job struct {
	index int
	size  int64         // of the file; taken from the budget
	file  []byte        // as read; lent by buffers
	out   []byte        // as encoded, where it was; lent by buffers
	row   dataset.Row   // without its values
	bad   error         // why this picture cannot be packed
	fatal error         // why nothing can
	ready chan struct{} // one value when a worker is done with it
}

// window is the number of pictures between the first unwritten and the last
// handed out: a record batch, so that readers go on while one is written, and a
// few for each worker. No budget counts the new bytes of pictures that are
// encoded again; there the window alone bounds them.
func (o *Options) window() int {
	switch {
	case o.Pixels && o.Resize == Resize{}:
		return 2 * o.Workers
	case o.reencodes():
		return 8 * o.Workers
	}
	return max(dataset.DefaultBatchRows, 4*o.Workers)
}

// run packs all entries that earlier runs did not.
func (p *packer) run(ctx context.Context) error {
	p.startProgress()

	p.buffers.limit = p.opts.MemoryBytes
	group, ctx := errgroup.WithContext(ctx)
	window := p.opts.window()
	// All channels hold every job, so only taking from them ever waits.
	free, todo, order := make(chan *job, window), make(chan *job, window), make(chan *job, window)
	for range window {
		free <- &job{ready: make(chan struct{}, 1)}
	}
	files := semaphore.NewWeighted(p.opts.MemoryBytes)
	pixels := semaphore.NewWeighted(p.opts.MemoryBytes)
	group.Go(func() error {
		defer close(todo)
		defer close(order)
		return p.handOut(ctx, files, free, todo, order)
	})
	for range p.opts.Workers {
		group.Go(func() error { return p.work(ctx, newPictures(p.opts, pixels), todo) })
	}
	group.Go(func() error { return p.write(ctx, files, order, free) })
	return group.Wait()
}

func (p *packer) startProgress() {
	p.opts.Progress.Phase("packing", "files", int64(p.src.Len()), p.src.Bytes())
	var before int64
	for i := range p.first {
		before += p.src.Entry(i).Size
	}
	p.opts.Progress.Resume(int64(p.first), before)
}

// handOut gives the entries out in order, as memory allows. It takes memory in
// the order in which write gives it back, so neither can wait for the other for
// ever.
func (p *packer) handOut(ctx context.Context, files *semaphore.Weighted, free <-chan *job, todo, order chan<- *job) error {
	for i := p.first; i < p.src.Len(); i++ {
		var j *job
		select {
		case j = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		j.index = i
		j.size = min(p.src.Entry(i).Size, p.opts.MemoryBytes)
		if err := files.Acquire(ctx, j.size); err != nil {
			return err
		}
		todo <- j
		order <- j
	}
	return nil
}

func (p *packer) work(ctx context.Context, pictures *pictures, todo <-chan *job) error {
	for j := range todo {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.do(ctx, pictures, j)
		j.ready <- struct{}{}
	}
	return nil
}

// do reads and packs one picture.
func (p *packer) do(ctx context.Context, pictures *pictures, j *job) {
	e := p.src.Entry(j.index)
	j.bad, j.fatal = nil, nil
	if e.Size > dataset.MaxBlobBytes {
		j.bad = errs.New(errs.Unsupported, "has %d bytes; a sample may have %d", e.Size, dataset.MaxBlobBytes)
		return
	}
	j.file, j.bad = p.buffers.read(p.src.Path(j.index), e.Size)
	if errors.Is(j.bad, syscall.EMFILE) || errors.Is(j.bad, syscall.ENFILE) {
		j.fatal = errs.New(errs.Exhausted, "too many open files: %w", j.bad).WithHint("raise the limit: ulimit -n 4096")
	}
	if j.bad != nil {
		return
	}
	blob, info, err := pictures.pack(ctx, j.file, &p.buffers)
	if ctx.Err() != nil {
		j.fatal = ctx.Err()
		return
	}
	if err == nil && info.Format == codec.JPEG {
		blob, err = p.form(blob)
	}
	if err != nil {
		j.bad = err
		return
	}
	if &blob[0] != &j.file[0] {
		p.buffers.give(j.file)
		j.file, j.out = nil, blob
	}
	j.row = dataset.Row{Key: e.Key, Label: e.Label, Width: info.Width, Height: info.Height,
		Orientation: uint8(info.Orientation), Format: info.Format, Blob: blob, CRC: dataset.CRC32C(blob)}
}

// read reads the size bytes of a file into a buffer that it borrows.
func (b *buffers) read(path string, size int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cannotRead(err)
	}
	defer f.Close() //nolint:errcheck // only read
	// One byte more than the size tells at once whether the file has grown.
	buf := b.take(size + 1)
	n, err := io.ReadFull(f, buf[:size+1])
	switch {
	case err == nil:
		return buf, errs.New(errs.Transient, "has grown beyond the %d bytes that it had when it was listed", size)
	case int64(n) == size && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		return buf[:size], nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return buf, errs.New(errs.Transient, "has shrunk to %d of the %d bytes that it had when it was listed", n, size)
	}
	return buf, cannotRead(err)
}

// write takes the pictures in order and writes them.
func (p *packer) write(ctx context.Context, files *semaphore.Weighted, order <-chan *job, free chan<- *job) error {
	for j := range order {
		select {
		case <-j.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := p.writeOne(j); err != nil {
			return err
		}
		p.opts.Progress.Add(1, p.src.Entry(j.index).Size)
		p.buffers.give(j.file)
		p.buffers.give(j.out)
		j.file, j.out, j.row = nil, nil, dataset.Row{}
		files.Release(j.size)
		free <- j
	}
	return nil
}

func (p *packer) writeOne(j *job) error {
	if j.fatal != nil {
		return j.fatal
	}
	err := j.bad
	if err == nil {
		p.bytes += p.src.Entry(j.index).Size
		p.values = p.src.Values(j.index, p.values[:0])
		j.row.Values = p.values
		err = p.writer.Append(&j.row)
		if err == nil {
			p.done++
			return nil
		}
		if !errs.Is(err, errs.Invalid) && !errs.Is(err, errs.Unsupported) {
			return err // not about this row: writing failed
		}
	}
	if !p.opts.SkipBad {
		return p.badError(j.index, err)
	}
	p.writer.AppendBad(dataset.BadRow{Path: source.Printable(p.src.Entry(j.index).Key), Reason: reason(err)})
	p.done++
	return nil
}
