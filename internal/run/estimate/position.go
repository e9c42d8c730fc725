package estimate

import (
	"strings"

	"stoker/internal/run/progress"
)

// position finds, among all counters on the screen, the one that stands for the
// run, and turns it into a place on one axis: units (nearly always steps) from 0
// to total over the whole run.
type position struct {
	main  string // source and bar of the chosen counter
	rank  int
	scope progress.Scope
	guess bool

	source, unit  string
	step, steps   int64 // as printed: within an epoch, or of the run
	epoch, epochs int   // from 1; 0 = unknown
	firstEpoch    int
	userTotal     int64
	bannerTotal   int64
	userEpochs    int
	last          *Record // of an earlier run, for what this one does not tell; or nil
	seenReset     bool
	idle          map[string]int // moves of other counters since the chosen one moved
}

// epochMain is the name of the counter that lines about epochs form when no
// counter of steps is known.
const epochMain = "epochs"

// Ranks of counters: a better one replaces a worse one.
const (
	rankEpochs = 1
	rankGuess  = 2
	rankOpen   = 4 // no total
	rankFull   = 8
	rankTold   = 16 // the user's own pattern
)

// observe takes one event. moved says that the position may have changed, reset
// that the axis is a new one and everything measured on the old one is void.
func (p *position) observe(e *progress.Event) (moved, reset bool) {
	switch e.Kind {
	case progress.Banner:
		if e.Steps > 0 {
			p.bannerTotal = e.Steps
		}
		p.setEpochs(e.Epochs)
		return true, false
	case progress.Epoch:
		return p.epochEvent(e)
	case progress.Metric:
		return p.partEvent(e)
	case progress.Step:
		return p.stepEvent(e)
	}
	return false, false
}

func (p *position) setEpochs(n int) {
	if p.userEpochs > 0 {
		p.epochs = p.userEpochs
	} else if n > 0 {
		p.epochs = n
	}
}

func (p *position) epochEvent(e *progress.Event) (moved, reset bool) {
	p.setEpochs(e.Epochs)
	if p.rank > rankEpochs {
		if e.Epoch > p.epoch && !e.Done && p.scope == progress.ScopeEpoch {
			p.enter(e.Epoch, 0)
			p.step = 0
		}
		return false, false
	}
	reset = p.main != epochMain
	p.main, p.rank, p.source, p.unit, p.guess = epochMain, rankEpochs, e.Source, "epoch", e.Guess
	p.scope = progress.ScopeRun
	done := e.Epoch
	if !e.Done && done > 0 {
		done--
	}
	p.epoch, p.step, p.steps = e.Epoch, int64(done), int64(p.epochs)
	if p.firstEpoch == 0 {
		p.firstEpoch = e.Epoch
	}
	return true, reset
}

// partScale makes fractional epochs, as Hugging Face's logs print them, into a
// counter when there is no other.
const partScale = 10000

func (p *position) partEvent(e *progress.Event) (moved, reset bool) {
	if e.EpochPart <= 0 || p.rank > rankEpochs || p.epochs == 0 && p.userEpochs == 0 {
		return false, false
	}
	reset = p.main != "part"
	p.main, p.source, p.unit, p.scope, p.rank = "part", e.Source, "epoch", progress.ScopeRun, rankEpochs
	p.step, p.steps = int64(e.EpochPart*partScale), int64(p.epochs)*partScale
	p.epoch = int(e.EpochPart) + 1
	return true, reset
}

func (p *position) stepEvent(e *progress.Event) (moved, reset bool) {
	if e.Phase != "" && e.Phase != progress.Train {
		return false, false
	}
	key := family(e.Source) + "\x00" + e.Bar
	rank := p.rankOf(e)
	if key != p.main {
		if !p.shouldSwitch(key, rank, e) {
			return false, false
		}
		reset = p.main != ""
		*p = position{main: key, rank: rank, epochs: p.epochs, epoch: e.Epoch, userTotal: p.userTotal,
			bannerTotal: p.bannerTotal, userEpochs: p.userEpochs, last: p.last}
	}
	clear(p.idle)
	p.rank, p.source, p.unit, p.guess = max(rank, p.rank), e.Source, e.Unit, e.Guess
	p.follow(e)
	return true, reset
}

// family joins the formats of one framework whose counters are one and the same:
// a bar that gets its total in the second epoch only.
func family(source string) string {
	head, _, _ := strings.Cut(source, "_")
	return strings.TrimRight(head, "0123456789")
}

func (p *position) rankOf(e *progress.Event) int {
	switch {
	case e.Source == "pattern":
		return rankTold
	case e.Guess:
		return rankGuess
	case e.Source == "generic" || e.Unit == "%":
		if e.Steps > 0 {
			return rankFull - 2
		}
		return rankOpen - 1
	case e.Steps > 0 || e.Scope == progress.ScopeRun && p.bannerTotal+p.userTotal > 0:
		return rankFull
	}
	return rankOpen
}

// shouldSwitch decides whether another counter takes over: a better one at once;
// an equal one when the chosen one is full, or has not moved while the other did
// three times; a coarser one that has a total when the chosen one is full.
func (p *position) shouldSwitch(key string, rank int, e *progress.Event) bool {
	if p.main == "" || rank > p.rank {
		return true
	}
	if p.idle == nil {
		p.idle = map[string]int{}
	}
	if len(p.idle) < 64 || p.idle[key] > 0 {
		p.idle[key]++
	}
	full := p.steps > 0 && p.step >= p.steps && (p.scope == progress.ScopeRun || p.epochs <= 1)
	if full && rank < p.rank && rank >= rankFull-2 && p.rank != rankTold && p.idle[key] >= 3 {
		return true // the next stage of the program shows a coarser counter, such as a percentage
	}
	return rank == p.rank && p.idle[key] >= 3 && (full || p.scope != progress.ScopeRun && p.idle[key] >= 50) ||
		rank == p.rank && full && e.Step <= 1 && p.unit != "epoch"
}

// follow moves along the chosen counter.
func (p *position) follow(e *progress.Event) {
	p.setEpochs(e.Epochs)
	if e.Scope != progress.ScopeUnknown && !p.seenReset {
		p.scope = e.Scope
	}
	if p.scope == progress.ScopeUnknown && e.Epoch > 0 {
		p.scope = progress.ScopeEpoch
	}
	fell := e.Step < p.step
	switch {
	case p.scope == progress.ScopeRun:
		p.epoch = max(p.epoch, e.Epoch)
	case e.Epoch > 0:
		p.enter(e.Epoch, e.Step)
	case fell && e.Step*2 < p.step: // a counter that starts again counts an epoch
		p.seenReset = true
		p.scope = progress.ScopeEpoch
		p.enter(max(p.epoch, 1)+1, e.Step)
	case p.scope == progress.ScopeEpoch && p.epoch == 0:
		p.enter(1, e.Step)
	}
	p.step = e.Step
	if e.Steps > 0 {
		p.steps = e.Steps
	}
}

// enter notes that an epoch runs. Without a printed total the last step of the
// epoch before is the number of its steps; a counter that does not start again
// when the epoch changes counts over the run.
func (p *position) enter(epoch int, step int64) {
	if p.firstEpoch == 0 {
		p.firstEpoch = epoch
	}
	if epoch > p.epoch && p.epoch > 0 {
		if step > p.step && p.steps > 0 && p.step < p.steps && !p.seenReset {
			p.scope = progress.ScopeRun
		} else if p.steps == 0 {
			p.steps = p.step
		}
	}
	p.epoch = epoch
}

// perEpoch is the number of steps in an epoch; 0 = unknown or no epochs.
func (p *position) perEpoch() int64 {
	switch {
	case p.main == epochMain:
		return 1
	case p.scope == progress.ScopeEpoch:
		return p.steps
	case p.epochs > 0 && p.epoch > 0 && p.steps > 0: // the script does tell its epochs
		return p.steps / int64(p.epochs)
	}
	return 0
}

// at returns the place on the run's axis.
func (p *position) at() float64 {
	if p.scope == progress.ScopeEpoch && p.epoch > 1 && p.steps > 0 {
		return float64(p.epoch-1)*float64(p.steps) + float64(p.step)
	}
	return float64(p.step)
}

// total returns the end of the axis; 0 = unknown.
func (p *position) total() float64 {
	if p.userTotal > 0 && p.unit != "%" && p.main != epochMain {
		return float64(p.userTotal)
	}
	if p.scope == progress.ScopeEpoch {
		return float64(p.runEpochs()) * float64(p.steps)
	}
	switch {
	case p.steps > 0 || p.main == epochMain && p.runEpochs() == 0:
		return float64(p.steps)
	case p.main == epochMain:
		return float64(p.runEpochs())
	case p.bannerTotal > 0:
		return float64(p.bannerTotal)
	case p.asBefore():
		return float64(p.last.Steps)
	}
	return 0
}

// runEpochs is the number of epochs, as told or else as in the last run.
func (p *position) runEpochs() int {
	if p.epochs == 0 && p.asBefore() {
		return p.last.Epochs
	}
	return p.epochs
}

// asBefore reports whether an earlier run counted in the same way.
func (p *position) asBefore() bool {
	return p.last != nil && family(p.last.Source) == family(p.source)
}

// borrowed reports whether the length of the run is that of the last one.
func (p *position) borrowed() bool {
	return p.asBefore() && (p.scope == progress.ScopeEpoch || p.main == epochMain) && p.epochs == 0 && p.last.Epochs > 0 ||
		p.asBefore() && p.scope != progress.ScopeEpoch && p.steps == 0 && p.bannerTotal == 0 && p.userTotal == 0
}
