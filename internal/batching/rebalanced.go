package batching

import (
	"math"

	"stoker/internal/rng"
)

// Rebalanced makes each step of a uniformly random set of samples, as Fixed does,
// and rearranges only inside the step: sorted by length, cut by tokens, dealt to
// the ranks. As a gradient is a sum over the step's samples, this costs no
// randomness at all. With Varlen nothing is padded and samples are dealt one by one.
type Rebalanced struct {
	Round  Round
	Varlen bool // for kernels that take cu_seqlens: no padding
}

func (w Rebalanced) check(*Spec, int32) error { return w.Round.check() }

func (w Rebalanced) window(g Geometry, left int64) int64 { return min(int64(g.global()), left) }

func (w Rebalanced) divide(pieces []Piece, g Geometry, _ rng.Key) []Step {
	pieces = byLength(pieces)
	parts := g.World * g.Micro
	if w.Varlen {
		return []Step{deal(spread(pieces, parts), g)}
	}
	cut := cutter{pieces: pieces, round: w.Round, most: math.MaxInt}
	return []Step{deal(cut.into(parts), g)}
}

// spread deals pieces, sorted from the longest, to micro-batches of about equal
// tokens: each goes to the one with the fewest so far; of equal ones to the first.
func spread(pieces []Piece, parts int) []Micro {
	load := unloaded(parts)
	owner, count := make([]uint32, len(pieces)), make([]uint32, parts)
	for i, p := range pieces {
		owner[i] = uint32(load[0])
		count[owner[i]]++
		load[0] += uint64(p.Length) << 32
		sink(load)
	}
	micros, room := make([]Micro, parts), make([]Piece, len(pieces))
	for i, n := range count {
		micros[i] = Micro{Varlen: true, Pieces: room[:0:n]}
		room = room[n:]
	}
	for i, p := range pieces {
		m := &micros[owner[i]]
		m.Pieces = append(m.Pieces, p)
		m.Width += p.Length
	}
	return micros
}
