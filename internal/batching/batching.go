// Package batching makes batches of sequences whose lengths differ, with little
// padding and an order that stays random.
//
// A plan is a pure function of (lengths, seed, epoch, cursor, ranks). Samples
// come from the keyed order of internal/plan, a window at a time; a way to batch
// divides each window among steps, and each step among the ranks. Every rank
// plans the same steps and takes its own part, so all take equally many without
// talking. A Cursor is all the state there is, and may be resumed with another
// batch size or world size: what the interrupted plan had not handed out is
// planned again, nothing twice and nothing lost.
package batching

import (
	"math"
	"slices"

	"stoker/internal/errs"
	"stoker/internal/plan"
	"stoker/internal/rng"
)

// Piece is a sample, or a part of one where a way cuts or splits.
type Piece struct {
	Index  int64 // sample in the dataset
	Offset int32 // first token of the piece in the sample
	Length int32 // tokens
	at     int64 // position of the sample in the epoch's order
}

// Micro is what one rank computes on at once.
type Micro struct {
	Pieces []Piece
	// Width is the length that every piece is padded to, or that of a packed row.
	Width  int32
	Varlen bool // nothing is padded: Width is the sum of the lengths
	// Rows divides Pieces into packed rows: row r holds the pieces from Rows[r]
	// to Rows[r+1]. It is nil where nothing is packed.
	Rows []int32
}

// Step is what all ranks compute on before their parameters change.
type Step struct {
	Ranks   [][]Micro // by rank; all ranks have equally many micro-batches
	Samples int       // over all ranks, for losses that are means over samples
	Tokens  int64     // over all ranks, for losses that are means over tokens
}

// Geometry is what may change between runs that share a state.
type Geometry struct {
	BatchSize int `json:"batch_size"` // samples, or packed rows, of one micro-batch on one rank
	World     int `json:"world_size"` // ranks
	Micro     int `json:"micro"`      // micro-batches a rank adds up before its parameters change
}

// global returns the samples or rows of one step.
func (g Geometry) global() int { return g.BatchSize * g.World * g.Micro }

func (g Geometry) check() error {
	for _, v := range []int{g.BatchSize, g.World, g.Micro} {
		if v < 1 || v > 1<<20 {
			return errs.New(errs.Invalid, "batch size %d, world size %d and %d micro-batches: each must be 1 to %d",
				g.BatchSize, g.World, g.Micro, 1<<20)
		}
	}
	if g.BatchSize*g.World > math.MaxInt32/g.Micro {
		return errs.New(errs.Invalid, "a step of %d x %d x %d samples is too large", g.BatchSize, g.World, g.Micro)
	}
	return nil
}

// Spec describes a plan.
type Spec struct {
	Lengths []int32 // tokens of every sample, by index; not copied, not changed
	Seed    uint64
	Shuffle bool // false: the dataset's order; Grouped, Tokens and Packed then keep close to it
	Geometry
	Way Way
	// MaxTokens, above 0, bounds what is taken of a sample, and TooLong says what
	// becomes of longer ones. Packed has its own.
	MaxTokens int32
	TooLong   TooLong
	// Drop leaves out the steps of an epoch that are not full: with fewer samples,
	// or packed rows, than the geometry has. Another epoch leaves out others.
	Drop bool
}

// TooLong says what becomes of a sample that is longer than it may be.
type TooLong uint8

// The ways to treat samples that are too long.
const (
	Refuse TooLong = iota // an error before training starts
	Cut                   // keep the first tokens
	Split                 // several pieces, each a sequence of its own
)

// Way divides windows of samples among steps. The ways are Fixed, Grouped,
// Tokens, Rebalanced and Packed.
type Way interface {
	// check refuses settings that cannot work, or not with the longest piece.
	check(s *Spec, longest int32) error
	// window returns how many samples of the left ones to plan at once.
	window(g Geometry, left int64) int64
	// divide plans a window; pieces come in the epoch's order, and key is the
	// window's own. Every piece is in exactly one step.
	divide(pieces []Piece, g Geometry, key rng.Key) []Step
}

// Plan makes the steps of every epoch. It is immutable and safe for concurrent
// use; Steps iterates.
type Plan struct {
	spec    Spec
	order   *plan.Plan // of all pieces: those that begin samples, then extra
	extra   []rest     // of samples that are split
	longest int32      // piece
	total   int64      // tokens of all samples
}

// rest is a piece behind the first one of its sample.
type rest struct {
	index  int64
	offset int32
}

// New checks spec. It takes one pass over the lengths.
func New(spec Spec) (*Plan, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	p := &Plan{spec: spec}
	signs := int32(0)
	for _, n := range spec.Lengths {
		signs |= n
		p.longest = max(p.longest, n)
		p.total += int64(n)
	}
	if signs < 0 {
		i := slices.IndexFunc(spec.Lengths, func(n int32) bool { return n < 0 })
		return nil, errs.New(errs.Corrupt, "sample %d has a length of %d", i, spec.Lengths[i])
	}
	if err := p.limit(); err != nil {
		return nil, err
	}
	if err := spec.Way.check(&spec, p.longest); err != nil {
		return nil, err
	}
	if err := p.checkDrop(); err != nil {
		return nil, err
	}
	var err error
	p.order, err = plan.New(plan.Spec{Samples: int64(len(spec.Lengths) + len(p.extra)), BatchSize: 1, WorldSize: 1,
		Seed: spec.Seed, Shuffle: spec.Shuffle})
	return p, err
}

// limit applies MaxTokens.
func (p *Plan) limit() error {
	s := &p.spec
	if s.MaxTokens < 0 || s.TooLong > Split || s.MaxTokens == 0 && s.TooLong != Refuse {
		return errs.New(errs.Invalid, "sequences of at most %d tokens cannot be", s.MaxTokens)
	}
	if s.MaxTokens == 0 || p.longest <= s.MaxTokens {
		return nil
	}
	if s.TooLong == Refuse {
		i := s.longer(s.MaxTokens)
		return errs.New(errs.Invalid, "sample %d has %d tokens, at most %d are allowed", i, s.Lengths[i], s.MaxTokens).
			WithHint("choose to cut or to split what is too long")
	}
	p.longest = s.MaxTokens
	if s.TooLong == Split {
		for i, n := range s.Lengths {
			for offset := int64(s.MaxTokens); offset < int64(n); offset += int64(s.MaxTokens) {
				p.extra = append(p.extra, rest{int64(i), int32(offset)})
			}
		}
	}
	return nil
}

// checkDrop refuses what would leave out everything, or nothing.
func (p *Plan) checkDrop() error {
	s := &p.spec
	if !s.Drop {
		return nil
	}
	most := int64(len(s.Lengths) + len(p.extra))
	switch w := s.Way.(type) {
	case Tokens:
		return errs.New(errs.Unsupported, "batches of up to %d tokens have no size that a step could fall short of", w.Budget).
			WithHint("all ranks take equally many steps in any case; drop nothing")
	case Packed:
		most = p.total / max(int64(w.Tokens), 1)
	}
	if most < int64(s.global()) {
		return errs.New(errs.Invalid, "the dataset does not fill one step of %d x %d x %d (batch size x ranks x micro-batches)",
			s.BatchSize, s.World, s.Micro).WithHint("choose smaller batches, or keep the steps that are not full")
	}
	return nil
}

// longer returns the first sample of more than n tokens; there is one.
func (s *Spec) longer(n int32) int {
	return slices.IndexFunc(s.Lengths, func(length int32) bool { return length > n })
}

// Tokens returns the tokens of all samples.
func (p *Plan) Tokens() int64 { return p.total }

// Cursor is a place between two steps of an epoch.
type Cursor struct {
	Epoch    uint64 `json:"epoch"`
	Position int64  `json:"position"` // samples of the order before the current window
	Window   int64  `json:"window,omitempty"`
	// Done tells how the window was divided so far: one segment unless a resume
	// changed the geometry inside the window.
	Done []Segment `json:"done,omitempty"`
	// Ready holds rows that a Packed plan had filled but not handed out, Open
	// those that it had begun.
	Ready [][]Ref `json:"ready,omitempty"`
	Open  [][]Ref `json:"open,omitempty"`
}

// Ref names a piece by its place in the order and its ordinal in the sample.
type Ref struct {
	At   int64 `json:"at"`
	Part int32 `json:"part,omitempty"`
}

// Segment is a number of steps taken from a window with one geometry.
type Segment struct {
	Geometry
	Steps int   `json:"steps"`
	Added int64 `json:"added"` // samples by which the window grew for it
}

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

func (s *Spec) check() error {
	if s.Way == nil {
		return errs.New(errs.Invalid, "no way to batch is given")
	}
	if len(s.Lengths) == 0 {
		return errs.New(errs.Invalid, "the dataset has no samples")
	}
	return s.Geometry.check()
}

// maxSegments bounds how often the geometry may change inside one window.
const maxSegments = 64

func (p *Plan) checkCursor(c Cursor) error {
	bad := func(why string) error {
		return errs.New(errs.Invalid, "the saved place in the epoch is damaged: %s", why)
	}
	samples := p.order.Samples
	_, packed := p.spec.Way.(Packed)
	switch {
	case c.Position < 0 || c.Position > samples:
		return bad("its position lies outside the dataset")
	case c.Window < 0 || c.Window > samples-c.Position:
		return bad("its window lies outside the dataset")
	case (c.Window > 0) != (len(c.Done) > 0) || len(c.Done) > maxSegments:
		return bad("its window and the steps taken do not fit")
	case len(c.Open)+len(c.Ready) > 0 && !packed, len(c.Done) > 0 && packed:
		return bad("it belongs to another way to batch")
	}
	size := c.Window
	for _, seg := range c.Done {
		if seg.check() != nil || seg.Steps < 0 || seg.Added < 0 || seg.Added > size {
			return bad("its steps make no sense")
		}
		size -= seg.Added
	}
	return nil
}
