package textpack

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"stoker/internal/text"
)

// job is one chunk of rows on its way: read, worked on, taken in order, used again.
type job struct {
	chunk *text.Chunk
	out   output
	ready chan struct{} // one value when a worker is done with it
}

// chunksAhead is the number of chunks in flight for each worker: one that is worked
// on, one that waits for a worker, one that waits for those before it.
const chunksAhead = 3

// inOrder reads all chunks, has each worked on by one of several workers, and hands
// them to done in the order of the source. It starts a goroutine that reads and one
// for each worker, and waits for all; the first error ends it. Memory is bounded by
// the number of jobs: who is slow holds back the others.
func inOrder(ctx context.Context, o *Options, next func(j *job) error, work func(worker int, j *job) error, done func(j *job) error) error {
	group, ctx := errgroup.WithContext(ctx)
	window := o.Workers * chunksAhead
	// All channels hold every job, so only taking from them ever waits.
	free, todo, order := make(chan *job, window), make(chan *job, window), make(chan *job, window)
	for range window {
		free <- &job{chunk: new(text.Chunk), ready: make(chan struct{}, 1)}
	}
	group.Go(func() error {
		defer close(todo)
		defer close(order)
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case j := <-free:
				if err := next(j); errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
				if o.Limit > 0 && j.chunk.Position(0) >= o.Limit {
					return nil
				}
				todo <- j
				order <- j
			}
		}
	})
	for i := range o.Workers {
		group.Go(func() error {
			for j := range todo {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := work(i, j); err != nil {
					return err
				}
				j.ready <- struct{}{}
			}
			return nil
		})
	}
	group.Go(func() error {
		for j := range order {
			select {
			case <-j.ready:
			case <-ctx.Done():
				return ctx.Err()
			}
			if err := done(j); err != nil {
				return err
			}
			if j.chunk == nil { // kept
				j.chunk = new(text.Chunk)
			}
			free <- j
		}
		return nil
	})
	return group.Wait()
}
