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

func (w Rebalanced) check(*Spec) error { return w.Round.check() }

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
// tokens: each goes to the one with the fewest so far, kept on a heap.
func spread(pieces []Piece, parts int) []Micro {
	micros := make([]Micro, parts)
	heap := make([]int, parts)
	for i := range heap {
		heap[i] = i
		micros[i] = Micro{Varlen: true, Pieces: make([]Piece, 0, len(pieces)/parts*5/4+1)}
	}
	for _, p := range pieces {
		least := &micros[heap[0]]
		least.Pieces = append(least.Pieces, p)
		least.Width += p.Length
		sink(heap, micros)
	}
	return micros
}

// sink restores the heap after its first micro-batch grew.
func sink(heap []int, micros []Micro) {
	less := func(a, b int) bool {
		wa, wb := micros[heap[a]].Width, micros[heap[b]].Width
		return wa < wb || wa == wb && heap[a] < heap[b]
	}
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < len(heap) && less(child+1, child) {
			child++
		}
		if child >= len(heap) || !less(child, i) {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}
