package batching

// Steps returns the number of steps of a whole epoch. Ways that count samples
// know it at once; Tokens and Packed plan the epoch once, about 0.1 s for each
// million of samples.
func (p *Plan) Steps(epoch uint64) (int64, error) {
	if n, known := p.EqualSteps(); known {
		return n, nil
	}
	steps, err := p.From(Cursor{Epoch: epoch})
	if err != nil {
		return 0, err
	}
	var n int64
	for {
		if _, _, ok := steps.Next(); !ok {
			return n, nil
		}
		n++
	}
}

// EqualSteps returns the number of steps that every whole epoch has; known is
// false for ways whose epochs differ.
func (p *Plan) EqualSteps() (steps int64, known bool) {
	switch p.spec.Way.(type) {
	case Tokens, Packed:
		return 0, false
	}
	s, global := &p.spec, int64(p.spec.global())
	for left := p.order.Samples; left > 0; {
		window := s.Way.window(s.Geometry, left)
		if s.Drop {
			steps += window / global
		} else {
			steps += (window + global - 1) / global
		}
		left -= window
	}
	return steps, true
}

// Ended reports whether c lies behind the last step of its epoch.
func (p *Plan) Ended(c Cursor) bool {
	return c.Position >= p.order.Samples && c.Window == 0 && len(c.Ready)+len(c.Open) == 0
}

// Most bounds the micro-batches of a plan, in every epoch.
type Most struct {
	Rows   int   // padded or packed rows
	Width  int32 // of a row; of the whole micro-batch where it is Varlen
	Cells  int64 // tokens computed on, padding included
	Pieces int
}

// Most returns bounds on all micro-batches. For Packed it takes one pass over the
// lengths.
func (p *Plan) Most() Most {
	s, longest := &p.spec, p.longest
	batch := int(min(int64(s.BatchSize), p.order.Samples))
	all := int(min(int64(s.global()), p.order.Samples))
	width := func(r Round) Most {
		return Most{Rows: batch, Width: r.Up(longest), Cells: int64(batch) * int64(r.Up(longest)), Pieces: batch}
	}
	switch w := s.Way.(type) {
	case Fixed:
		return width(w.Round)
	case Grouped:
		return width(w.Round)
	case Tokens:
		m := width(w.Round)
		m.Cells = min(m.Cells, w.Budget)
		return m
	case Rebalanced:
		m := width(w.Round)
		m.Rows, m.Pieces = all, all // many short samples may go together
		if w.Varlen {
			// Graham's bound for the longest first: the mean load and one piece.
			m.Cells = min(int64(batch)*int64(longest)+int64(longest), 1<<31-1)
			m.Width = int32(m.Cells)
		}
		return m
	case Packed:
		cells := int64(s.BatchSize) * int64(w.Tokens)
		return Most{Rows: s.BatchSize, Width: w.Tokens, Cells: cells, Pieces: w.mostPieces(s.Lengths, cells)}
	}
	panic("BUG: a way without bounds")
}

// counted is the length from which on pieces are counted as if they were equal.
const counted = 1 << 20

// mostPieces returns how many pieces fit into so many tokens: the shortest ones.
func (w Packed) mostPieces(lengths []int32, tokens int64) int {
	count := make([]int64, min(w.Tokens, counted)+1)
	note := func(length int32, times int64) { count[min(length, int32(len(count)-1))] += times }
	for _, n := range lengths {
		if w.TooLong == Split && n > w.Tokens {
			note(w.Tokens, int64(n/w.Tokens))
			if n %= w.Tokens; n == 0 {
				continue
			}
		}
		note(n, 1)
	}
	var pieces int64
	for length, n := range count {
		if length > 0 {
			n = min(n, tokens/int64(length))
			tokens -= n * int64(length)
		}
		pieces += n
	}
	return int(max(pieces, 1))
}
