package batching

import "slices"

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
	h := newShortest(min(w.Tokens, counted), tokens)
	for chunk := range slices.Chunk(lengths, 1<<16) {
		for _, n := range chunk {
			if w.TooLong == Split && n > w.Tokens {
				h.add(w.Tokens, int64(n/w.Tokens))
				if n %= w.Tokens; n == 0 {
					continue
				}
			}
			if n <= h.limit {
				h.count[n]++
			} else if h.limit == h.top() {
				h.count[h.limit]++
			}
		}
		h.lower()
	}
	return int(max(h.pieces(), 1))
}

// shortest counts pieces by length. Those longer than limit are not among the
// shortest that fit into tokens.
type shortest struct {
	count  []int64
	limit  int32
	tokens int64
}

func newShortest(longest int32, tokens int64) *shortest {
	return &shortest{count: make([]int64, longest+1), limit: longest, tokens: tokens}
}

// top is the length as which longer ones are counted.
func (h *shortest) top() int32 { return int32(len(h.count) - 1) }

func (h *shortest) add(length int32, times int64) { h.count[min(length, h.top())] += times }

// lower lowers the limit to where the pieces counted so far fill all tokens: of ten
// million lengths nearly all are passed over then.
func (h *shortest) lower() {
	left := h.tokens
	for length := range h.limit {
		if left -= h.count[length] * int64(length); left < 0 {
			h.limit = length
			return
		}
	}
}

func (h *shortest) pieces() (pieces int64) {
	left := h.tokens
	for length, n := range h.count[:h.limit+1] {
		if length > 0 {
			n = min(n, left/int64(length))
			left -= n * int64(length)
		}
		pieces += n
	}
	return pieces
}
