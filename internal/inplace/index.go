package inplace

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/source"
)

// Indexed says what Index did.
type Indexed struct {
	Indexed int64            `json:"indexed"`
	Had     int64            `json:"had"`     // an index already
	Without int64            `json:"without"` // can have none: other formats, several scans, too small
	Bad     []dataset.BadRow `json:"bad"`     // cannot be read
}

// Index makes the indexes of all pictures of the folder, workers at a time (0: one
// a core), and keeps them. progress is told of pictures done, from several
// goroutines. Errors: Permission where they cannot be kept, Exhausted where the
// disk is full, Canceled; pictures that cannot be read are in the result.
func (f *Folder) Index(ctx context.Context, workers int, progress func(int64)) (*Indexed, error) {
	if f.cache == nil {
		return nil, errs.New(errs.Permission, "there is no folder in which indexes can be kept").
			WithHint("set STOKER_CACHE_DIR to a folder that you can write")
	}
	if !f.cache.Wants() {
		return nil, errs.New(errs.Transient, "another process makes indexes of this folder, or the disk is full").
			WithHint("they are made by training, too: there is nothing to do while it runs")
	}
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	x := &indexing{folder: f, result: Indexed{Bad: []dataset.BadRow{}}}
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range workers {
		group.Go(func() error {
			set := codec.NewSet(codec.Limits{})
			var blob []byte
			for i := next.Add(1) - 1; i < f.Len(); i = next.Add(1) - 1 {
				if ctx.Err() != nil {
					return errs.New(errs.Canceled, "indexing was stopped: what is done is kept")
				}
				var err error
				if blob, err = x.picture(set, i, blob); err != nil {
					return err
				}
				progress(1)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return &x.result, nil
}

// indexing is one run of Index.
type indexing struct {
	folder *Folder
	mu     sync.Mutex
	result Indexed // guarded by mu
}

// picture indexes picture i, with blob for its bytes. An error ends all.
func (x *indexing) picture(set *codec.Set, i int64, blob []byte) ([]byte, error) {
	f := x.folder
	s, err := f.Sample(i)
	if err != nil {
		x.bad(i, err)
		return blob, nil
	}
	if s.Format != codec.JPEG || s.Length < leastBytes {
		x.count(&x.result.Without)
		return blob, nil
	}
	before := s.CRC
	if blob, err = f.Read(&s, i, blob); err != nil {
		x.bad(i, err)
		return blob, nil
	}
	if before == s.CRC && len(f.AppendEntropy(nil, i, &s)) > 0 {
		x.count(&x.result.Had)
		return blob, nil
	}
	index, err := set.AppendIndex(nil, blob, s.Format, codec.DefaultIndexStep)
	switch {
	case err != nil:
		x.bad(i, err)
		return blob, nil
	case len(index) == 0:
		x.count(&x.result.Without)
		return blob, nil
	}
	x.count(&x.result.Indexed)
	return blob, f.KeepEntropy(i, &s, index, blob)
}

func (x *indexing) count(n *int64) {
	x.mu.Lock()
	*n++
	x.mu.Unlock()
}

func (x *indexing) bad(i int64, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.result.Bad = append(x.result.Bad, dataset.BadRow{Path: source.Printable(x.folder.Key(i)), Reason: err.Error()})
}
