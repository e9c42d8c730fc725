// Package batching makes batches of sequences whose lengths differ, with little
// padding and an order that stays random.
//
// A plan is a pure function of (lengths, seed, epoch, cursor, ranks). Samples
// come from the keyed order of internal/plan, a window at a time; a way to batch
// divides each window among steps, and each step among the ranks. Every rank
// plans the same steps and takes its own part, so all take equally many without
// talking. A Cursor is all the state there is, and may be resumed with another
// batch size or world size: what the interrupted plan had not handed out is
// planned again, nothing twice and nothing lost.
package batching

import (
	"math"
	"slices"

	"stoker/internal/errs"
	"stoker/internal/plan"
	"stoker/internal/rng"
)

// Piece is a sample, or a part of one where a way cuts or splits.
type Piece struct {
	Index  int64 // sample in the dataset
	Offset int32 // first token of the piece in the sample
	Length int32 // tokens
	at     int64 // position of the sample in the epoch's order
}

// Micro is what one rank computes on at once.
type Micro struct {
	Pieces []Piece
	// Width is the length that every piece is padded to, or that of a packed row.
	Width  int32
	Varlen bool // nothing is padded: Width is the sum of the lengths
	// Rows divides Pieces into packed rows: row r holds the pieces from Rows[r]
	// to Rows[r+1]. It is nil where nothing is packed.
	Rows []int32
}

// Step is what all ranks compute on before their parameters change.
type Step struct {
	Ranks   [][]Micro // by rank; all ranks have equally many micro-batches
	Samples int       // over all ranks, for losses that are means over samples
	Tokens  int64     // over all ranks, for losses that are means over tokens
}

// Geometry is what may change between runs that share a state.
type Geometry struct {
	BatchSize int `json:"batch_size"` // samples, or packed rows, of one micro-batch on one rank
	World     int `json:"world_size"` // ranks
	Micro     int `json:"micro"`      // micro-batches a rank adds up before its parameters change
}

// global returns the samples or rows of one step.
func (g Geometry) global() int { return g.BatchSize * g.World * g.Micro }

func (g Geometry) check() error {
	for _, v := range []int{g.BatchSize, g.World, g.Micro} {
		if v < 1 || v > 1<<20 {
			return errs.New(errs.Invalid, "batch size %d, world size %d and %d micro-batches: each must be 1 to %d",
				g.BatchSize, g.World, g.Micro, 1<<20)
		}
	}
	if g.BatchSize*g.World > math.MaxInt32/g.Micro {
		return errs.New(errs.Invalid, "a step of %d x %d x %d samples is too large", g.BatchSize, g.World, g.Micro)
	}
	return nil
}

// Spec describes a plan.
type Spec struct {
	Lengths []int32 // tokens of every sample, by index; not copied, not changed
	Seed    uint64
	Shuffle bool // false: the dataset's order; Grouped, Tokens and Packed then keep close to it
	Geometry
	Way Way
	// MaxTokens, above 0, bounds what is taken of a sample, and TooLong says what
	// becomes of longer ones. Packed has its own.
	MaxTokens int32
	TooLong   TooLong
	// Drop leaves out the steps of an epoch that are not full: with fewer samples,
	// or packed rows, than the geometry has. Another epoch leaves out others.
	Drop bool
}

// TooLong says what becomes of a sample that is longer than it may be.
type TooLong uint8

// The ways to treat samples that are too long.
const (
	Refuse TooLong = iota // an error before training starts
	Cut                   // keep the first tokens
	Split                 // several pieces, each a sequence of its own
)

// Way divides windows of samples among steps. The ways are Fixed, Grouped,
// Tokens, Rebalanced and Packed.
type Way interface {
	// check refuses settings that cannot work, or not with the longest piece.
	check(s *Spec, longest int32) error
	// window returns how many samples of the left ones to plan at once.
	window(g Geometry, left int64) int64
	// divide plans a window; pieces come in the epoch's order, and key is the
	// window's own. Every piece is in exactly one step.
	divide(pieces []Piece, g Geometry, key rng.Key) []Step
}

// Plan makes the steps of every epoch. It is immutable and safe for concurrent
// use; Steps iterates.
type Plan struct {
	spec    Spec
	order   *plan.Plan // of all pieces: those that begin samples, then extra
	extra   []rest     // of samples that are split
	longest int32      // piece
	total   int64      // tokens of all samples
}

// rest is a piece behind the first one of its sample.
type rest struct {
	index  int64
	offset int32
}

// New checks spec. It takes one pass over the lengths.
func New(spec Spec) (*Plan, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	p := &Plan{spec: spec}
	signs := int32(0)
	for _, n := range spec.Lengths {
		signs |= n
		p.longest = max(p.longest, n)
		p.total += int64(n)
	}
	if signs < 0 {
		i := slices.IndexFunc(spec.Lengths, func(n int32) bool { return n < 0 })
		return nil, errs.New(errs.Corrupt, "sample %d has a length of %d", i, spec.Lengths[i])
	}
	if err := p.limit(); err != nil {
		return nil, err
	}
	if err := spec.Way.check(&spec, p.longest); err != nil {
		return nil, err
	}
	if err := p.checkDrop(); err != nil {
		return nil, err
	}
	var err error
	p.order, err = plan.New(plan.Spec{Samples: int64(len(spec.Lengths) + len(p.extra)), BatchSize: 1, WorldSize: 1,
		Seed: spec.Seed, Shuffle: spec.Shuffle})
	return p, err
}

// limit applies MaxTokens.
func (p *Plan) limit() error {
	s := &p.spec
	if s.MaxTokens < 0 || s.TooLong > Split || s.MaxTokens == 0 && s.TooLong != Refuse {
		return errs.New(errs.Invalid, "sequences of at most %d tokens cannot be", s.MaxTokens)
	}
	if s.MaxTokens == 0 || p.longest <= s.MaxTokens {
		return nil
	}
	if s.TooLong == Refuse {
		i := s.longer(s.MaxTokens)
		return errs.New(errs.Invalid, "sample %d has %d tokens, at most %d are allowed", i, s.Lengths[i], s.MaxTokens).
			WithHint("choose to cut or to split what is too long")
	}
	p.longest = s.MaxTokens
	if s.TooLong == Split {
		for i, n := range s.Lengths {
			for offset := int64(s.MaxTokens); offset < int64(n); offset += int64(s.MaxTokens) {
				p.extra = append(p.extra, rest{int64(i), int32(offset)})
			}
		}
	}
	return nil
}

// checkDrop refuses what would leave out everything, or nothing.
func (p *Plan) checkDrop() error {
	s := &p.spec
	if !s.Drop {
		return nil
	}
	most := int64(len(s.Lengths) + len(p.extra))
	switch w := s.Way.(type) {
	case Tokens:
		return errs.New(errs.Unsupported, "batches of up to %d tokens have no size that a step could fall short of", w.Budget).
			WithHint("all ranks take equally many steps in any case; drop nothing")
	case Packed:
		most = p.total / max(int64(w.Tokens), 1)
	}
	if most < int64(s.global()) {
		return errs.New(errs.Invalid, "the dataset does not fill one step of %d x %d x %d (batch size x ranks x micro-batches)",
			s.BatchSize, s.World, s.Micro).WithHint("choose smaller batches, or keep the steps that are not full")
	}
	return nil
}

// longer returns the first sample of more than n tokens; there is one.
func (s *Spec) longer(n int32) int {
	return slices.IndexFunc(s.Lengths, func(length int32) bool { return length > n })
}

// Tokens returns the tokens of all samples.
func (p *Plan) Tokens() int64 { return p.total }

func (s *Spec) check() error {
	if s.Way == nil {
		return errs.New(errs.Invalid, "no way to batch is given")
	}
	if len(s.Lengths) == 0 {
		return errs.New(errs.Invalid, "the dataset has no samples")
	}
	return s.Geometry.check()
}
