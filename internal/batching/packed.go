package batching

import (
	"stoker/internal/errs"
	"stoker/internal/rng"
)

// Packed fills rows of Tokens tokens with whole samples: each goes, in the
// epoch's order, to the open row that it fills best. Rows are handed out when
// full, when no open one fits, or when their oldest sample has waited for MaxAge
// others, so the order stays as random as it was. BatchSize counts rows.
//
// Sixteen open rows and an age of 512 fill 98.3 % at 1,024 tokens on film
// reviews; sorting the whole set first would win 1 % and make every row one of
// equal lengths.
type Packed struct {
	Tokens  int32
	Open    int // rows filled at once; 0 means 16
	MaxAge  int // samples; 0 means 512
	TooLong TooLong
}

const (
	defaultOpen   = 16
	defaultMaxAge = 512
	mostOpen      = 1024
)

func (w Packed) withDefaults() Packed {
	if w.Open == 0 {
		w.Open = defaultOpen
	}
	if w.MaxAge == 0 {
		w.MaxAge = defaultMaxAge
	}
	return w
}

func (w Packed) check(s *Spec, longest int32) error {
	if w.Tokens < 1 || w.Open < 0 || w.Open > mostOpen || w.MaxAge < 0 || w.TooLong > Split || s.MaxTokens != 0 {
		return errs.New(errs.Invalid, "packed rows of %d tokens, %d open, %d old cannot work", w.Tokens, w.Open, w.MaxAge)
	}
	if w.TooLong == Refuse && longest > w.Tokens {
		i := s.longer(w.Tokens)
		return errs.New(errs.Invalid, "sample %d has %d tokens, a packed row has %d", i, s.Lengths[i], w.Tokens).
			WithHint("pack longer rows, or choose to cut or split what is too long")
	}
	return nil
}

// window and divide serve ways that plan in windows; packing streams instead.
func (w Packed) window(_ Geometry, left int64) int64 { return left }

func (w Packed) divide([]Piece, Geometry, rng.Key) []Step { panic("BUG: packing has no windows") }

// parts returns the pieces of a sample of the given length.
func (w Packed) parts(length int32) int32 {
	if w.TooLong != Split || length <= w.Tokens {
		return 1
	}
	return (length + w.Tokens - 1) / w.Tokens
}

func (w Packed) part(whole Piece, part int32) Piece {
	whole.Offset = part * w.Tokens
	whole.Length = min(whole.Length-whole.Offset, w.Tokens)
	return whole
}

// startPacking restores the packer of a cursor.
func (s *Steps) startPacking(w Packed) error {
	s.packer = &packer{way: w.withDefaults()}
	if len(s.cursor.Open) > s.packer.way.Open {
		return errs.New(errs.Invalid, "the saved place in the epoch has %d open rows, this plan keeps %d",
			len(s.cursor.Open), s.packer.way.Open).WithHint("resume with the settings that it was saved with")
	}
	for _, refs := range s.cursor.Ready {
		pieces, _, err := s.restore(refs)
		if err != nil {
			return err
		}
		s.packer.ready = append(s.packer.ready, pieces)
	}
	for i, refs := range s.cursor.Open {
		pieces, left, err := s.restore(refs)
		if err != nil {
			return err
		}
		s.packer.open = append(s.packer.open, openRow{left: left, held: int32(i), since: oldest(pieces)})
		s.packer.held = append(s.packer.held, pieces)
	}
	s.cursor.Ready, s.cursor.Open = nil, nil
	return nil
}

func (s *Steps) restore(refs []Ref) (pieces []Piece, left int32, err error) {
	w := s.packer.way
	left = w.Tokens
	for _, ref := range refs {
		if ref.At < 0 || ref.At >= s.cursor.Position {
			return nil, 0, errs.New(errs.Invalid, "the saved place in the epoch is damaged: a row holds a sample that was not read")
		}
		whole := s.piece(ref.At)
		if ref.Part < 0 || ref.Part >= w.parts(whole.Length) {
			return nil, 0, errs.New(errs.Invalid, "the saved place in the epoch is damaged: a row holds a piece that does not exist")
		}
		piece := w.part(whole, ref.Part)
		pieces = append(pieces, piece)
		if left -= piece.Length; left < 0 {
			break
		}
	}
	if left < 0 || len(pieces) == 0 {
		return nil, 0, errs.New(errs.Invalid, "the saved place in the epoch is damaged: a row is empty or too full")
	}
	return pieces, left, nil
}

// nextPacked reads on until a step's rows are ready, or the epoch ends.
func (s *Steps) nextPacked() (Step, Cursor, bool) {
	p, g := s.packer, s.plan.spec.Geometry
	for len(p.ready) < g.global() && s.cursor.Position < s.plan.order.Samples {
		whole := s.ahead()
		for part := range p.way.parts(whole.Length) {
			p.put(p.way.part(whole, part))
		}
		s.cursor.Position++
		if s.cursor.Position == s.plan.order.Samples {
			p.flush()
		}
	}
	if len(p.ready) == 0 {
		return Step{}, s.cursor, false
	}
	n := min(g.global(), len(p.ready))
	step := dealRows(p.ready[:n], g, p.way.Tokens)
	p.drop(n)
	after := s.cursor
	after.Ready, after.Open = p.refs()
	return step, after, true
}

// ahead returns the next sample of the order, from a block that was read at once.
func (s *Steps) ahead() Piece {
	if len(s.block) == 0 {
		s.block = s.room[:min(blockPieces, s.plan.order.Samples-s.cursor.Position)]
		s.fill(s.block, s.cursor.Position)
	}
	next := s.block[0]
	s.block = s.block[1:]
	return next
}

// dealRows gives rows to the ranks in turn; at the end of an epoch some
// micro-batches have fewer rows, or none.
func dealRows(rows [][]Piece, g Geometry, width int32) Step {
	micros, sizes := make([]Micro, g.World*g.Micro), make([]int, g.World*g.Micro)
	of := func(row int) int { return row%g.World*g.Micro + row/g.World/g.BatchSize }
	all := 0
	for i, pieces := range rows {
		sizes[of(i)] += len(pieces)
		all += len(pieces)
	}
	room, starts := make([]Piece, all), make([]int32, len(micros)*(g.BatchSize+1))
	for i := range micros {
		micros[i] = Micro{Width: width, Pieces: room[:0:sizes[i]], Rows: starts[: 1 : g.BatchSize+1]}
		room, starts = room[sizes[i]:], starts[g.BatchSize+1:]
	}
	for i, pieces := range rows {
		m := &micros[of(i)]
		m.Pieces = append(m.Pieces, pieces...)
		m.Rows = append(m.Rows, int32(len(m.Pieces)))
	}
	step := newStep(g)
	for i, m := range micros {
		step.add(i/g.Micro, m)
	}
	return step
}
