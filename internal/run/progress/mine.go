package progress

// Template mining: output of no known format is grouped by its mask; a group
// whose some integer column only grows, by lines that keep coming, is taken as
// the run's counter and labelled a guess. The idea is log template mining
// (Drain, ICWS 2017) cut down to what a counter needs.

const (
	maxTemplates = 128
	minSeen      = 5  // lines of one template before a guess is offered
	retryUnknown = 64 // a template without format is tried again this often
)

// template is what is known of one group of lines.
type template struct {
	seen   int64
	n      int
	last   [maxColumns]int64
	grows  [maxColumns]bool // never went down and was seen to go up
	fell   [maxColumns]int  // times it went down
	fixed  [maxColumns]bool // never changed
	used   int64            // clock of the last line, for eviction
	misses int64            // times no format recognised it
}

type miner struct {
	groups map[uint64]*template
	clock  int64
	chosen uint64 // hash of the template that counts; 0 = none
}

func newMiner() *miner { return &miner{groups: make(map[uint64]*template, maxTemplates)} }

// knownUnknown reports whether lines of this mask need not be tried against the
// formats again: they were, in vain, and it is not time for another try.
func (mi *miner) knownUnknown(hash uint64) bool {
	t := mi.groups[hash]
	if t == nil || t.misses == 0 {
		return false
	}
	t.misses++
	return t.misses%retryUnknown != 0
}

// unrecognised notes that no format knows lines of this mask.
func (mi *miner) unrecognised(hash uint64) { mi.group(hash).misses++ }

func (mi *miner) group(hash uint64) *template {
	mi.clock++
	t := mi.groups[hash]
	if t == nil {
		if len(mi.groups) >= maxTemplates {
			mi.evict()
		}
		t = &template{}
		mi.groups[hash] = t
	}
	t.used = mi.clock
	return t
}

// evict removes the template whose seen count is lowest, the longest unused of
// these.
func (mi *miner) evict() {
	var worst uint64
	var w *template
	for h, t := range mi.groups {
		if h != mi.chosen && (w == nil || t.seen < w.seen || t.seen == w.seen && (t.used < w.used || t.used == w.used && h < worst)) {
			worst, w = h, t
		}
	}
	delete(mi.groups, worst)
}

// observe adds one line and returns a guessed counter, if its template is the
// best one so far.
func (mi *miner) observe(m mask, b []byte) (Event, bool) {
	t := mi.group(m.hash)
	t.add(m)
	col := t.counter()
	if col < 0 || t.seen < minSeen {
		return Event{}, false
	}
	if mi.chosen != m.hash {
		c := mi.groups[mi.chosen]
		if c != nil && c.counter() >= 0 && c.seen*4 >= t.seen*3 {
			return Event{}, false // keep to the first unless another is clearly more frequent
		}
		mi.chosen = m.hash
	}
	e := Event{Kind: Step, Step: m.ints[col], Source: "mined", Guess: true, Bar: "mined"}
	if tot := t.total(m, col); tot > 0 {
		e.Steps = tot
	}
	return e, true
}

func (t *template) add(m mask) {
	n := min(m.n, maxColumns)
	if t.seen == 0 || n != t.n {
		*t = template{n: n, last: m.ints, used: t.used, misses: t.misses, seen: 1}
		for i := range n {
			t.fixed[i] = true
		}
		return
	}
	t.seen++
	for i := range n {
		switch d := m.ints[i] - t.last[i]; {
		case d < 0:
			t.grows[i], t.fixed[i] = false, false
			t.fell[i]++
		case d > 0:
			if t.fell[i] == 0 {
				t.grows[i] = true
			}
			t.fixed[i] = false
		}
	}
	t.last = m.ints
}

// counter returns the column that only grows, or -1. Among several the last one
// wins where an earlier one is an epoch (it grows rarely); clock-like columns
// fall back to 0 and so drop out by themselves.
func (t *template) counter() int {
	for i := range t.n {
		if t.grows[i] {
			return i
		}
	}
	return -1
}

// total returns the fixed column next to the counter that it counts towards.
func (t *template) total(m mask, col int) int64 {
	if col+1 < t.n && t.fixed[col+1] && m.ints[col+1] >= m.ints[col] && m.ints[col+1] > 1 {
		return m.ints[col+1]
	}
	return 0
}
