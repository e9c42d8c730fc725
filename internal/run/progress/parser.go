package progress

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"stoker/internal/errs"
)

// Options tells a Parser what the user knows better.
type Options struct {
	// Total is the number of steps of the whole run (--total). 0 = unknown.
	Total int64
	// Epochs is the number of epochs, where known (--epochs, argv). 0 = unknown.
	Epochs int
	// Pattern is a regular expression that is tried before all known formats
	// (--pattern). Its named groups are taken: step, steps (or total), epoch,
	// epochs, percent, phase, and any other name as a metric ("loss", "lr").
	Pattern string
}

// Validate reports a Pattern that does not compile or names no counter.
func (o Options) Validate() error {
	if o.Total < 0 || o.Epochs < 0 {
		return errs.New(errs.Invalid, "a total of %d steps and %d epochs: neither may be negative", o.Total, o.Epochs)
	}
	if o.Pattern == "" {
		return nil
	}
	_, err := compileUser(o.Pattern)
	return err
}

// Limits of one Parser. Together with the scanner's they bound its memory to
// about 200 KiB whatever the input.
const (
	maxLine = 4096 // bytes of one line that are looked at; the rest is dropped
	// A line costs 2 to 25 microseconds to look at. More than repeatRate lines of
	// one print statement a second tell nothing new to a person: the excess is
	// passed over, but for the last one, which is looked at when there is room or
	// nothing comes. Lines of a print statement that was silent for a second are
	// looked at up to anyRate. A program that prints 1,000 lines a second costs
	// about 0.2 % of a core (BenchmarkThousandLines).
	repeatRate = 100
	anyRate    = 1000
	burst      = 2 // seconds' worth of either that may come at once
)

// Parser turns the bytes that a program writes to its terminal into events. It
// is not safe for concurrent use.
type Parser struct {
	scan  scanner
	user  *userPattern
	ctx   context
	mined *miner

	line     []byte    // current line, at most maxLine bytes
	lineAt   time.Time // arrival of its last byte
	fresh    bool      // line holds text that was not looked at
	replaced bool      // the next text replaces line
	passed   []byte    // the last line that was passed over for want of budget
	passedAt time.Time
	passedOf uint64 // its mask

	now    time.Time
	repeat bucket
	any    bucket
	recent [256]lookedAt // by the mask's low bits
	out    []Event
	stats  Stats
}

// lookedAt is when a line of some mask was looked at last.
type lookedAt struct {
	hash uint64
	at   time.Time
}

// bucket is a token bucket.
type bucket struct {
	tokens, rate float64
	filled       time.Time
}

func (b *bucket) fill(now time.Time) {
	if d := now.Sub(b.filled).Seconds(); d > 0 {
		b.tokens = min(burst*b.rate, b.tokens+d*b.rate)
		b.filled = now
	}
}

func (b *bucket) take() bool {
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// Stats counts what a Parser has seen.
type Stats struct {
	Bytes  int64            // fed
	Lines  int64            // complete lines and overwritten states of lines
	Passed int64            // of these, not looked at because they came too fast
	Events int64            // returned
	ByID   map[string]int64 // events by format id
}

// NewParser returns a Parser. Invalid options (see Validate) are treated as
// absent.
func NewParser(o Options) *Parser {
	p := &Parser{mined: newMiner(), repeat: bucket{rate: repeatRate}, any: bucket{rate: anyRate}, stats: Stats{ByID: map[string]int64{}}}
	if o.Pattern != "" {
		p.user, _ = compileUser(o.Pattern)
	}
	p.ctx.epochs = max(o.Epochs, 0)
	p.ctx.total = max(o.Total, 0)
	return p
}

// Stats returns what p has seen so far. The map is p's own: read it before the
// next call.
func (p *Parser) Stats() Stats { return p.stats }

// Feed takes the bytes that arrived at now, split anywhere, and returns the
// events they complete. A line counts as complete when it is ended or replaced,
// or at the end of raw when it is a bar that shows its own end. The returned
// slice is valid until the next call.
func (p *Parser) Feed(now time.Time, raw []byte) []Event {
	p.begin(now)
	p.stats.Bytes += int64(len(raw))
	if len(p.passed) > 0 && p.repeat.take() {
		p.lookAtPassed()
	}
	p.scan.feed(raw, p)
	if p.fresh && closesItself(p.line) {
		p.endLine()
	}
	return p.out
}

// Idle tells p that nothing has come for a moment (50 ms or more): an unfinished
// line is taken as it stands. Bars that end in neither \r nor \n need it.
// Events carry the time at which their line came, not now.
func (p *Parser) Idle(now time.Time) []Event {
	p.begin(now)
	p.lookAtPassed()
	if p.fresh {
		p.fresh = false
		p.stats.Lines++
		m := maskLine(p.line)
		if m.digits > 0 || mayMatterWithoutDigits(p.line) {
			p.lookAt(p.line, m, p.lineAt)
		}
	}
	return p.out
}

func (p *Parser) begin(now time.Time) {
	p.now = now
	p.out = p.out[:0]
	p.repeat.fill(now)
	p.any.fill(now)
}

// closesItself reports whether a line ends as complete bars do: tqdm's bracket.
func closesItself(line []byte) bool {
	return len(line) > 2 && line[len(line)-1] == ']' && strings.Contains(string(line[max(0, len(line)-400):]), "%|")
}

func (p *Parser) text(b []byte) {
	if p.replaced {
		p.replaced = false
		p.line = p.line[:0]
	}
	if room := maxLine - len(p.line); len(b) > room {
		b = b[:room]
	}
	p.line = append(p.line, b...)
	p.lineAt = p.now
	p.fresh = true
}

func (p *Parser) cr() {
	p.endLine()
	p.replaced = true
}

func (p *Parser) lf() {
	p.endLine()
	p.line = p.line[:0]
	p.replaced = false
}

func (p *Parser) up(int) { p.lf() }

func (p *Parser) back() {
	p.endLine()
	_, n := utf8.DecodeLastRune(p.line)
	p.line = p.line[:len(p.line)-n]
}

func (p *Parser) osc(b []byte) {
	if e, ok := p.ctx.osc(b); ok {
		e.Time = p.now
		p.emit(e)
	}
}

// endLine looks at the line as it stands, if it has new text and the budget
// allows; else it is remembered as the last one passed over.
func (p *Parser) endLine() {
	if !p.fresh {
		return
	}
	p.fresh = false
	p.stats.Lines++
	if p.repeat.tokens < 1 && sameShape(p.passed, p.line) { // a flood: spare the hash
		p.stats.Passed++
		copy(p.passed, p.line)
		p.passedAt = p.lineAt
		return
	}
	m := maskLine(p.line)
	switch {
	case m.digits == 0 && !mayMatterWithoutDigits(p.line):
	case !p.allowed(m.hash):
		p.stats.Passed++
		p.passed = append(p.passed[:0], p.line...)
		p.passedAt, p.passedOf = p.lineAt, m.hash
	default:
		if p.passedOf == m.hash {
			p.passed = p.passed[:0] // superseded
		}
		p.lookAtPassed()
		p.lookAt(p.line, m, p.lineAt)
	}
}

// allowed reports whether there is budget for a line of this mask.
func (p *Parser) allowed(hash uint64) bool {
	r := &p.recent[hash%uint64(len(p.recent))]
	if r.hash == hash && p.now.Sub(r.at) < time.Second {
		return p.repeat.take()
	}
	if !p.any.take() {
		return false
	}
	r.hash, r.at = hash, p.now
	return true
}

func (p *Parser) lookAtPassed() {
	if len(p.passed) == 0 {
		return
	}
	b := p.passed
	p.lookAt(b, maskLine(b), p.passedAt)
	p.passed = b[:0]
}

// lookAt recognises one line and emits what it says.
func (p *Parser) lookAt(b []byte, m mask, at time.Time) {
	if p.user == nil && p.mined.knownUnknown(m.hash) {
		p.guess(m, b, at)
		return
	}
	line := strings.TrimRight(string(b), " \t")
	if p.user != nil {
		if e, ok := p.user.match(line); ok {
			e.Time = at
			p.emit(e)
			return
		}
	}
	for range 4 { // a bar may be followed by text of another line: see tqdm
		e, rest, ok := p.recognise(line)
		if ok {
			e.Time = at
			p.emit(e)
		}
		if rest == "" {
			if !ok {
				p.mined.unrecognised(m.hash)
				p.guess(m, b, at)
			}
			return
		}
		line = rest
	}
}

// recognise tries the known formats in order. rest is text behind a bar that
// belongs to another line.
func (p *Parser) recognise(line string) (e Event, rest string, ok bool) {
	for i := range formats {
		f := &formats[i]
		if !f.mayMatch(line) {
			continue
		}
		if e, rest, ok = f.take(line, &p.ctx); ok {
			if e.Source == "" {
				e.Source = f.id
			}
			return e, rest, true
		}
	}
	return Event{}, "", false
}

// guess offers a line of no known format to template mining.
func (p *Parser) guess(m mask, b []byte, at time.Time) {
	if p.ctx.sure {
		return // a known format counts already: a guess would only disturb
	}
	if e, ok := p.mined.observe(m, b); ok {
		e.Time = at
		p.emit(e)
	}
}

func (p *Parser) emit(e Event) {
	p.ctx.refine(&e)
	p.stats.Events++
	p.stats.ByID[e.Source]++
	p.out = append(p.out, e)
}

// userPattern is a compiled --pattern.
type userPattern struct{ re *regexp.Regexp }

func compileUser(s string) (*userPattern, error) {
	re, err := regexp.Compile(s)
	if err != nil {
		return nil, errs.New(errs.Invalid, "pattern %q: %w", s, err).
			WithHint("use a regular expression with named groups, for instance 'step (?P<step>[0-9]+) of (?P<steps>[0-9]+)'")
	}
	for _, n := range re.SubexpNames() {
		if n == "step" || n == "percent" || n == "epoch" {
			return &userPattern{re}, nil
		}
	}
	return nil, errs.New(errs.Invalid, "pattern %q names no counter", s).
		WithHint("name one group step, epoch or percent: (?P<step>[0-9]+)")
}

func (u *userPattern) match(line string) (Event, bool) {
	g := u.re.FindStringSubmatch(line)
	if g == nil {
		return Event{}, false
	}
	e := Event{Kind: Step, Source: "pattern", Scope: ScopeUnknown}
	counted := false
	for i, name := range u.re.SubexpNames() {
		if g[i] == "" {
			continue
		}
		switch name {
		case "":
		case "step":
			e.Step, counted = count(g[i]), true
		case "steps", "total":
			e.Steps = count(g[i])
		case "percent":
			f, ok := number(g[i])
			if ok && e.Steps == 0 {
				e.Step, e.Steps, e.Unit, counted = int64(f*10), 1000, "%", true
			}
		case "epoch":
			e.Epoch = int(count(g[i]))
		case "epochs":
			e.Epochs = int(count(g[i]))
		case "phase":
			e.Phase = phaseOf(g[i])
		default:
			e.addMetric(name, g[i])
		}
	}
	if !counted {
		e.Kind = Epoch
	}
	return e, true
}
