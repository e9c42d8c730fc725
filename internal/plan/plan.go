// Package plan decides which samples make up which batch.
//
// A plan is a pure function of its Spec, an epoch and a position: it keeps no
// list of samples, so an epoch starts at once whatever its size, and resuming is
// a matter of one number. The epoch's samples stand in one global order; a
// position counts how many of them all ranks together have consumed. Step after
// step takes the next BatchSize*WorldSize samples and deals them to the ranks in
// turn. Because only the position is saved, another world size or batch size
// continues the same order: nothing twice, nothing lost.
package plan

import (
	"math"

	"stoker/internal/errs"
	"stoker/internal/rng"
)

// Last says what becomes of the samples that do not fill a last batch.
type Last uint8

// The ways to end an epoch. All ranks take the same number of steps in each.
const (
	// Keep hands out a shorter last batch. A rank that would get nothing gets
	// one repeated sample, which does not count as valid.
	Keep Last = iota
	// Drop leaves the samples out of this epoch; another epoch has others.
	Drop
	// Pad fills up with samples from the start of the order, not valid.
	Pad
)

var lastNames = map[string]Last{"keep": Keep, "drop": Drop, "pad": Pad}

// ParseLast reads "keep", "drop" or "pad".
func ParseLast(s string) (Last, error) {
	if l, ok := lastNames[s]; ok {
		return l, nil
	}
	return 0, errs.New(errs.Invalid, "last_batch is %q", s).WithHint("it is keep, drop or pad")
}

// Spec describes a plan.
type Spec struct {
	Samples   int64 // in the dataset, at least 1
	BatchSize int   // samples of one batch on one rank, at least 1
	Rank      int   // 0 to WorldSize-1
	WorldSize int   // ranks that share the epoch, at least 1
	Seed      uint64
	Shuffle   bool // false: the dataset's own order in every epoch
	Last      Last
}

// Plan deals the samples of each epoch to one rank. It is immutable and safe
// for concurrent use.
type Plan struct {
	Spec
	global int64 // samples of one step over all ranks
}

// New checks spec.
func New(spec Spec) (*Plan, error) {
	switch {
	case spec.Samples < 1:
		return nil, errs.New(errs.Invalid, "the dataset has no samples")
	case spec.BatchSize < 1:
		return nil, errs.New(errs.Invalid, "batch size is %d, must be at least 1", spec.BatchSize)
	case spec.WorldSize < 1:
		return nil, errs.New(errs.Invalid, "world size is %d, must be at least 1", spec.WorldSize)
	case spec.Rank < 0 || spec.Rank >= spec.WorldSize:
		return nil, errs.New(errs.Invalid, "rank is %d, must be 0 to %d", spec.Rank, spec.WorldSize-1)
	case int64(spec.BatchSize) > math.MaxInt32/int64(spec.WorldSize):
		return nil, errs.New(errs.Invalid, "batch size %d times world size %d is above %d",
			spec.BatchSize, spec.WorldSize, math.MaxInt32)
	case spec.Last > Pad:
		return nil, errs.New(errs.Invalid, "unknown way %d to end an epoch", spec.Last)
	}
	p := &Plan{Spec: spec, global: int64(spec.BatchSize) * int64(spec.WorldSize)}
	if spec.Last == Drop && spec.Samples < p.global {
		return nil, errs.New(errs.Invalid, "%d samples do not fill one step of %d (batch size x world size)",
			spec.Samples, p.global).WithHint("choose a smaller batch, or keep the short last batch")
	}
	return p, nil
}

// Steps returns how many batches are left for each rank from a position.
func (p *Plan) Steps(position int64) int64 {
	left := max(p.Samples-position, 0)
	if p.Last == Drop {
		return left / p.global
	}
	return (left + p.global - 1) / p.global
}

// Order returns the order of an epoch: what stands at each global position.
func (p *Plan) Order(epoch uint64) Order {
	if !p.Shuffle {
		return Order{}
	}
	key := rng.NewKey(p.Seed).Sub(orderStream).Sub(epoch)
	return Order{shuffled: true, perm: NewPermutation(p.Samples, key)}
}

// orderStream separates the keys of the order from those of the augmentations,
// which are Sub(epoch).Sub(index) of the same seed.
const orderStream = 0x6f72646572 << 24

// Order maps global positions to sample indices.
type Order struct {
	shuffled bool
	perm     Permutation
}

// At returns the index of the sample at a position, 0 <= position < Samples.
func (o *Order) At(position int64) int64 {
	if !o.shuffled {
		return position
	}
	return o.perm.At(position)
}

// Fill sets dst to the indices of the samples at the positions from on.
func (o *Order) Fill(dst []int64, from int64) {
	if o.shuffled {
		o.perm.Fill(dst, from)
		return
	}
	for i := range dst {
		dst[i] = from + int64(i)
	}
}

// Batch appends to dst the indices of this rank's batch that starts at a global
// position. The first valid of them count, the rest pad. next is the position
// after the step; no batch is left when Steps(next) is 0. It returns nothing
// where Steps(position) is 0.
func (p *Plan) Batch(epoch uint64, position int64, dst []int64) (indices []int64, valid int, next int64) {
	if p.Steps(position) == 0 {
		return dst, 0, p.Samples
	}
	order := p.Order(epoch)
	valid = p.valid(position)
	for i := range p.rows(valid) {
		at := position + int64(i)*int64(p.WorldSize) + int64(p.Rank)
		if i >= valid {
			at = (at - p.Samples) % p.Samples
		}
		dst = append(dst, order.At(at))
	}
	return dst, valid, min(position+p.global, p.Samples)
}

// valid returns how many samples of the step at position fall to this rank.
func (p *Plan) valid(position int64) int {
	left := min(p.Samples-position, p.global) - int64(p.Rank)
	return int((max(left, 0) + int64(p.WorldSize) - 1) / int64(p.WorldSize))
}

// rows returns how many rows a batch with so many valid samples has.
func (p *Plan) rows(valid int) int {
	if p.Last == Pad {
		return p.BatchSize
	}
	return max(valid, 1)
}
