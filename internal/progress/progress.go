// Package progress shows how far a long command has come: a bar of one line on
// a terminal, a plain line every few seconds in a pipe or a log file, and
// nothing where the user asked for quiet or for JSON.
//
//	meter := progress.Start(progress.Detect(os.Stderr, quiet, os.Getenv))
//	defer meter.Stop()
//	meter.Phase("packing", "files", count, bytes)
//	meter.Add(1, size) // from any goroutine
//
// A Meter starts one goroutine (and mpb's, for a bar); Stop ends and waits for
// them. Counting is two atomic additions, so it may stand in a hot loop.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"
)

// Style is the way progress is shown.
type Style int

// The styles.
const (
	Silent Style = iota // nothing
	Lines               // a plain line every LineInterval
	Bar                 // a line on a terminal, redrawn in place
)

// LineInterval is the time between two plain lines: often enough to see that a
// command lives, seldom enough for the log of a job of hours.
const LineInterval = 5 * time.Second

// Options says where and how progress is shown. The zero value shows nothing.
type Options struct {
	Out     io.Writer // usually os.Stderr; a bar wants the *os.File of a terminal
	Style   Style
	Columns int  // most columns to use; 0 = as wide as the terminal
	Color   bool // colour the finished part of the bar
	Unicode bool // draw the bar with line characters instead of ASCII

	Clock func() time.Time // nil = time.Now
	Ticks <-chan time.Time // when to print a line; nil = every LineInterval
}

// Detect chooses the options for out as command line users expect: a bar only
// on a terminal that can move its cursor, no colour with NO_COLOR, COLUMNS
// before the terminal's own width. getenv is os.Getenv but in tests.
func Detect(out *os.File, quiet bool, getenv func(string) string) Options {
	o := Options{Out: out, Style: Lines}
	switch {
	case quiet:
		o.Style = Silent
	case term.IsTerminal(int(out.Fd())) && getenv("TERM") != "dumb":
		o.Style = Bar
	}
	fmt.Sscanf(getenv("COLUMNS"), "%d", &o.Columns) //nolint:errcheck // absent or no number: the terminal's width
	o.Columns = max(o.Columns, 0)
	o.Color = getenv("NO_COLOR") == ""
	o.Unicode = isUTF8(getenv)
	return o
}

// isUTF8 tells whether the locale's characters are UTF-8; the first variable
// that is set decides, as in locale(7).
func isUTF8(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToUpper(getenv(name)); v != "" {
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return false
}

// Meter counts and shows. Its methods may be called from any goroutine; a nil
// Meter counts nothing.
type Meter struct {
	opts         Options
	items, bytes atomic.Int64
	phase        atomic.Pointer[phase]
	screen       screen
	stop         func() // closes the screen, once
}

// phase is one part of a command's work, such as scanning and then packing.
type phase struct {
	verb, unit          string
	items, bytes        int64 // totals; 0 = unknown
	start               time.Time
	fromItems, fromByte int64 // counts at the start, which took no time of this phase
	rate                rate
}

// screen is where the state of a meter is shown, by a goroutine of its own.
type screen interface {
	say(line string) // a line that stays
	close()          // ends the goroutine; the cursor is at the start of a line
}

// Start begins to show. The owner calls Stop.
func Start(o Options) *Meter {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	m := &Meter{opts: o}
	m.phase.Store(&phase{start: o.Clock()})
	switch {
	case o.Out == nil || o.Style == Silent:
		m.screen = nothing{}
	case o.Style == Bar:
		m.screen = newBar(o, m.snapshot)
	default:
		m.screen = newLines(o, m.snapshot)
	}
	m.stop = sync.OnceFunc(m.screen.close)
	return m
}

// Phase begins the next part of the work and sets the counts to zero. verb is
// shown as it is ("packing"), unit names what is counted ("files"), "" nothing;
// a total of zero is unknown.
func (m *Meter) Phase(verb, unit string, items, bytes int64) {
	if m == nil {
		return
	}
	m.items.Store(0)
	m.bytes.Store(0)
	m.phase.Store(&phase{verb: verb, unit: unit, items: items, bytes: bytes, start: m.opts.Clock()})
}

// Resume says that so much of the phase was done before it began: it counts as
// done, not towards the speed.
func (m *Meter) Resume(items, bytes int64) {
	if m == nil {
		return
	}
	p := *m.phase.Load()
	p.fromItems, p.fromByte = items, bytes
	m.items.Store(items)
	m.bytes.Store(bytes)
	m.phase.Store(&p)
}

// Add counts finished work.
func (m *Meter) Add(items, bytes int64) {
	if m == nil {
		return
	}
	m.items.Add(items)
	m.bytes.Add(bytes)
}

// Say prints a line that stays, above the bar. Silent meters print nothing.
func (m *Meter) Say(format string, args ...any) {
	if m == nil {
		return
	}
	m.screen.say(fmt.Sprintf(format, args...))
}

// Stop takes the bar away and waits for the goroutines. More calls do nothing.
func (m *Meter) Stop() {
	if m != nil {
		m.stop()
	}
}

// nothing is the screen of a silent meter.
type nothing struct{}

func (nothing) say(string) {}
func (nothing) close()     {}
