package engine

import (
	"context"
	"os"
	"slices"
	"time"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/inplace"
	"stoker/internal/plan"
	"stoker/internal/transform"
)

// Options describe a session. The zero value of a member is its default.
type Options struct {
	Dataset string // the dataset's folder, or one of pictures that nobody packed
	Source  Source // read this instead; the session closes it

	// Cache is the folder in which the entropy indexes are kept that the session
	// makes of pictures without; "" is none. See package inplace.
	Cache string

	// Transform makes the rows of the field "image". Without an operation, a
	// dataset whose pictures all have one size is taken as it is.
	Transform transform.Spec

	// Batching says how batches of sequences are made; it is nil for pictures.
	Batching *Batching

	// Fields of a batch, in this order; default image, label, index, and for
	// sequences those of the way to batch. Beside these
	// "key" and every further field of the dataset may be asked for.
	Fields []string

	BatchSize       int
	Rank, WorldSize int // default 0 of 1
	Seed            uint64
	Shuffle         bool
	Last            plan.Last

	Epoch    uint64 // where the stream starts
	Position int64  // samples of that epoch already consumed, over all ranks
	State    []byte // a saved plan.State; it replaces Epoch and Position

	OnBad Policy // what to do with samples that cannot be used; default Fail

	// Workers is how many goroutines decode; 0 is one for each core of the
	// Budget, which is also the most.
	Workers int

	// Prefetch is how many batches are made ahead of the one being consumed; 0 is
	// 2, enough to hide one slow batch.
	Prefetch int

	// MemoryBytes bounds what the session takes: slots, stored bytes and decoded
	// pictures, see docs/memory.md. 0 is what Budget has left.
	MemoryBytes int64

	// Budget is shared with the process's other sessions; nil is one of this
	// session's own.
	Budget *Budget

	// Pushed says that the batches go to a consumer at the other end of a socket,
	// which says by Wait when it waits; else Next is that.
	Pushed bool

	// Notify is told, once each, what the user should know. It is called from the
	// session's goroutines and must not block for long, nor call the session.
	Notify func(Notice)

	// HeldNotice and HeldError are how long a consumer may wait while it keeps
	// every batch that memory allows, before a notice (default 1 s), and before
	// the session fails (default 10 s).
	HeldNotice, HeldError time.Duration
}

// Notice is something the user should know.
type Notice struct {
	Kind    string // "held", "skipped", "substituted"
	Message string
}

const (
	defaultPrefetch   = 2
	defaultHeldNotice = time.Second
	defaultHeldError  = 10 * time.Second

	fieldImage = "image"
	fieldLabel = "label"
	fieldIndex = "index"
	fieldKey   = "key"
)

func (o Options) withDefaults() Options {
	if o.Prefetch == 0 {
		o.Prefetch = defaultPrefetch
	}
	if o.Budget == nil {
		o.Budget = NewBudget(0, 0)
	}
	if o.HeldNotice == 0 {
		o.HeldNotice = defaultHeldNotice
	}
	if o.HeldError == 0 {
		o.HeldError = defaultHeldError
	}
	if o.Notify == nil {
		o.Notify = func(Notice) {}
	}
	return o
}

func (o *Options) hasImage() bool { return slices.Contains(o.Fields, fieldImage) }

func (o *Options) open(ctx context.Context) (Source, error) {
	switch {
	case o.Workers < 0:
		return nil, errs.New(errs.Invalid, "workers is %d", o.Workers).WithHint("0 is automatic")
	case o.Prefetch < 0 || o.Prefetch > 1024:
		return nil, errs.New(errs.Invalid, "prefetch_batches is %d, must be 0 (automatic) to 1024", o.Prefetch)
	case o.MemoryBytes < 0:
		return nil, errs.New(errs.Invalid, "the memory budget is %d bytes", o.MemoryBytes).WithHint("0 is automatic")
	case o.Source != nil:
		return o.Source, nil
	}
	d, err := dataset.Open(o.Dataset)
	if errs.Is(err, errs.NotFound) {
		if info, e := os.Stat(o.Dataset); e == nil && info.IsDir() {
			return inplace.OpenFolder(ctx, o.Dataset, o.Cache)
		}
	}
	if err != nil {
		return nil, err
	}
	if o.Shuffle {
		d.ExpectRandomReads()
	}
	if p := inplace.Improve(d, o.Cache); p != nil {
		return p, nil
	}
	return d, nil
}

func (o *Options) planSpec(samples int64) plan.Spec {
	return plan.Spec{Samples: samples, BatchSize: o.BatchSize, Rank: o.Rank, WorldSize: max(o.WorldSize, 1),
		Seed: o.Seed, Shuffle: o.Shuffle, Last: o.Last}
}

// compile makes the pipeline. Without an operation it looks whether the pictures
// have one size, and takes them whole.
func compile(spec transform.Spec, source Source) (*transform.Pipeline, error) {
	if len(spec.Ops) > 0 || source.Len() == 0 {
		return transform.Compile(spec)
	}
	first, err := source.Sample(0)
	if err != nil {
		return nil, err
	}
	for i := range source.Len() {
		s, err := source.Sample(i)
		if err != nil {
			return nil, err
		}
		if s.Width != first.Width || s.Height != first.Height || spec.ApplyOrientation && s.Orientation > 4 {
			return nil, errs.New(errs.Invalid, "the pictures have different sizes: %d x %d, and %d x %d for %q",
				first.Width, first.Height, s.Width, s.Height, source.Key(i)).
				WithHint("add an operation that makes them equal, such as random_resized_crop or resize with center_crop")
		}
	}
	spec.Ops = []transform.Op{&transform.CenterCrop{Size: transform.Size{Height: first.Height, Width: first.Width}}}
	return transform.Compile(spec)
}
