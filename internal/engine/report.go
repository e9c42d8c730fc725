package engine

import (
	"slices"
	"time"

	"stoker/internal/plan"
	"stoker/internal/shm"
	"stoker/internal/stats"
)

// Info is what a session decided when it was opened.
type Info struct {
	Samples     int64
	Steps       int64 // batches of a whole epoch on this rank; 0 where epochs differ, see EpochSteps
	Layout      *Layout
	Slots       int // in use, if the consumer keeps no more than one batch
	SlotsMax    int
	Workers     int
	MemoryBytes int64
	Classes     []string
	State       plan.State // where the stream started
	Notices     []string
}

// Info returns the session's settings. The caller must not change the Layout.
func (s *Session) Info() Info {
	return Info{
		Samples: s.plan.Samples, Steps: s.steps(), Layout: s.layout, Slots: s.sizes.slots, SlotsMax: s.sizes.slotsMax,
		Workers: s.sizes.workers, MemoryBytes: s.sizes.memory, Classes: s.source.Manifest().Classes,
		State: s.state, Notices: s.notices,
	}
}

// Source returns the session's dataset. It is open until Close.
func (s *Session) Source() Source { return s.source }

// Slot returns the shared memory of a slot, to hand to another process.
func (s *Session) Slot(id uint32) (*shm.Region, error) { return s.slots.region(id) }

// Report is what a session did in one epoch.
type Report struct {
	Epoch uint64
	stats.Facts
	Slots      int
	BadCount   int64 // of the whole session
	BadSamples []BadSample
	Verdict    stats.Verdict
}

// Measured is what the consumer knows better than the session; zero where it
// does not.
type Measured struct {
	Waited, Wall time.Duration
}

// Stats reports on the given epoch, or on the one being handed out where epoch
// is nil or too long ago.
func (s *Session) Stats(epoch *uint64, m Measured) Report {
	all, _, full := s.slots.counts()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Report{Epoch: s.mu.current, Slots: all, BadCount: s.mu.bad.count, BadSamples: slices.Clone(s.mu.bad.list)}
	if epoch != nil && s.mu.epochs[*epoch] != nil {
		r.Epoch = *epoch
	}
	if t := s.mu.epochs[r.Epoch]; t != nil {
		r.Totals = *t
	}
	if m.Wall > 0 {
		r.Wall, r.Waited = m.Wall, m.Waited
	}
	r.Workers, r.Fetchers, r.Cores = s.sizes.workers, s.sizes.fetchers, s.opts.Budget.Cores()
	r.Sequences = s.sequences != nil
	r.SlotsExhausted, r.Indexed = full, s.source.Manifest().Entropy != nil || s.keeper != nil
	if s.pipeline != nil {
		r.OutputShortSide = min(s.pipeline.Height(), s.pipeline.Width())
	}
	r.Verdict = stats.Judge(&r.Facts)
	return r
}
