package batching

import (
	"slices"

	"stoker/internal/errs"
	"stoker/internal/plan"
	"stoker/internal/rng"
)

// Tokens makes micro-batches of up to Budget padded tokens, and up to BatchSize
// samples, from pools of samples that are sorted by length: long samples go in
// small batches, so that memory is bounded and padding about halved.
type Tokens struct {
	Budget int64 // padded tokens of one micro-batch, at most
	Pool   int   // samples sorted at once; 0 means 4,096
	Round  Round
}

const defaultPool = 4096

func (w Tokens) check(s *Spec, longest int32) error {
	if w.Budget < 1 || w.Pool < 0 || w.Pool > 1<<24 {
		return errs.New(errs.Invalid, "batches of %d tokens from pools of %d samples cannot work", w.Budget, w.Pool)
	}
	if err := w.Round.check(); err != nil {
		return err
	}
	if int64(w.Round.Up(longest)) > w.Budget {
		i := slices.IndexFunc(s.Lengths, func(n int32) bool { return int64(w.Round.Up(n)) > w.Budget })
		return errs.New(errs.Invalid, "sample %d has %d tokens, the budget of a batch is %d", i, s.Lengths[i], w.Budget).
			WithHint("raise the budget, or have long samples cut or split (max_tokens)")
	}
	return nil
}

func (w Tokens) window(_ Geometry, left int64) int64 {
	pool := int64(w.Pool)
	if pool == 0 {
		pool = defaultPool
	}
	return min(pool, left)
}

func (w Tokens) divide(pieces []Piece, g Geometry, key rng.Key) []Step {
	pieces = byLength(pieces)
	cut := cutter{pieces: pieces, round: w.Round, most: g.BatchSize}
	parts := g.World * g.Micro
	steps := make([]Step, max((cut.count(w.Budget)+parts-1)/parts, 1))
	micros := cut.into(len(steps) * parts)
	order := plan.NewPermutation(int64(len(micros)), key)
	for i := range steps {
		step := newStep(g)
		for j := range parts {
			step.add(j%g.World, micros[order.At(int64(i*parts+j))])
		}
		steps[i] = step
	}
	return steps
}
