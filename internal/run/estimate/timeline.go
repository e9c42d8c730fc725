package estimate

import "math"

// timeline turns places and their times into plain steps and pauses.
type timeline struct {
	shape  *shape // seconds per step that history expects; nil = 1 each
	blocks blocks
	pauses map[string]*pauses

	seen  bool // a place was told
	warm  bool // the first step is over: what follows counts
	first float64
	start float64 // seconds until the first step was done
	last  float64 // place
	lastT float64 // its time, seconds since the start

	behind    int             // places told in a row that were not beyond last
	marks     map[string]bool // what happened since the last place
	epoch     int
	lastKind  string    // of the last interval
	intervals ring      // durations of the newest intervals between places
	perStep   ring      // their seconds per step
	stepsOf   ring      // their steps
	curve     curve     // plain seconds over place, for the record
	warmFrom  float64   // place after a cold first epoch, 0 if there was none
	oddPauses int       // pauses too long to be extrapolated: a machine that slept
	oddCost   float64   // seconds of the last of them
	changes   []float64 // logarithms of the changes of speed, the newest 16; that from a cold to a warm epoch apart
}

// ring keeps the newest values.
type ring struct {
	v [24]float64
	n int
}

func (r *ring) add(x float64) { r.v[r.n%len(r.v)] = x; r.n++ }
func (r *ring) values() []float64 {
	return r.v[:min(r.n, len(r.v))]
}
func (r *ring) sum() (s float64) {
	for _, x := range r.values() {
		s += x
	}
	return s
}

// sameMoment is the time, in seconds, within which places were told at once: a
// program's buffer was written out, or a log is read after the fact.
const sameMoment = 0.002

// maxBehind is how many places in a row may lie before the last one, as when
// several ranks print, each at its own pace, before they are believed.
const maxBehind = 32

// mark notes that a pause of this kind happened since the last place.
func (l *timeline) mark(kind string) {
	if l.marks == nil {
		l.marks = map[string]bool{}
	}
	l.marks[kind] = true
}

// move takes the place pos at time t, in the given epoch. It returns a change of
// speed if this revealed one.
func (l *timeline) move(t, pos float64, epoch int) *change {
	if !l.seen {
		l.seen, l.first, l.last, l.lastT, l.epoch = true, pos, pos, t, epoch
		l.start = t
		l.warm = pos > 0 && pos < 1e15 && epoch <= 1 && pos <= 200
		return nil
	}
	dn, dt := pos-l.last, t-l.lastT
	if dn <= 0 {
		if l.behind++; dn < 0 && (l.behind >= maxBehind || dn < -100) { // counted again from an earlier place
			l.last, l.lastT, l.epoch, l.behind = pos, t, epoch, 0
			clear(l.marks)
		}
		return nil
	}
	l.behind = 0
	if l.warm && dt < sameMoment {
		l.extend(dn, pos)
		return nil
	}
	newEpoch := epoch != l.epoch
	l.last, l.lastT, l.epoch = pos, t, epoch
	if !l.warm { // the first step, with compilation in it, is charged to the start
		l.warm, l.start = true, t
		clear(l.marks)
		return nil
	}
	return l.interval(t, dt, dn, pos, epoch, newEpoch)
}

func (l *timeline) interval(t, dt, dn, pos float64, epoch int, newEpoch bool) *change {
	w := l.weight(pos-dn, pos)
	kind := l.kindOf(dt, dn, w, newEpoch)
	clear(l.marks)
	l.lastKind = kind
	cost, n := l.blocks.mean()
	if kind != "" && (n > 0 || cost > 0) {
		excess := max(0, dt-w*cost)
		if kind == gap && l.isOdd(t, excess) {
			l.oddPauses++
			l.oddCost = excess
		} else {
			l.pause(kind).add(pos, excess)
		}
		l.curve.add(pos, w*cost)
		return nil
	}
	l.intervals.add(dt)
	l.perStep.add(dt / dn)
	l.stepsOf.add(dn)
	l.curve.add(pos, dt)
	return l.blocks.add(block{pos: pos, weight: w, seconds: dt, at: t, epoch: epoch})
}

// extend moves to pos at the time of the last place: these steps were done in the
// interval that ended there.
func (l *timeline) extend(dn, pos float64) {
	l.last = pos
	w := l.weight(pos-dn, pos)
	cost, _ := l.blocks.mean()
	switch q := l.pauses[l.lastKind]; {
	case q != nil && len(q.cost) > 0:
		last := &q.cost[len(q.cost)-1]
		*last = max(0, *last-w*cost)
		l.curve.add(pos, w*cost)
	case l.lastKind == "" && l.stepsOf.n > 0:
		i := (l.stepsOf.n - 1) % len(l.stepsOf.v)
		l.stepsOf.v[i] += dn
		l.perStep.v[i] = l.intervals.v[i] / l.stepsOf.v[i]
		l.blocks.extend(w)
		l.curve.add(pos, 0)
	}
}

// weight is what the steps from a to b count for, see block.
func (l *timeline) weight(a, b float64) float64 {
	if l.shape == nil {
		return b - a
	}
	return l.shape.seconds(a, b)
}

// kindOf says what pause an interval holds, "" for none. Without any mark a gap
// is told from a slow step by the spread of the newest intervals.
func (l *timeline) kindOf(dt, dn, w float64, newEpoch bool) string {
	switch {
	case newEpoch:
		return atEpoch
	case l.marks[validating]:
		return validating
	case l.marks[saving]:
		return saving
	}
	per := l.perStep.values()
	if len(per) < 8 {
		return ""
	}
	if mean := l.perStep.sum() / float64(len(per)); dt < 1.1*mean*dn {
		return "" // spares the medians for nearly all intervals
	}
	m := median(per)
	dev := make([]float64, len(per))
	for i, x := range per {
		dev[i] = math.Abs(x - m)
	}
	sigma := max(1.4826*median(dev), 0.02*m) // per step, over the newest intervals
	lumps := median(l.stepsOf.values())
	if lumps > 0 && dn < lumps { // shorter intervals scatter more
		sigma *= math.Sqrt(lumps / dn)
	}
	excess := dt/dn - m
	if excess > 8*sigma && excess*dn > 2*m && dt > 2*median(l.intervals.values())*min(1, dn/lumps) {
		return gap
	}
	return ""
}

// isOdd reports whether a pause without a cause is of a size that says nothing
// about the rest of the run: a machine that slept, a process that was stopped.
func (l *timeline) isOdd(t, cost float64) bool {
	p := l.pauses[gap]
	if p != nil && p.n > 0 && cost < 4*maxOf(p.cost) {
		return false
	}
	return cost > 600 && cost > 0.25*(t-l.start)
}

func maxOf(x []float64) float64 {
	var m float64
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

func (l *timeline) pause(kind string) *pauses {
	if l.pauses == nil {
		l.pauses = map[string]*pauses{}
	}
	p := l.pauses[kind]
	if p == nil {
		p = &pauses{}
		l.pauses[kind] = p
	}
	return p
}

// rate is the number of steps a second over the newest plain intervals.
func (l *timeline) rate() float64 {
	if s := l.intervals.sum(); s > 0 {
		return l.stepsOf.sum() / s
	}
	return 0
}

// beat is how long the newest intervals between two places last.
func (l *timeline) beat() float64 {
	v := l.intervals.values()
	if len(v) == 0 {
		return 0
	}
	return median(v)
}

// curve samples the plain seconds spent against the place reached, with at most
// maxCurve points.
type curve struct {
	pos, sec []float64 // increasing
	total    float64
	stride   float64
}

const maxCurve = 512

func (c *curve) add(pos, seconds float64) {
	c.total += seconds
	if n := len(c.pos); n > 0 && pos < c.pos[n-1]+c.stride {
		return
	}
	c.pos = append(c.pos, pos)
	c.sec = append(c.sec, c.total)
	if len(c.pos) < maxCurve {
		return
	}
	for i := range maxCurve / 2 {
		c.pos[i], c.sec[i] = c.pos[2*i+1], c.sec[2*i+1]
	}
	c.pos, c.sec = c.pos[:maxCurve/2], c.sec[:maxCurve/2]
	c.stride = (c.pos[maxCurve/2-1] - c.pos[0]) / (maxCurve / 2)
}

// secondsAt interpolates the seconds spent when the place was reached; ok is
// false outside the sampled range.
func (c *curve) secondsAt(pos float64) (s float64, ok bool) {
	n := len(c.pos)
	if n < 2 || pos < c.pos[0]-1e-9 || pos > c.pos[n-1]+1e-9 {
		return 0, false
	}
	i := 1
	for i < n-1 && c.pos[i] < pos {
		i++
	}
	f := (pos - c.pos[i-1]) / (c.pos[i] - c.pos[i-1])
	return c.sec[i-1] + f*(c.sec[i]-c.sec[i-1]), true
}

// trend extrapolates: by how much, relative, the steps from done to total would
// be slower than the last ones if the change over the run so far went on, and
// whether that change was steady (a curriculum, growing sequences) and not a jump.
// The first quarter and the first epoch are left out, since caches warm up there.
func (c *curve) trend(done, total, perEpoch float64) (ahead float64, steady bool) {
	n := len(c.pos)
	if n < 24 || total <= done {
		return 0, false
	}
	a, b := c.pos[n/4], c.pos[n-1]
	if a < perEpoch {
		a = min(perEpoch, c.pos[n/2])
	}
	third := (b - a) / 3
	c1, c2, c3 := c.perStep(a, a+third), c.perStep(a+third, b-third), c.perStep(b-third, b)
	if c1 <= 0 || c2 <= 0 || c3 <= 0 {
		return 0, false
	}
	d1, d2 := c2/c1-1, c3/c2-1
	slope := (c3/c1 - 1) / (2 * third) // per step
	ahead = slope * ((total-done)/2 + third/2)
	small, large := min(math.Abs(d1), math.Abs(d2)), max(math.Abs(d1), math.Abs(d2))
	return max(-0.5, min(ahead, 0.5)), d1*d2 > 0 && small > minTrend && small > 0.6*large
}

// minTrend is the least relative change from one third of the run so far to the
// next that can be a trend.
const minTrend = 0.02
