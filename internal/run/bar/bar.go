// Package bar draws a run's Status as one line of text: for a terminal of any
// width, and for a pipe.
package bar

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"

	"stoker/internal/run/estimate"
)

// part is a piece of the line. Parts with the lowest weight are left out first
// when the line is too wide.
type part struct {
	text   string
	short  string // a shorter form; "" = none
	weight int
	style  style
	tight  bool // it belongs to the part before it: one blank between them
}

func (p *part) gap() string {
	if p.tight {
		return " "
	}
	return gapText
}

type style string

const (
	plain  style = ""
	bold   style = "\x1b[1m"
	dim    style = "\x1b[2m"
	cyan   style = "\x1b[36m"
	yellow style = "\x1b[33m"
	reset        = "\x1b[0m"
)

const (
	gapText  = "  "
	minGraph = 8
	maxGraph = 32
)

// Render draws s in at most width terminal cells, without a line end. With color
// it contains ANSI colours, which take no cells. A width below 1 gives "".
func Render(s estimate.Status, width int, color bool) string {
	if width < 1 {
		return ""
	}
	parts := fit(partsOf(s), width)
	for i := range parts {
		if parts[i].weight == weightGraph {
			parts[i].text = graph(s.Percent, min(maxGraph, minGraph+width-cells(parts)))
		}
	}
	return join(parts, color, width)
}

// Plain draws s for a pipe: everything that is known, in ASCII.
func Plain(s estimate.Status) string {
	parts := slices.DeleteFunc(partsOf(s), func(p part) bool { return p.weight == weightGraph })
	for i := range parts {
		parts[i].text = strings.NewReplacer("–", "-", " ", " ", "·", "").Replace(parts[i].text)
	}
	return join(parts, false, 1<<30)
}

// fit chooses, by falling weight, the parts that have room in width in their
// shorter form, then writes out as many of them as there is room for. The part
// with the highest weight always stays.
func fit(parts []part, width int) []part {
	order := make([]int, len(parts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return parts[b].weight - parts[a].weight })
	room := width + len(gapText)
	chosen := make([]bool, len(parts))
	for rank, i := range order {
		if n := runewidth.StringWidth(parts[i].shortest()) + len(parts[i].gap()); n <= room || rank == 0 {
			chosen[i] = true
			room -= n
		}
	}
	for _, i := range order {
		p := &parts[i]
		if !chosen[i] || p.short == "" {
			continue
		}
		if more := runewidth.StringWidth(p.text) - runewidth.StringWidth(p.short); more <= room {
			room -= more
		} else {
			p.text = p.short
		}
	}
	var out []part
	for i, p := range parts {
		if chosen[i] {
			out = append(out, p)
		}
	}
	return out
}

func (p *part) shortest() string {
	if p.short != "" {
		return p.short
	}
	return p.text
}

func cells(parts []part) int {
	n := 0
	for i, p := range parts {
		if i > 0 {
			n += len(p.gap())
		}
		n += runewidth.StringWidth(p.text)
	}
	return n
}

// graph draws a share in n cells, with eighths of a cell.
func graph(percent float64, n int) string {
	n = max(n, 1)
	eighths := int(percent / 100 * float64(8*n))
	eighths = max(0, min(8*n, eighths))
	full := eighths / 8
	out := strings.Repeat("█", full)
	if r := eighths % 8; r > 0 {
		out += string([]rune(" ▏▎▍▌▋▊▉")[r])
		full++
	}
	return out + strings.Repeat("·", n-full)
}

// join writes the parts; a single part that is still too wide is cut.
func join(parts []part, color bool, width int) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteString(p.gap())
		}
		text := p.text
		if len(parts) == 1 {
			text = runewidth.Truncate(text, width, "")
		}
		if color && p.style != plain {
			fmt.Fprintf(&b, "%s%s%s", p.style, text, reset)
		} else {
			b.WriteString(text)
		}
	}
	return b.String()
}
