// Package engine turns a dataset into a stream of batches in shared memory.
//
// A Session reads one dataset for one rank. Its planner asks the plan which
// samples make the next batch and takes a free slot for it; fetchers read the
// stored bytes; workers decode the part of each picture that its crop needs and
// write the result into the sample's row of the slot; the worker that finishes
// the last row adds the scalar fields. Next hands the batches out, strictly in
// order. Every queue is bounded, and when no slot is free the planner waits.
//
// The stream is a function of the dataset, the transforms, the seed, the epoch
// and the position alone: the number of workers, the budgets and their timing
// change no byte of it.
//
// Ownership: slots belong to the Session. A batch that Next returned is leased:
// its memory is not written until Release. Open starts one planner, Workers
// workers and some fetchers; Close ends them and returns when all are gone.
package engine

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/inplace"
	"stoker/internal/plan"
	"stoker/internal/rng"
	"stoker/internal/stats"
	"stoker/internal/transform"
)

// Source is a dataset as a session reads it; *dataset.Dataset is one. It must
// be safe for concurrent use. Samples and columns are as in package dataset.
type Source interface {
	Len() int64
	Manifest() *dataset.Manifest
	Fingerprint() string
	Sample(i int64) (dataset.Sample, error)
	Formats() []codec.Format // of the pictures; none where that is not known
	Key(i int64) string
	Column(name string) (dataset.Column, error)
	// Read returns the stored bytes of sample i, in dst where they fit. Where s.CRC
	// was not theirs but is not known to be right either, it sets it.
	Read(s *dataset.Sample, i int64, dst []byte) ([]byte, error)
	// AppendEntropy appends the entropy index of sample i, or nothing.
	AppendEntropy(dst []byte, i int64, s *dataset.Sample) []byte
	// AppendParts appends what entropy.Parts reads, or nothing; ReadRange reads
	// bytes of a sample unchecked, for the parts' checksums.
	AppendParts(dst []byte, i int64, s *dataset.Sample) []byte
	ReadRange(s *dataset.Sample, i, offset, length int64, dst []byte) ([]byte, error)
	Close() error
}

// keeper is a Source that keeps the entropy indexes that the session makes.
type keeper interface {
	KeepsEntropy(s *dataset.Sample) bool // whether that of the sample
	KeepEntropy(i int64, s *dataset.Sample, index, blob []byte) error
}

// Session is the stream of one loader. Its methods may be called from any
// goroutine, Next from one at a time.
type Session struct {
	opts     Options
	source   Source
	keeper   keeper              // the source, where it is one
	pipeline *transform.Pipeline // nil where no picture is asked for
	plan     *plan.Plan
	key      rng.Key
	layout   *Layout
	columns  []column
	slots    *slots
	buffers  *buffers
	start    time.Time // clock readings count from here

	sequences *sequences // nil where the dataset holds pictures

	sizes   sizes
	notices []string
	state   plan.State

	free    chan *job // jobs not in use: their number bounds the samples in flight
	toFetch chan *job
	decode  chan *job

	ctx      context.Context // the session's life
	cancel   context.CancelFunc
	group    *errgroup.Group
	waiting  chan struct{} // holds a token when Wait has news for Next
	closing  sync.Once
	badIndex sync.Once // tells of the first entropy index that does not fit
	err      error     // of Close

	mu struct {
		sync.Mutex
		stream *stream
		failed error // the session is over
		demand bool  // the consumer waits for a batch, since then
		since  time.Duration
		lastly time.Duration // when the last batch was handed out

		epochs  map[uint64]*stats.Totals // the latest
		current uint64                   // epoch of the last batch
		bad     badList
	}
}

// Open checks the options whole, then starts the session. ctx bounds the opening
// only; Close ends the session.
func Open(ctx context.Context, o Options) (*Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, errs.New(errs.Canceled, "opening was given up: %w", err)
	}
	source, err := o.open(ctx)
	if err != nil {
		return nil, err
	}
	s, err := prepare(o, source)
	if err != nil {
		source.Close() //nolint:errcheck // only read
		return nil, err
	}
	s.run()
	return s, nil
}

// prepare does all of Open that can fail.
func prepare(o Options, source Source) (*Session, error) {
	s := &Session{opts: o.withDefaults(), source: source, start: time.Now(), waiting: make(chan struct{}, 1)}
	s.keeper, _ = source.(keeper)
	if f, ok := source.(*inplace.Folder); ok {
		s.notices = f.Notes()
	}
	var err error
	if s.plan, err = plan.New(o.planSpec(source.Len())); err != nil {
		return nil, err
	}
	s.key = rng.NewKey(o.Seed)
	if err := s.prepareSequences(); err != nil {
		return nil, err
	}
	if len(s.opts.Fields) == 0 {
		s.opts.Fields = []string{fieldImage, fieldLabel, fieldIndex}
	}
	if s.opts.hasImage() {
		if kind := source.Manifest().Kind; kind != dataset.KindImages {
			return nil, errs.New(errs.Unsupported, "the dataset holds %s, not images", kind).
				WithHint("ask for other fields, or open a dataset of images")
		}
		if s.pipeline, err = compile(o.Transform, source); err != nil {
			return nil, err
		}
		s.notices = append(s.notices, kernelNotes()...)
	}
	if s.state, err = s.resume(); err != nil {
		return nil, err
	}
	if err := s.arrange(); err != nil {
		return nil, err
	}
	s.mu.epochs = make(map[uint64]*stats.Totals)
	return s, nil
}

// run starts the session's goroutines.
func (s *Session) run() {
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.group = new(errgroup.Group)
	s.free = make(chan *job, s.sizes.jobs)
	s.toFetch = make(chan *job, s.sizes.jobs)
	s.decode = make(chan *job, s.sizes.jobs)
	for range s.sizes.jobs {
		s.free <- new(job)
	}
	if q := s.sequences; q != nil {
		q.toFill = make(chan *batch, s.sizes.workers)
		for range s.sizes.workers {
			s.group.Go(func() error { s.filler(); return nil })
		}
		s.mu.stream = s.newStream(1, func(st *stream) { s.planSequences(st, q.start) })
		return
	}
	for range s.sizes.fetchers {
		s.group.Go(func() error { s.fetcher(); return nil })
	}
	for range s.sizes.workers {
		s.group.Go(func() error { s.worker(); return nil })
	}
	s.mu.stream = s.newStream(1, func(st *stream) { s.planStream(st, s.state.Epoch, s.state.Position) })
}

// Seek abandons the current stream and goes on at position (samples consumed
// over all ranks) of epoch. The batches that follow carry the given number.
// Leased batches stay leased.
func (s *Session) Seek(number uint32, epoch uint64, position int64) error {
	if position < 0 || position > s.plan.Samples {
		return errs.New(errs.Invalid, "position %d is outside an epoch of %d samples", position, s.plan.Samples)
	}
	if s.sequences != nil {
		if position != 0 {
			return errs.New(errs.Invalid, "sequences go on at a place, not at position %d", position)
		}
		return s.SeekPlace(number, epoch, nil)
	}
	return s.seek(number, func(st *stream) { s.planStream(st, epoch, position) })
}

// seek abandons the current stream for another.
func (s *Session) seek(number uint32, plan func(*stream)) error {
	s.mu.Lock()
	old := s.mu.stream
	if s.mu.failed != nil || old == nil {
		s.mu.Unlock()
		return s.failure()
	}
	if number <= old.number {
		s.mu.Unlock()
		return errs.New(errs.Invalid, "stream %d follows stream %d", number, old.number)
	}
	old.cancel()
	for _, b := range old.queue {
		s.abandon(b)
	}
	old.queue = nil
	clear(s.mu.epochs)
	s.mu.demand = false
	s.mu.lastly = s.now()
	s.mu.stream = s.newStream(number, plan)
	s.mu.Unlock()
	<-old.ended
	return nil
}

// Close ends the session and waits for its goroutines. The memory of every
// batch, leased ones included, is gone afterwards in this process; a client that
// mapped a slot keeps its mapping.
func (s *Session) Close() error {
	s.closing.Do(func() {
		s.fail(errs.New(errs.Canceled, "the session was closed"))
		s.mu.Lock()
		st := s.mu.stream
		s.mu.Unlock()
		<-st.ended
		s.err = s.group.Wait()
		s.sequences.close()
		s.slots.close()
		s.opts.Budget.free(s.sizes.reserved)
		if err := s.source.Close(); s.err == nil {
			s.err = err
		}
		// Slots are gone already; this returns the read and decode buffers.
		debug.FreeOSMemory()
	})
	return s.err
}

// fail ends the session's work; the first error is kept.
func (s *Session) fail(err error) {
	s.mu.Lock()
	if s.mu.failed == nil {
		s.mu.failed = err
	}
	if s.mu.stream != nil {
		s.mu.stream.cancel()
	}
	s.mu.Unlock()
	s.cancel()
}

func (s *Session) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.failed
}

// now is the session's clock, which costs half of time.Now.
func (s *Session) now() time.Duration { return time.Since(s.start) }

// resume returns the state that the stream starts from.
func (s *Session) resume() (plan.State, error) {
	now := plan.State{
		Version: plan.StateVersion, Dataset: s.source.Fingerprint(), Pipeline: "none", Decoder: "none",
		Samples: s.plan.Samples, Seed: s.opts.Seed, Shuffle: s.opts.Shuffle, OnBad: s.opts.OnBad.String(),
		Epoch: s.opts.Epoch, Position: s.opts.Position,
	}
	if s.pipeline != nil {
		now.Pipeline = string(s.pipeline.Canonical())
		now.Decoder = codec.Versions(s.source.Formats()...) + " pixels=" + s.pipeline.Version()
	}
	if s.sequences != nil {
		var err error
		if now.Batching, err = s.sequences.settings.canonical(); err != nil {
			return now, err
		}
	}
	var saved *plan.State
	if len(s.opts.State) > 0 {
		state, err := plan.ParseState(s.opts.State)
		if err != nil {
			return now, err
		}
		if err := state.Check(now); err != nil {
			return now, err
		}
		now.Epoch, now.Position, saved = state.Epoch, state.Position, &state
	}
	if now.Position < 0 || now.Position > now.Samples {
		return now, errs.New(errs.Invalid, "position %d is outside an epoch of %d samples", now.Position, now.Samples)
	}
	return now, s.resumeSequences(&now, saved)
}
