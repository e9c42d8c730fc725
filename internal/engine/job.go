package engine

import (
	"fmt"
	"runtime/debug"
	"time"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/pixel"
	"stoker/internal/stats"
	"stoker/internal/transform"
)

// job is one sample on its way to its row. The session has a fixed number of
// them, reused for ever; whoever took one from a channel owns it.
type job struct {
	batch    *batch
	row      int
	index    int64
	sample   dataset.Sample
	decision transform.Decision
	entropy  []byte      // the sample's entropy index; empty where it has none
	partial  partial     // how much of the stored bytes is read
	buffer   []byte      // lent by buffers
	blob     []byte      // the stored bytes, in buffer
	stage    stats.Stage // at work on it
	err      error
}

// maxPixels bounds the pictures that the index may tell of, as the decoders do.
const maxPixels = codec.DefaultMaxPixels

// fetcher reads the stored bytes of samples until the session ends.
func (s *Session) fetcher() {
	var out time.Duration // of the job before
	for {
		begin := s.now()
		select {
		case j := <-s.toFetch:
			t := &j.batch.rows[j.row]
			t.FetchIn, t.FetchOut = int64(s.now()-begin), int64(out)
			j.stage = stats.Fetch
			s.guardJob(j, s.fetch)
			before := s.now()
			s.decode <- j // has room for every job
			out = s.now() - before
		case <-s.ctx.Done():
			return
		}
	}
}

// fetch decides what the sample needs and reads its bytes.
func (s *Session) fetch(j *job) error {
	ctx := j.batch.stream.ctx
	if ctx.Err() != nil {
		return nil
	}
	begin := s.now()
	if err := s.look(j, j.index); err != nil {
		return err
	}
	wait := s.now()
	if j.buffer = s.buffers.take(ctx, j.sample.Length); j.buffer == nil {
		return nil // the stream ended
	}
	read := s.now()
	err := s.read(j, j.buffer)
	t := &j.batch.rows[j.row]
	t.FetchBusy = int64(s.now() - read + wait - begin)
	t.FetchOut += int64(read - wait)
	return err
}

// look reads sample index from the index and decides its random choices.
func (s *Session) look(j *job, index int64) error {
	var err error
	if j.sample, err = s.source.Sample(index); err != nil {
		return err
	}
	m := &j.sample
	if m.Width < 1 || m.Height < 1 || int64(m.Width) > maxPixels || int64(m.Width)*int64(m.Height) > maxPixels {
		return errs.New(errs.Corrupt, "the index says that the picture has %d x %d pixels", m.Width, m.Height).
			InShard("", 0, s.source.Key(index))
	}
	key := s.key.Sub(j.batch.epoch).Sub(uint64(index))
	j.decision = s.pipeline.Decide(key, codec.Info{Format: m.Format, Width: m.Width, Height: m.Height, Orientation: m.Orientation})
	j.entropy = s.source.AppendEntropy(j.entropy[:0], index, m)
	s.planRead(j)
	return nil
}

// tools are what one worker keeps between samples.
type tools struct {
	set     *codec.Set
	scratch *transform.Scratch
	region  regionMemory
	made    []byte // entropy index
}

func newTools() *tools {
	return &tools{set: codec.NewSet(codec.Limits{}), scratch: transform.NewScratch()}
}

// Pictures of more than hugePixels, more than most cameras make, take their
// memory from the Budget while they are decoded, and their worker does not keep
// it. hugeBytes is what one pixel of them may need: three bytes of the result and
// the coefficients of a progressive JPEG.
const (
	hugePixels = 32 << 20
	hugeBytes  = 8
)

// need returns the memory that the picture takes beyond the usual, in bytes.
func (j *job) need() int64 {
	if pixels := int64(j.sample.Width) * int64(j.sample.Height); pixels > hugePixels {
		return hugeBytes * pixels
	}
	return 0
}

// worker decodes and augments samples until the session ends.
func (s *Session) worker() {
	w := newTools()
	defer func() { w.region.free() }()
	for {
		begin := s.now()
		select {
		case j := <-s.decode:
			j.batch.rows[j.row].DecodeIn = int64(s.now() - begin)
			need := j.need()
			if !s.opts.Budget.work(s.ctx, need) {
				return
			}
			if sound := s.finish(w, j); need > 0 || !sound {
				w.region.free()
				w = newTools() // smaller, or not broken
			}
			s.opts.Budget.done(need)
		case <-s.ctx.Done():
			return
		}
	}
}

// finish makes the sample's row, or notes why it could not be made, and gives
// the job back. It reports false after a panic.
func (s *Session) finish(w *tools, j *job) bool {
	b := j.batch
	sound := true
	if b.stream.ctx.Err() == nil {
		if j.err == nil {
			sound = s.guardJob(j, func(j *job) error { return s.produce(w, j) })
		}
		if j.err != nil {
			sound = s.guardJob(j, func(j *job) error { return s.recoverSample(w, j) }) && sound
		}
		if j.err != nil {
			b.note(j)
		}
	}
	s.recycle(j)
	if b.pending.Add(-1) == 0 {
		s.guard("collate", func() { s.complete(b) })
	}
	return sound
}

// recycle makes j free again.
func (s *Session) recycle(j *job) {
	if j.buffer != nil {
		s.buffers.give(j.buffer)
	}
	j.batch, j.buffer, j.blob = nil, nil, nil
	s.free <- j // has room for every job
}

// produce decodes the region that was decided, unless it lies in the blob as it is,
// and writes the sample's row.
func (s *Session) produce(w *tools, j *job) error {
	t := &j.batch.rows[j.row]
	r := j.decision.Region
	j.stage = stats.Decode
	begin := s.now()
	image, ok := codec.View(j.blob, j.sample.Format, r)
	if !ok {
		var err error
		if image, err = w.region.take(r.Dx(), r.Dy()); err != nil {
			return err
		}
		defer w.region.done()
		if err := s.decodeRegion(w, j, image); err != nil {
			return s.locate(j, err)
		}
	}
	decoded := s.now()
	j.stage = stats.Augment
	if err := s.pipeline.Apply(&j.decision, image, s.rowOf(j.batch, j.row), w.scratch); err != nil {
		return s.locate(j, err)
	}
	t.DecodeBusy += int64(decoded - begin)
	t.AugmentBusy += int64(s.now() - decoded)
	t.Decoded = 1
	if j.sample.Format == codec.JPEG {
		t.JPEG = 1
	}
	t.StoredPixels = int64(j.sample.Width) * int64(j.sample.Height)
	t.RegionPixels = int64(r.Dx()) * int64(r.Dy())
	t.ShortSide = int64(min(j.sample.Width, j.sample.Height))
	return nil
}

// decodeRegion decodes what was decided, with the sample's entropy index where
// it has one, and makes one where the source keeps it. An index that does not fit
// costs time and is told of once; it never costs a sample.
func (s *Session) decodeRegion(w *tools, j *job, image pixel.RGB) error {
	err := s.decodeWith(w, j, j.entropy, image)
	if err == nil || len(j.entropy) == 0 {
		return err
	}
	if err := s.readRest(j); err != nil {
		return err
	}
	if err := s.decodeWith(w, j, nil, image); err != nil {
		return err
	}
	if s.keeper != nil {
		return nil // and has a better one now
	}
	s.badIndex.Do(func() {
		s.opts.Notify(Notice{"entropy", fmt.Sprintf("an entropy index of the dataset is damaged (sample %q: %v); "+
			"such samples are decoded without; `stoker index` builds it again", s.source.Key(j.index), err)})
	})
	return nil
}

func (s *Session) decodeWith(w *tools, j *job, index []byte, image pixel.RGB) error {
	req := codec.Request{Region: j.decision.Region, Index: index, Checked: true}
	if len(index) == 0 && s.keeper != nil && s.keeper.KeepsEntropy(&j.sample) {
		w.made = w.made[:0]
		req.Made = &w.made
	}
	err := w.set.Decode(j.blob, j.sample.Format, req, image)
	if err != nil || req.Made == nil || len(w.made) == 0 {
		return err
	}
	if err := s.keeper.KeepEntropy(j.index, &j.sample, w.made, j.blob); err != nil {
		s.opts.Notify(Notice{"entropy", err.Error()})
	}
	return nil
}

// rowOf returns the memory of one row of a batch's image.
func (s *Session) rowOf(b *batch, row int) []byte {
	n := s.pipeline.RowBytes()
	return b.slot.region.Bytes()[s.layout.Field(fieldImage).Offset+row*n:][:n:n]
}

// locate gives an error of the decoder its place in the dataset.
func (s *Session) locate(j *job, err error) error {
	shard := ""
	if all := s.source.Manifest().Shards; j.sample.Shard < len(all) {
		shard = all[j.sample.Shard].File
	}
	e := errs.New(errs.KindOf(err), "%w", err).InShard(shard, j.sample.Offset, s.source.Key(j.index))
	const leave = "leave such samples out with on_bad_sample=\"skip\""
	if e.Hint = errs.HintOf(err); e.Hint == "" {
		e.Hint = leave + ", or pack the dataset again without them"
	} else {
		e.Hint += ", or " + leave
	}
	return e
}

// guardJob works on a job and keeps its error, a panic included, for the batch to
// report. It reports false after a panic.
func (s *Session) guardJob(j *job, work func(*job) error) (sound bool) {
	defer func() {
		if r := recover(); r != nil {
			j.err = panicError(fmt.Sprintf("%v at sample %d", j.stage, j.index), r)
		}
	}()
	j.err = work(j)
	return true
}

// guard runs work that belongs to no sample; a panic fails the session.
func (s *Session) guard(stage string, work func()) {
	defer func() {
		if r := recover(); r != nil {
			s.fail(panicError(stage, r))
		}
	}()
	work()
}

func panicError(stage string, r any) error {
	return errs.New(errs.Internal, "BUG: panic in stage %s: %v\n%s", stage, r, debug.Stack()).
		WithHint("please report this with the text above; other sessions go on")
}
