package batching

import (
	"slices"

	"stoker/internal/plan"
	"stoker/internal/rng"
)

// Steps iterates over the steps from a cursor to the end of its epoch. Not for
// concurrent use.
type Steps struct {
	plan   *Plan
	order  plan.Order
	cursor Cursor
	window []Step // what is left of the current window
	peeked *taken // with Drop: the next full step

	packer *packer // of Packed, with the samples that were read ahead
	block  []Piece
	room   [blockPieces]Piece
}

// From returns the steps from a cursor on. A damaged cursor is an error of kind
// Invalid.
func (p *Plan) From(c Cursor) (*Steps, error) {
	s, err := p.start(c)
	if err != nil {
		return nil, err
	}
	if len(c.Done) > 0 {
		s.resume()
	}
	return s, nil
}

// Check returns the error that From would, without planning a window.
func (p *Plan) Check(c Cursor) error {
	_, err := p.start(c)
	return err
}

// start is From for cursors between two windows.
func (p *Plan) start(c Cursor) (*Steps, error) {
	if err := p.checkCursor(c); err != nil {
		return nil, err
	}
	s := &Steps{plan: p, order: p.order.Order(c.Epoch), cursor: c}
	s.cursor.Done = slices.Clone(c.Done)
	if packed, ok := p.spec.Way.(Packed); ok {
		return s, s.startPacking(packed)
	}
	return s, nil
}

// taken is a step and the cursor behind it.
type taken struct {
	step  Step
	after Cursor
}

// Next returns the next step and the cursor behind it; ok is false at the end of
// the epoch. The step is the caller's to keep.
func (s *Steps) Next() (step Step, after Cursor, ok bool) {
	if !s.plan.spec.Drop {
		return s.next()
	}
	if s.peeked == nil {
		s.peeked = s.nextFull()
	}
	now := s.peeked
	if now == nil {
		return Step{}, s.cursor, false
	}
	if s.peeked = s.nextFull(); s.peeked == nil { // the epoch ends here
		now.after = Cursor{Epoch: s.cursor.Epoch, Position: s.plan.order.Samples}
	}
	return now.step, now.after, true
}

// nextFull returns the next step that is full, or nil.
func (s *Steps) nextFull() *taken {
	for {
		step, after, ok := s.next()
		if !ok {
			return nil
		}
		if step.size() == s.plan.spec.global() {
			return &taken{step, after}
		}
	}
}

// size returns the pieces, or packed rows, of a step.
func (s *Step) size() (n int) {
	for _, rank := range s.Ranks {
		for _, m := range rank {
			if m.Rows != nil {
				n += len(m.Rows) - 1
			} else {
				n += len(m.Pieces)
			}
		}
	}
	return n
}

func (s *Steps) next() (step Step, after Cursor, ok bool) {
	if s.packer != nil {
		return s.nextPacked()
	}
	for len(s.window) == 0 {
		if !s.open() {
			return Step{}, s.cursor, false
		}
	}
	step, s.window = s.window[0], s.window[1:]
	s.cursor.Done[len(s.cursor.Done)-1].Steps++
	if len(s.window) == 0 {
		s.cursor.Position += s.cursor.Window
		s.cursor.Window, s.cursor.Done = 0, nil
	}
	after = s.cursor
	after.Done = slices.Clone(s.cursor.Done)
	return step, after, true
}

// open plans the next window.
func (s *Steps) open() bool {
	left := s.plan.order.Samples - s.cursor.Position
	if left <= 0 {
		return false
	}
	g := s.plan.spec.Geometry
	s.cursor.Window = s.plan.spec.Way.window(g, left)
	s.cursor.Done = []Segment{{Geometry: g}}
	s.window = s.divide(s.read(s.cursor.Position, s.cursor.Window), g, 0)
	return true
}

// resume replays how the current window was divided, and divides what is left of
// it with the plan's own geometry.
func (s *Steps) resume() {
	size := s.cursor.Window
	for _, seg := range s.cursor.Done {
		size -= seg.Added
	}
	pieces := s.read(s.cursor.Position, size)
	end, last := s.cursor.Position+size, len(s.cursor.Done)-1
	for i, seg := range s.cursor.Done {
		pieces = append(pieces, s.read(end, seg.Added)...)
		end += seg.Added
		s.window = s.divide(pieces, seg.Geometry, i)
		s.window = s.window[min(seg.Steps, len(s.window)):]
		if i < last || seg.Geometry != s.plan.spec.Geometry {
			pieces = left(s.window)
		}
	}
	g := s.plan.spec.Geometry
	if s.cursor.Done[last].Geometry == g || len(pieces) == 0 {
		return
	}
	// The window grows until it fills whole steps of the new geometry.
	added := min((-int64(len(pieces))%int64(g.global())+int64(g.global()))%int64(g.global()), s.plan.order.Samples-end)
	pieces = append(pieces, s.read(end, added)...)
	s.cursor.Window += added
	s.cursor.Done = append(s.cursor.Done, Segment{Geometry: g, Added: added})
	s.window = s.divide(pieces, g, len(s.cursor.Done)-1)
}

// left returns the pieces of steps in the epoch's order.
func left(steps []Step) []Piece {
	var pieces []Piece
	for _, step := range steps {
		for _, rank := range step.Ranks {
			for _, micro := range rank {
				pieces = append(pieces, micro.Pieces...)
			}
		}
	}
	slices.SortFunc(pieces, func(a, b Piece) int { return int(a.at - b.at) })
	return pieces
}

// read returns count samples of the order from a position on.
func (s *Steps) read(position, count int64) []Piece {
	pieces := make([]Piece, count)
	s.fill(pieces, position)
	return pieces
}

// fill reads the samples of the order from a position on, in blocks, so that the
// waits for lengths, which lie anywhere in memory, overlap.
func (s *Steps) fill(pieces []Piece, position int64) {
	var index [blockPieces]int64
	for len(pieces) > 0 {
		n := min(len(pieces), blockPieces)
		s.order.Fill(index[:n], position)
		if limit := s.plan.spec.MaxTokens; limit > 0 {
			for i, v := range index[:n] {
				pieces[i] = s.plan.limited(v, limit)
				pieces[i].at = position + int64(i)
			}
		} else {
			for i, v := range index[:n] {
				pieces[i] = Piece{Index: v, Length: s.plan.spec.Lengths[v], at: position + int64(i)}
			}
		}
		pieces, position = pieces[n:], position+int64(n)
	}
}

// blockPieces is how many samples are read at once.
const blockPieces = 256

// piece returns the whole sample at a place of the order.
func (s *Steps) piece(at int64) Piece {
	var one [1]Piece
	s.fill(one[:], at)
	return one[0]
}

// limited returns a piece by its number in the order.
func (p *Plan) limited(v int64, limit int32) Piece {
	q := Piece{Index: v}
	if first := int64(len(p.spec.Lengths)); v >= first {
		r := &p.extra[v-first]
		q.Index, q.Offset = r.index, r.offset
	}
	q.Length = min(p.spec.Lengths[q.Index]-q.Offset, limit)
	return q
}

func (s *Steps) divide(pieces []Piece, g Geometry, segment int) []Step {
	key := rng.NewKey(s.plan.spec.Seed).Sub(windowStream).Sub(s.cursor.Epoch).Sub(uint64(s.cursor.Position)).Sub(uint64(segment))
	return s.plan.spec.Way.divide(pieces, g, key)
}

// windowStream separates these keys from all others of the seed.
const windowStream = 0x77696e646f77 << 16
