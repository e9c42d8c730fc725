package engine

import (
	"stoker/internal/batching"
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/plan"
	"stoker/internal/stats"
	"stoker/internal/tensor"
)

// sequences is what a session has beside the rest where its dataset holds
// sequences: package batching decides what a batch is, and one filler makes all
// of it, since a sequence takes less time than passing it on would.
type sequences struct {
	settings Batching
	plan     *batching.Plan
	geometry batching.Geometry
	most     batching.Most
	form     form
	from, to tensor.DType
	fullRows bool // every batch has all rows; those without a sample are padding
	features int  // numbers of each element
	unit     int  // bytes of an element as it is stored
	pad      int64
	start    Place
	lengths  []int32
	cache    *cache // nil where the sequences do not fit
	toFill   chan *batch
}

// form is how the sequences of a batch stand beside each other.
type form uint8

const (
	padded form = iota
	varlen
	packed
)

// SequenceBatch is what a batch of sequences tells beside its fields.
type SequenceBatch struct {
	Width       int // of a row, or of all of it where nothing is padded
	Longest     int // tokens of the longest sequence; packed: or of the widest gap
	Micro       int // number of the micro-batch in its step
	Micros      int // micro-batches of the step on every rank
	StepSamples int64
	StepTokens  int64  // both over all ranks
	Place       []byte // JSON of the Place after this batch
}

// planned is a batch of sequences on its way.
type planned struct {
	micro batching.Micro
	rows  int
	after Place
	tells SequenceBatch
}

// prepareSequences decides how batches are made, where the dataset holds sequences.
func (s *Session) prepareSequences() error {
	m, o := s.source.Manifest(), &s.opts
	if m.Kind != dataset.KindSequences {
		if o.Batching != nil {
			return errs.New(errs.Unsupported, "the dataset holds %s; ways to batch are for sequences", m.Kind).WithHint("leave batching out")
		}
		return nil
	}
	if d, ok := s.source.(interface{ TokenFile() ([]byte, error) }); ok && m.Tokens != nil && m.Tokens.File != "" {
		if _, err := d.TokenFile(); err != nil { // ids of another vocabulary would train silently
			return err
		}
	}
	var settings Batching
	if o.Batching != nil {
		settings = *o.Batching
	}
	q := &sequences{settings: settings.withDefaults(), features: max(m.Sequence.Features, 1)}
	spec, err := q.settings.spec()
	if err != nil {
		return err
	}
	if q.from, q.to, err = q.settings.dtypes(m); err != nil {
		return err
	}
	q.unit = q.from.Size() * q.features
	if m.Tokens != nil && m.Tokens.Pad != nil {
		q.pad = *m.Tokens.Pad
	}
	if q.lengths, err = lengthsOf(s.source); err != nil {
		return err
	}
	q.geometry = batching.Geometry{BatchSize: o.BatchSize, World: max(o.WorldSize, 1), Micro: q.settings.Micro}
	spec.Lengths, spec.Seed, spec.Shuffle, spec.Geometry = q.lengths, o.Seed, o.Shuffle, q.geometry
	spec.Drop = o.Last == plan.Drop
	if q.plan, err = batching.New(spec); err != nil {
		return err
	}
	if err := q.shape(o); err != nil {
		return err
	}
	if len(o.Fields) == 0 {
		o.Fields = q.defaultFields(m.Sequence.Field)
	}
	s.sequences = q
	return nil
}

// shape decides how sequences stand in a batch, and how large it may be.
func (q *sequences) shape(o *Options) error {
	q.most = q.plan.Most()
	switch {
	case q.settings.Way == wayPacked:
		q.form = packed // of a fixed shape in any case
		return nil
	case q.settings.Varlen:
		q.form = varlen
	}
	if o.Last != plan.Pad {
		return nil
	}
	if q.settings.Way == wayRebalanced {
		return errs.New(errs.Unsupported, "last_batch is pad, and rebalanced batches have no common number of rows").
			WithHint("choose another way to batch, or keep")
	}
	q.most.Rows = o.BatchSize
	q.most.Cells = max(q.most.Cells, int64(q.most.Rows)*int64(q.most.Width))
	q.fullRows = true
	return nil
}

// close gives back what the session's end does not; q may be nil.
func (q *sequences) close() {
	if q != nil {
		q.cache.close()
	}
}

// lengthsOf returns the length of every sequence.
func lengthsOf(source Source) ([]int32, error) {
	if d, ok := source.(interface{ Lengths() ([]int32, error) }); ok {
		return d.Lengths()
	}
	lengths := make([]int32, source.Len())
	for i := range lengths {
		sample, err := source.Sample(int64(i))
		if err != nil {
			return nil, err
		}
		lengths[i] = sample.Tokens
	}
	return lengths, nil
}

// resumeSequences completes the state of a session of sequences.
func (s *Session) resumeSequences(now, saved *plan.State) error {
	q := s.sequences
	if q == nil {
		return nil
	}
	var place []byte
	if saved != nil {
		place = saved.Place
	} else if now.Position != 0 {
		return errs.New(errs.Invalid, "sequences cannot start at position %d without a saved state", now.Position)
	}
	var err error
	if q.start, err = q.resumePlace(place, now.Epoch); err != nil {
		return err
	}
	now.Position = s.positionOf(q.start)
	now.Place = q.start.AppendJSON(nil)
	return nil
}

// positionOf returns how far the epoch was read, in samples: pieces of those that
// are split stand between the others and count nothing.
func (s *Session) positionOf(p Place) int64 { return min(p.Cursor.Position, s.plan.Samples) }

// SeekPlace is Seek for sequences: place is the JSON of a Place of the epoch, or
// empty for its start.
func (s *Session) SeekPlace(number uint32, epoch uint64, place []byte) error {
	if s.sequences == nil {
		return errs.New(errs.Invalid, "a place was given, and the dataset holds no sequences")
	}
	at, err := s.sequences.resumePlace(place, epoch)
	if err != nil {
		return err
	}
	return s.seek(number, func(st *stream) { s.planSequences(st, at) })
}

// EpochSteps returns the number of batches of a whole epoch on every rank. Where
// epochs of sequences differ, the epoch is planned for it.
func (s *Session) EpochSteps(epoch uint64) (int64, error) {
	if s.sequences == nil {
		return s.plan.Steps(0), nil
	}
	steps, err := s.sequences.plan.Steps(epoch)
	return steps * int64(s.sequences.geometry.Micro), err
}

// steps returns the number of batches that every epoch has, 0 where they differ.
func (s *Session) steps() int64 {
	if s.sequences == nil {
		return s.plan.Steps(0)
	}
	steps, _ := s.sequences.plan.EqualSteps()
	return steps * int64(s.sequences.geometry.Micro)
}

// planSequences plans the batches from a place on, epoch after epoch, until the
// stream ends.
func (s *Session) planSequences(st *stream, at Place) {
	q := s.sequences
	for ; ; at = (Place{Cursor: batching.Cursor{Epoch: at.Cursor.Epoch + 1}}) {
		steps, err := q.plan.From(at.Cursor)
		if err != nil {
			s.fail(err)
			return
		}
		fresh := at.Step == 0 && at.Micro == 0
		for {
			step, after, ok := steps.Next()
			if !ok && fresh {
				s.fail(errs.New(errs.Invalid, "no step of the epoch is full").WithHint("choose smaller batches, or last_batch keep"))
				return
			}
			if !ok {
				break
			}
			fresh = false
			next := Place{Cursor: after, Step: at.Step + 1, End: q.plan.Ended(after)}
			if !s.planStep(st, &step, at, next) {
				return
			}
			at = next
		}
	}
}

// planStep sends this rank's micro-batches of a step on their way; false where
// the stream ended.
func (s *Session) planStep(st *stream, step *batching.Step, at, next Place) bool {
	micros := step.Ranks[s.opts.Rank]
	for m := at.Micro; m < len(micros); m++ {
		after := next
		if m+1 < len(micros) {
			after = Place{Cursor: at.Cursor, Step: at.Step, Micro: m + 1, Geometry: &s.sequences.geometry}
		}
		before := s.now()
		sl, err := s.slots.take(st.ctx, at.Cursor.Epoch, at.Step)
		if err != nil {
			s.fail(err)
		}
		if sl == nil {
			return false
		}
		b := &batch{stream: st, slot: sl, epoch: at.Cursor.Epoch, step: at.Step, blocked: s.now() - before, done: make(chan struct{})}
		b.position, b.last = s.positionOf(after), after.End
		b.sequences = &planned{micro: micros[m], after: after, tells: SequenceBatch{
			Micro: m, Micros: len(micros), StepSamples: int64(step.Samples), StepTokens: step.Tokens}}
		if !s.enqueue(b) {
			s.slots.drop(sl)
			return false
		}
		select {
		case s.sequences.toFill <- b:
		case <-st.ctx.Done():
			s.complete(b)
			return false
		}
	}
	return true
}

// filler makes batches of sequences until the session ends.
func (s *Session) filler() {
	f := filler{session: s}
	for {
		begin := s.now()
		select {
		case b := <-s.sequences.toFill:
			waited := s.now() - begin
			if !s.opts.Budget.work(s.ctx, 0) {
				return
			}
			if b.stream.ctx.Err() == nil {
				begin := s.now()
				f.guard(b)
				b.totals.Stages[stats.Fetch] = stats.Time{Busy: f.reading, WaitIn: waited, Items: int64(len(b.indices))}
				b.gathered = s.now() - begin - f.reading
				b.totals.Stages[stats.Decode].WaitIn = waited
			}
			s.guard("collate", func() { s.complete(b) })
			s.opts.Budget.done(0)
		case <-s.ctx.Done():
			return
		}
	}
}

// guard fills a batch and keeps its error, a panic included, for Next to report.
func (f *filler) guard(b *batch) {
	defer func() {
		if r := recover(); r != nil {
			b.note(&job{err: panicError("fill", r)})
			*f = filler{session: f.session}
		}
	}()
	if err := f.fill(b); err != nil {
		b.note(&job{err: err})
	}
}

// tell returns what a batch of sequences tells; nil for other batches.
func (b *batch) tell() *SequenceBatch {
	if b.sequences == nil {
		return nil
	}
	return &b.sequences.tells
}
