package batching

import (
	"cmp"
	"slices"
	"sort"
)

// cutter cuts pieces, sorted from the longest, into micro-batches whose padded
// tokens stay within a budget and whose samples stay within a cap.
type cutter struct {
	pieces []Piece
	round  Round
	most   int // pieces of one micro-batch
}

// take returns how many pieces the micro-batch that starts at i holds: at least
// one, also where the budget is too small for it.
func (c cutter) take(i int, budget int64) int {
	n := len(c.pieces) - i
	if width := int64(c.round.Up(c.pieces[i].Length)); width > 0 {
		n = min(n, max(int(budget/width), 1))
	}
	return min(n, c.most)
}

// count returns the number of micro-batches that a budget needs.
func (c cutter) count(budget int64) int {
	n := 0
	for i := 0; i < len(c.pieces); i += c.take(i, budget) {
		n++
	}
	return n
}

// into cuts into exactly parts micro-batches and makes the dearest as cheap as
// it can be. Some are empty where there are fewer pieces. The cap must allow it.
func (c cutter) into(parts int) []Micro {
	micros := make([]Micro, 0, parts)
	if len(c.pieces) > 0 {
		widest := int64(c.round.Up(c.pieces[0].Length))
		span := widest*int64(len(c.pieces)) + 1
		budget := widest + int64(sort.Search(int(span-widest), func(b int) bool { return c.count(widest+int64(b)) <= parts }))
		for i := 0; i < len(c.pieces); {
			n := c.take(i, budget)
			micros = append(micros, padded(c.pieces[i:i+n:i+n], c.round))
			i += n
		}
	}
	for len(micros) < min(parts, len(c.pieces)) {
		micros = c.split(micros)
	}
	return append(micros, make([]Micro, parts-len(micros))...)
}

// split halves the dearest micro-batch that has more than one piece.
func (c cutter) split(micros []Micro) []Micro {
	best := -1
	for i, m := range micros {
		if len(m.Pieces) > 1 && (best < 0 || m.Cost() > micros[best].Cost()) {
			best = i
		}
	}
	pieces := micros[best].Pieces
	half := len(pieces) / 2
	micros[best] = padded(pieces[:half:half], c.round)
	return append(micros, padded(pieces[half:], c.round))
}

// Cost returns the tokens that a model computes on, padding included.
func (m Micro) Cost() int64 {
	switch {
	case m.Rows != nil:
		return int64(m.Width) * int64(len(m.Rows)-1)
	case m.Varlen:
		return int64(m.Width)
	}
	return int64(m.Width) * int64(len(m.Pieces))
}

// deal gives micro-batches to the ranks, equally many to each: the dearest first,
// always to the rank with the least so far (Graham 1969, longest processing time).
func deal(micros []Micro, g Geometry) Step {
	slices.SortStableFunc(micros, func(a, b Micro) int { return cmp.Compare(b.Cost(), a.Cost()) })
	step := newStep(g)
	ranks := unloaded(g.World) // a heap of those that take more
	for _, m := range micros {
		least := int(uint32(ranks[0]))
		step.add(least, m)
		ranks[0] += uint64(m.Cost()) << 32
		if len(step.Ranks[least]) == g.Micro {
			last := len(ranks) - 1
			ranks[0], ranks = ranks[last], ranks[:last]
		}
		sink(ranks)
	}
	return step
}
