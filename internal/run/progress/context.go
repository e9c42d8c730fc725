package progress

import (
	"strconv"
	"strings"
	"time"
)

// context is what earlier lines of the run told and later lines leave out: the
// running epoch, totals from banners, and which unnamed bar is which.
type context struct {
	total  int64 // steps of the run, told by the user or a banner
	epochs int
	epoch  int // running epoch from 1, as last told on a line of its own
	sure   bool
	exact  exact // see TqdmEnv

	kerasTotal int64 // steps of fit's bar, and the epoch in which it was seen
	kerasEpoch int
	derived    int64 // total that detectron2's eta implies

	zeroBased map[string]bool // formats whose epochs were seen to start at 0
	bars      map[string]*bar // counters by source and description
	order     []string        // keys of bars, oldest first
	outer     string          // key of a bar that turned out to count epochs
}

// bar is what is known of one counter on the screen.
type bar struct {
	first, last int64
	total       int64
	phase       string
	inner       bool // it counts the steps of an epoch that another bar counts
	guessed     bool // phase is a guess
	settled     bool // such a guess turned out wrong
	began       time.Time
	lasted      time.Duration // the longest pass through it
}

const maxBars = 64

// epochNumber turns a printed epoch into an ordinal from 1. Whether a script
// counts from 0 shows once it prints 0.
func (c *context) epochNumber(source string, printed int) int {
	if printed == 0 {
		if c.zeroBased == nil {
			c.zeroBased = map[string]bool{}
		}
		c.zeroBased[source] = true
	}
	if c.zeroBased[source] {
		return printed + 1
	}
	return printed
}

// epochTotal corrects a printed number of epochs. Scripts that count from 0 print
// either the number of epochs or the last index; 9, 24, 99 are last indices of
// round numbers, 10 is not.
func (c *context) epochTotal(source string, printed int) int {
	if c.zeroBased[source] && printed > 0 && (printed+1)%5 == 0 {
		return printed + 1
	}
	return printed
}

// refine completes e from the context and the context from e.
func (c *context) refine(e *Event) {
	switch e.Kind {
	case Epoch:
		c.epochLine(e)
	case Banner:
		if e.Epochs > 0 {
			c.epochs = e.Epochs
		}
		if e.Steps > 0 && c.total == 0 {
			c.total = e.Steps
		}
	case Step:
		c.stepLine(e)
	}
	if e.Phase == Validation || e.Phase == Test {
		e.evaluated()
	}
	if e.Kind == Step && !e.Guess && e.Source != "generic" && e.Phase != Start {
		c.sure = true
	}
}

func (c *context) epochLine(e *Event) {
	if e.Epochs == 0 {
		e.Epochs = c.epochs
	} else {
		c.epochs = e.Epochs
	}
	if e.Epoch > 0 {
		c.epoch = e.Epoch
	}
}

func (c *context) stepLine(e *Event) {
	if e.Bar == "" && e.Steps > 0 && e.Source == "tqdm" {
		e.Bar = "/" + strconv.FormatInt(e.Steps, 10) // unnamed bars are told apart by their total
	}
	key := e.Source + "\x00" + e.Bar
	b := c.bar(key, e)
	c.findRole(key, b, e)
	if e.Step < b.last {
		b.began = e.Time
	}
	b.last, b.total = e.Step, max(b.total, e.Steps)
	b.lasted = max(b.lasted, e.Time.Sub(b.began))
	if e.Kind == Epoch {
		return
	}
	if e.Phase == "" {
		e.Phase = b.phase
	}
	if b.inner || e.Scope == ScopeUnknown && e.Epoch > 0 {
		e.Scope = ScopeEpoch
	}
	c.stepEpoch(e)
	if e.Scope == ScopeUnknown && c.total > 0 && e.Steps == c.total {
		e.Scope = ScopeRun
	}
	if e.Scope == ScopeRun && e.Steps == 0 && e.Phase == Train {
		e.Steps = c.total
	}
}

// stepEpoch gives a step its epoch, from its own line or from an earlier one.
func (c *context) stepEpoch(e *Event) {
	switch {
	case e.Epoch > 0:
		if e.Phase == Train || e.Phase == "" {
			c.epoch = e.Epoch
		}
	case e.Scope != ScopeRun:
		e.Epoch = c.epoch
	}
	if e.Epochs == 0 && (e.Epoch > 0 || e.Scope == ScopeEpoch) {
		e.Epochs = c.epochs
	}
	if e.Epochs > 0 {
		c.epochs = e.Epochs
	}
}

func (c *context) bar(key string, e *Event) *bar {
	if b := c.bars[key]; b != nil {
		return b
	}
	if c.bars == nil {
		c.bars = map[string]*bar{}
	}
	if len(c.order) >= maxBars {
		delete(c.bars, c.order[0])
		c.order = c.order[1:]
	}
	b := &bar{first: e.Step, last: e.Step, total: e.Steps, phase: e.Phase, began: e.Time}
	c.bars[key] = b
	c.order = append(c.order, key)
	return b
}

// findRole tells unnamed bars apart. When a second bar first appears while the
// first stands still where it began, the first counts epochs and the second
// steps; when the first had moved, the second is a validation inside it.
func (c *context) findRole(key string, b *bar, e *Event) {
	if e.Source != "tqdm" && e.Source != "rich" {
		return
	}
	if c.outer == key {
		epochBar(e)
		c.epochLine(e)
		return
	}
	if b.guessed {
		c.doubt(b, e)
	}
	if e.Phase != "" || b.phase != "" || b.settled || c.outer != "" {
		return
	}
	c.compare(key, b, e)
}

// compare tells the role of a new bar from the other ones, the newest first.
func (c *context) compare(key string, b *bar, e *Event) {
	for i := len(c.order) - 1; i >= 0; i-- {
		k := c.order[i]
		o := c.bars[k]
		if k == key || !strings.HasPrefix(k, e.Source) || o.phase != "" && o.phase != Train {
			continue
		}
		if o.total > 0 && o.last >= o.total {
			if b.first <= 1 && o.first <= 1 && b.total > 0 && b.total < o.total {
				b.phase, b.guessed = Validation, true // a shorter bar after a full one
			}
			continue
		}
		if o.last == o.first && o.total > 0 && o.total <= 100000 {
			c.outer = k
			b.phase, b.inner = Train, true
			c.epoch, c.epochs = int(o.last)+1, int(o.total)
			e.Epoch, e.Epochs = c.epoch, c.epochs
		} else {
			b.phase = Validation
		}
		return
	}
}

// doubt takes back that a bar is a validation once it has run for twice as long
// as any other: it is the next stage of the program, then.
func (c *context) doubt(b *bar, e *Event) {
	for _, k := range c.order {
		if o := c.bars[k]; o != b && e.Time.Sub(b.began) <= 2*o.lasted {
			return
		}
	}
	b.phase, b.guessed, b.settled = "", false, true
}

// osc reads progress that programs tell their terminal: our own exact record
// from tqdm (see TqdmEnv) and ConEmu's "9;4;state;percent", which cargo, systemd
// and others send.
func (c *context) osc(b []byte) (Event, bool) {
	f := strings.Split(string(b), ";")
	switch {
	case len(f) == 4 && f[0] == "9" && f[1] == "4" && f[2] == "1":
		return Event{Kind: Step, Step: count(f[3]), Steps: 100, Unit: "%", Source: "osc9", Bar: "osc9"}, true
	case len(f) == 5 && f[0] == tqdmOSC && f[1] == "tqdm":
		c.noteRecord(f[2:])
	}
	return Event{}, false
}

// evaluated renames the loss of a line about an evaluation; its step times are
// not those of the training.
func (e *Event) evaluated() {
	delete(e.Metrics, "step_time")
	delete(e.Metrics, "data_time")
	if e.Source == "nanogpt_eval" {
		return // this line has both losses
	}
	if l, ok := e.Metrics["loss"]; ok {
		delete(e.Metrics, "loss")
		if _, both := e.Metrics["val_loss"]; !both {
			e.Metrics["val_loss"] = l
		}
	}
}
