package batching

import "stoker/internal/rng"

// Fixed makes batches of equally many samples in the epoch's order, each padded
// to its longest. It is fully random, and mostly padding.
type Fixed struct{ Round Round }

func (f Fixed) check(*Spec, int32) error { return f.Round.check() }

func (f Fixed) window(g Geometry, left int64) int64 { return min(int64(g.global()), left) }

func (f Fixed) divide(pieces []Piece, g Geometry, _ rng.Key) []Step {
	return []Step{dealRuns(pieces, g, f.Round)}
}

// dealRuns gives each micro-batch a run of consecutive pieces; the first are the
// longer ones where they do not divide evenly.
func dealRuns(pieces []Piece, g Geometry, round Round) Step {
	step := newStep(g)
	parts := g.World * g.Micro
	for i := range parts {
		low, high := len(pieces)*i/parts, len(pieces)*(i+1)/parts
		step.add(i%g.World, padded(pieces[low:high:high], round))
	}
	return step
}

func newStep(g Geometry) Step {
	ranks := make([][]Micro, g.World)
	micros := make([]Micro, g.World*g.Micro)
	for r := range ranks {
		ranks[r] = micros[r*g.Micro : r*g.Micro : (r+1)*g.Micro]
	}
	return Step{Ranks: ranks}
}

// add gives a micro-batch to a rank.
func (s *Step) add(rank int, m Micro) {
	s.Ranks[rank] = append(s.Ranks[rank], m)
	for _, p := range m.Pieces {
		s.Tokens += int64(p.Length)
		if p.Offset == 0 { // a split sample counts once
			s.Samples++
		}
	}
}

// padded makes a micro-batch of pieces that are all padded to one length.
func padded(pieces []Piece, round Round) Micro {
	var longest int32
	for _, p := range pieces {
		longest = max(longest, p.Length)
	}
	return Micro{Pieces: pieces, Width: round.Up(longest)}
}
