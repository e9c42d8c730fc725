package batching

import "math"

// packer is the streaming best-fit of a Packed plan.
type packer struct {
	way   Packed
	open  []openRow // at most way.Open, the one with the oldest sample first
	held  [][]Piece // what the open rows hold, by openRow.held
	free  []int32   // places of held that no row uses
	ready [][]Piece
	spare [][]Piece // memory of rows that were handed out
	age   int64     // the longest that a sample has waited in an open row
}

// openRow is an open row. It has no pointers, so that moving rows is cheap.
type openRow struct {
	left  int32 // tokens that still fit
	held  int32
	since int64 // place in the order of its oldest piece
}

// put takes the next piece of the order.
func (p *packer) put(piece Piece) {
	p.expire(piece.at)
	if len(p.open) > 0 {
		p.age = max(p.age, piece.at-p.open[0].since)
	}
	best := p.fitting(piece.Length)
	if best < 0 {
		if len(p.open) == p.way.Open {
			p.close(p.fitting(0))
		}
		best = len(p.open)
		p.begin(piece.at)
	}
	r := &p.open[best]
	p.held[r.held] = append(p.held[r.held], piece)
	r.left -= piece.Length
	if r.left <= p.way.Tokens/tight {
		p.close(best)
	} else if r.left <= p.way.Tokens/nearly {
		p.finish(best)
	}
}

// fitting returns the row with the least room that is enough, the first of equal
// ones, or -1. Room and number are compared as one, and rows without enough room
// are as large as can be: which row is best cannot be foretold, and a branch for
// each would cost more than all else. Two minima at once halve the wait.
func (p *packer) fitting(length int32) int {
	even, odd := uint64(math.MaxUint64), uint64(math.MaxUint64)
	i := 0
	for ; i+1 < len(p.open); i += 2 {
		even = min(even, p.open[i].rank(i, length))
		odd = min(odd, p.open[i+1].rank(i+1, length))
	}
	if i < len(p.open) {
		even = min(even, p.open[i].rank(i, length))
	}
	if best := min(even, odd); best != math.MaxUint64 {
		return int(uint32(best))
	}
	return -1
}

// rank orders rows by their room for a length, then by number.
func (r *openRow) rank(i int, length int32) uint64 {
	short := uint64((int64(r.left) - int64(length)) >> 63)
	return uint64(r.left)<<32 | uint64(i) | short
}

// begin opens an empty row.
func (p *packer) begin(since int64) {
	var place int32
	if n := len(p.free); n > 0 {
		place, p.free = p.free[n-1], p.free[:n-1]
	} else {
		place = int32(len(p.held))
		p.held = append(p.held, nil)
	}
	if n := len(p.spare); n > 0 {
		p.held[place], p.spare = p.spare[n-1][:0], p.spare[:n-1]
	} else {
		p.held[place] = make([]Piece, 0, 8)
	}
	p.open = append(p.open, openRow{left: p.way.Tokens, held: place, since: since})
}

// expire closes the rows whose oldest sample has waited long enough.
func (p *packer) expire(at int64) {
	for len(p.open) > 0 && at-p.open[0].since >= int64(p.way.MaxAge) {
		p.close(0)
	}
}

func (p *packer) close(i int) {
	place := p.open[i].held
	p.ready = append(p.ready, p.held[place])
	p.held[place], p.free = nil, append(p.free, place)
	p.open = append(p.open[:i], p.open[i+1:]...)
}

// finish closes a nearly full row if it can be made full.
func (p *packer) finish(i int) {
	if !p.tighten(i) {
		return
	}
	p.close(i)
	p.sort()
}

// sort puts the rows in the order of their oldest samples again. It is an
// insertion sort: one row is out of place, but for the end of an epoch.
func (p *packer) sort() {
	for i := 1; i < len(p.open); i++ {
		r, to := p.open[i], i
		for ; to > 0 && p.open[to-1].since > r.since; to-- {
			p.open[to] = p.open[to-1]
		}
		p.open[to] = r
	}
}

// tighten fills the gap of a nearly full row: it gives a piece to another open
// row for one that is longer by nearly as much as the gap. The other row gets
// older where the piece is. It looks at a bounded number of pairs, the youngest
// rows first, and reports whether it found one.
func (p *packer) tighten(i int) bool {
	closing := &p.open[i]
	mine := p.held[closing.held]
	least := max(closing.left-p.way.Tokens/tight, 1) // that the other piece must be longer by
	span := uint32(closing.left - least)
	pairs := mostPairs
	for j := len(p.open) - 1; j >= 0; j-- {
		if j == i {
			continue
		}
		other := &p.open[j]
		theirs := p.held[other.held]
		for b := range theirs {
			longer := theirs[b].Length - least
			for a := range mine {
				if uint32(longer-mine[a].Length) <= span {
					more := longer - mine[a].Length + least
					mine[a], theirs[b] = theirs[b], mine[a]
					closing.left -= more
					other.left += more
					other.since = oldest(theirs)
					return true
				}
			}
			if pairs -= len(mine); pairs < 0 {
				return false
			}
		}
	}
	return false
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
	for _, r := range p.open {
		pieces = append(pieces, p.held[r.held]...)
	}
	p.open, p.held, p.free = nil, nil, nil
	rows := packer{way: p.way}
	rows.way.Open, rows.way.MaxAge = mostOpen*mostOpen, math.MaxInt
	for _, piece := range byLength(pieces) {
		rows.put(piece)
	}
	for len(rows.open) > 0 {
		rows.close(0)
	}
	p.ready = append(p.ready, rows.ready...)
}

// drop takes back the memory of the first rows, which were handed out.
func (p *packer) drop(rows int) {
	p.spare = append(p.spare, p.ready[:rows]...)
	p.ready = append(p.ready[:0], p.ready[rows:]...)
}

// refs names what waits in the rows; they share one piece of memory.
func (p *packer) refs() (ready, open [][]Ref) {
	n := 0
	for _, pieces := range p.ready {
		n += len(pieces)
	}
	for _, r := range p.open {
		n += len(p.held[r.held])
	}
	room, rows := make([]Ref, 0, n), make([][]Ref, 0, len(p.ready)+len(p.open))
	add := func(pieces []Piece) {
		from := len(room)
		for _, q := range pieces {
			room = append(room, Ref{At: q.at, Part: q.Offset / p.way.Tokens})
		}
		rows = append(rows, room[from:len(room):len(room)])
	}
	for _, pieces := range p.ready {
		add(pieces)
	}
	for _, r := range p.open {
		add(p.held[r.held])
	}
	n = len(p.ready)
	return rows[:n:n], rows[n:]
}

func oldest(pieces []Piece) int64 {
	at := pieces[0].at
	for _, p := range pieces {
		at = min(at, p.at)
	}
	return at
}
