package batching

import (
	"cmp"
	"math"
	"slices"

	"stoker/internal/errs"
	"stoker/internal/rng"
)

// TooLong says what becomes of a sample that is longer than a packed row.
type TooLong uint8

// The ways to treat samples that are too long.
const (
	Refuse TooLong = iota // an error before training starts
	Cut                   // keep the first tokens
	Split                 // several pieces, each a sequence of its own
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

func (w Packed) check(s *Spec) error {
	if w.Tokens < 1 || w.Open < 0 || w.Open > mostOpen || w.MaxAge < 0 || w.TooLong > Split {
		return errs.New(errs.Invalid, "packed rows of %d tokens, %d open, %d old cannot work", w.Tokens, w.Open, w.MaxAge)
	}
	for i, n := range s.Lengths {
		if n > w.Tokens && w.TooLong == Refuse {
			return errs.New(errs.Invalid, "sample %d has %d tokens, a packed row has %d", i, n, w.Tokens).
				WithHint("pack longer rows, or choose to cut or split what is too long")
		}
	}
	return nil
}

// window and divide serve ways that plan in windows; packing streams instead.
func (w Packed) window(_ Geometry, left int64) int64 { return left }

func (w Packed) divide([]Piece, Geometry, rng.Key) []Step { panic("BUG: packing has no windows") }

// packer is the streaming best-fit of a Packed plan.
type packer struct {
	way   Packed
	rows  []row // open, at most way.Open
	ready [][]Piece
	age   int64 // the longest that a sample has waited in an open row
}

// row is an open row.
type row struct {
	pieces []Piece
	left   int32 // tokens that still fit
	since  int64 // place in the order of its oldest piece
}

// put takes the next piece of the order.
func (p *packer) put(piece Piece) {
	p.expire(piece.at)
	if len(p.rows) > 0 {
		p.age = max(p.age, piece.at-p.rows[0].since)
	}
	best, fullest := -1, -1
	for i := range p.rows {
		left := p.rows[i].left
		if left >= piece.Length && (best < 0 || left < p.rows[best].left) {
			best = i
		}
		if fullest < 0 || left < p.rows[fullest].left {
			fullest = i
		}
	}
	if best < 0 {
		if len(p.rows) == p.way.Open {
			p.close(fullest)
		}
		best = len(p.rows)
		p.rows = append(p.rows, row{pieces: make([]Piece, 0, 8), left: p.way.Tokens, since: piece.at})
	}
	r := &p.rows[best]
	r.pieces = append(r.pieces, piece)
	r.left -= piece.Length
	if r.left <= p.way.Tokens/tight {
		p.close(best)
	} else if r.left <= p.way.Tokens/nearly {
		p.finish(best)
	}
}

// expire closes the rows whose oldest sample has waited long enough. Rows stand
// in the order of their oldest samples.
func (p *packer) expire(at int64) {
	for len(p.rows) > 0 && at-p.rows[0].since >= int64(p.way.MaxAge) {
		p.close(0)
	}
}

func (p *packer) close(i int) {
	p.ready = append(p.ready, p.rows[i].pieces)
	p.rows = append(p.rows[:i], p.rows[i+1:]...)
}

// finish closes a nearly full row if it can be made full.
func (p *packer) finish(i int) {
	if p.tighten(i) {
		p.close(i)
		slices.SortStableFunc(p.rows, func(a, b row) int { return cmp.Compare(a.since, b.since) })
	}
}

// tighten fills the gap of a nearly full row: it gives a piece to another open
// row for one that is longer by nearly as much as the gap. The other row gets
// older where the piece is. It looks at a bounded number of pairs, the youngest
// rows first, and reports whether it found one.
func (p *packer) tighten(i int) bool {
	closing := &p.rows[i]
	least := closing.left - p.way.Tokens/tight
	pairs := mostPairs
	for j := len(p.rows) - 1; j >= 0; j-- {
		if j == i {
			continue
		}
		other := &p.rows[j]
		for b := range other.pieces {
			take := &other.pieces[b]
			for a := range closing.pieces {
				give := &closing.pieces[a]
				if more := take.Length - give.Length; more >= least && more <= closing.left && more > 0 {
					p.swap(closing, other, give, take)
					return true
				}
			}
			if pairs -= len(closing.pieces); pairs < 0 {
				return false
			}
		}
	}
	return false
}

func (p *packer) swap(closing, other *row, give, take *Piece) {
	more := take.Length - give.Length
	*give, *take = *take, *give
	closing.left -= more
	other.left += more
	other.since = oldest(other.pieces)
}

const (
	tight     = 1024 // part of a row that may stay empty without looking for more
	nearly    = 16   // part of a row below which a gap is worth tightening
	mostPairs = 64
)

// flush packs what is open once more at the end of an epoch, the longest first:
// the last few rows would be half empty otherwise.
func (p *packer) flush() {
	var pieces []Piece
	for _, r := range p.rows {
		pieces = append(pieces, r.pieces...)
	}
	p.rows = nil
	rows := packer{way: p.way}
	rows.way.Open, rows.way.MaxAge = mostOpen*mostOpen, math.MaxInt
	for _, piece := range byLength(pieces) {
		rows.put(piece)
	}
	for len(rows.rows) > 0 {
		rows.close(0)
	}
	p.ready = append(p.ready, rows.ready...)
}

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
	for _, refs := range s.cursor.Open {
		pieces, left, err := s.restore(refs)
		if err != nil {
			return err
		}
		s.packer.rows = append(s.packer.rows, row{pieces, left, oldest(pieces)})
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
	g := s.plan.spec.Geometry
	for len(s.packer.ready) < g.global() && s.cursor.Position < s.plan.order.Samples {
		whole := s.piece(s.cursor.Position)
		for part := range s.packer.way.parts(whole.Length) {
			s.packer.put(s.packer.way.part(whole, part))
		}
		s.cursor.Position++
		if s.cursor.Position == s.plan.order.Samples {
			s.packer.flush()
		}
	}
	if len(s.packer.ready) == 0 {
		return Step{}, s.cursor, false
	}
	rows := s.packer.ready[:min(g.global(), len(s.packer.ready))]
	step := dealRows(rows, g, s.packer.way.Tokens)
	s.packer.ready = s.packer.ready[len(rows):]
	after := s.cursor
	after.Ready, after.Open = refs(s.packer.ready, s.packer.way), nil
	for _, r := range s.packer.rows {
		after.Open = append(after.Open, refs([][]Piece{r.pieces}, s.packer.way)...)
	}
	return step, after, true
}

func refs(rows [][]Piece, w Packed) [][]Ref {
	var all [][]Ref
	for _, pieces := range rows {
		row := make([]Ref, len(pieces))
		for i, p := range pieces {
			row[i] = Ref{At: p.at, Part: p.Offset / w.Tokens}
		}
		all = append(all, row)
	}
	return all
}

// dealRows gives rows to the ranks in turn; at the end of an epoch some
// micro-batches have fewer rows, or none.
func dealRows(rows [][]Piece, g Geometry, width int32) Step {
	micros := make([]Micro, g.World*g.Micro)
	for i := range micros {
		micros[i] = Micro{Width: width, Rows: []int32{0}}
	}
	for i, pieces := range rows {
		m := &micros[i%g.World*g.Micro+i/g.World/g.BatchSize]
		m.Pieces = append(m.Pieces, pieces...)
		m.Rows = append(m.Rows, int32(len(m.Pieces)))
	}
	step := newStep(g)
	for i, m := range micros {
		step.add(i/g.Micro, m)
	}
	return step
}

func oldest(pieces []Piece) int64 {
	at := pieces[0].at
	for _, p := range pieces {
		at = min(at, p.at)
	}
	return at
}
