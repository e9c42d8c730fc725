// Package bar draws a run's Status as one line of text: for a terminal of any
// width, and for a pipe.
package bar

import (
	"fmt"
	"strings"

	"github.com/mattn/go-runewidth"

	"stoker/internal/run/estimate"
)

// part is a piece of the line. Parts with the lowest weight are left out first
// when the line is too wide.
type part struct {
	text   string
	short  string // a shorter form, tried before the part is left out; "" = none
	weight int
	style  style
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
	if room := width - cells(parts) - len(gapText); s.Percent >= 0 && room >= minGraph && len(parts) > 2 {
		parts = insertGraph(parts, graph(s.Percent, min(room, maxGraph)))
	}
	return join(parts, color, width)
}

// Plain draws s for a pipe: everything that is known, in ASCII.
func Plain(s estimate.Status) string {
	parts := partsOf(s)
	for i := range parts {
		parts[i].text = strings.NewReplacer("–", "-", "≥", ">=", " ", " ", "·", "").Replace(parts[i].text)
	}
	return join(parts, false, 1<<30)
}

// fit shortens parts, then drops them, until they fit into width.
func fit(parts []part, width int) []part {
	for cells(parts) > width && len(parts) > 1 {
		low := 0
		for i := range parts {
			if parts[i].weight < parts[low].weight {
				low = i
			}
		}
		if p := &parts[low]; p.short != "" && p.short != p.text {
			p.text, p.short = p.short, ""
			p.weight += 5
			continue
		}
		parts = append(parts[:low], parts[low+1:]...)
	}
	return parts
}

func cells(parts []part) int {
	n := 0
	for i, p := range parts {
		if i > 0 {
			n += len(gapText)
		}
		n += runewidth.StringWidth(p.text)
	}
	return n
}

// insertGraph puts the graph before the percentage.
func insertGraph(parts []part, g string) []part {
	for i, p := range parts {
		if p.weight == weightPercent {
			out := append([]part{}, parts[:i]...)
			return append(append(out, part{text: g, weight: weightPercent + 100, style: cyan}), parts[i:]...)
		}
	}
	return parts
}

// graph draws a share in n cells, with eighths of a cell.
func graph(percent float64, n int) string {
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
			b.WriteString(gapText)
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
