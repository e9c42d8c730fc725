package progress

import (
	"bytes"
	"io"
	"time"
	"unicode/utf8"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bar is the screen of a terminal. It stands on mpb, which is the best kept of
// the Go progress bars: it asks the terminal for its size at every frame, so a
// resized window is right at once, writes a frame with one system call, prints
// lines above a living bar, and works on Windows. The text of the line is ours,
// because mpb cuts off what does not fit where we drop the least needed parts.
type bar struct {
	container *mpb.Progress
	line      *mpb.Bar
}

// barRefresh is the time between two frames: smooth to the eye, and far below
// 0.1 % of a core.
const barRefresh = 150 * time.Millisecond

func newBar(o Options, state func() *snapshot) *bar {
	container := mpb.New(mpb.WithOutput(o.Out), mpb.WithRefreshRate(barRefresh))
	draw := drawer{filler: style(o).Build(), columns: o.Columns}
	line := container.MustAdd(1, mpb.BarFillerFunc(func(w io.Writer, st decor.Statistics) error {
		return draw.draw(w, state(), st.AvailableWidth)
	}), mpb.BarFillerTrim())
	return &bar{container: container, line: line}
}

func style(o Options) mpb.BarStyleComposer {
	s := mpb.BarStyle().Lbound("[").Filler("=").Tip(">").Padding(" ").Rbound("]")
	if o.Unicode {
		s = mpb.BarStyle().Lbound("").Filler("━").Tip("━").Padding("─").Rbound("")
	}
	if o.Color {
		green := func(text string) string { return "\x1b[32m" + text + "\x1b[0m" }
		s = s.FillerMeta(green).TipMeta(green)
	}
	return s
}

func (b *bar) say(line string) {
	_, _ = io.WriteString(b.container, line+"\n") // ErrDone after Stop: nothing is left to disturb
}

func (b *bar) close() {
	b.line.Abort(true) // true: the finished bar makes room for the command's own summary
	b.container.Wait()
}

// drawer lays out the line of a bar.
type drawer struct {
	filler  mpb.BarFiller
	columns int // most columns; 0 = all
}

const (
	barMin = 8  // a shorter bar shows nothing
	barMax = 40 // a longer one tells no more
)

// draw writes the line in less than the available columns: a line that fills
// the last one makes some terminals wrap. Parts that do not fit are dropped,
// the least needed first; the bar takes what is left.
func (d drawer) draw(w io.Writer, s *snapshot, available int) error {
	if d.columns > 0 {
		available = min(available, d.columns)
	}
	parts := s.parts()
	for parts.width() >= available && parts.dropLeast() {
	}
	room := min(available-1-parts.width()-len(gap), barMax)
	var b bytes.Buffer
	for i, p := range parts {
		if i > 0 {
			b.WriteString(gap)
		}
		b.WriteString(p.text)
		if i == 0 && s.ofItems > 0 && room >= barMin {
			b.WriteString(gap)
			st := decor.Statistics{AvailableWidth: room, Total: s.ofItems, Current: min(s.items, s.ofItems)}
			if err := d.filler.Fill(&b, st); err != nil {
				return err
			}
		}
	}
	if parts.width() >= available { // not even the first part fits
		b.Truncate(max(available-1, 0))
	}
	_, err := w.Write(b.Bytes())
	return err
}

const gap = "  "

// part is a piece of the line; the highest rank is dropped first.
type part struct {
	text string
	rank int
}

type parts []part

func (s *snapshot) parts() parts {
	p := parts{{s.verb, 0}}
	if s.unit == "" {
		return append(p, part{clock(s.elapsed), 1})
	}
	if s.ofItems > 0 {
		p = append(p, part{s.percent(), 2})
	}
	p = append(p, part{s.count("/"), 1}, part{s.speed(), 4})
	if t := s.throughput(); t != "" {
		p = append(p, part{t, 5})
	}
	p = append(p, part{clock(s.elapsed), 6})
	if s.left >= 0 {
		p = append(p, part{clock(s.left) + " left", 3})
	}
	return p
}

func (p parts) width() int {
	n := 0
	for _, x := range p {
		n += utf8.RuneCountInString(x.text) + len(gap)
	}
	return n - len(gap)
}

// dropLeast removes the part with the highest rank; false where one is left.
func (p *parts) dropLeast() bool {
	if len(*p) < 2 {
		return false
	}
	least := 0
	for i, x := range *p {
		if x.rank > (*p)[least].rank {
			least = i
		}
	}
	*p = append((*p)[:least], (*p)[least+1:]...)
	return true
}
