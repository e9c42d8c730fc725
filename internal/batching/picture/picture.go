// Package picture draws batches of sequences: real tokens dark, padding light.
// It is the picture that explains at a glance what a way to batch gains.
package picture

import (
	"fmt"
	"html"
	"strings"

	"stoker/internal/batching"
)

// Panel is one way to batch with some of its steps.
type Panel struct {
	Title string
	Steps []batching.Step
}

// All lengths are in SVG units; the longest padded or packed row is as wide as the
// picture.
const (
	width, rowHeight, gap, margin, titleHeight = 900, 3.0, 8.0, 20.0, 26.0
	mostRows                                   = 400 // of one panel
)

// SVG draws the panels below each other, on one scale: a bar for every sequence or
// packed row, a gap between micro-batches.
func SVG(panels []Panel) string {
	longest := int32(1)
	for _, p := range panels {
		each(p, func(m batching.Micro) {
			if !m.Varlen {
				longest = max(longest, m.Width)
			}
		})
	}
	d := drawing{longest: longest, scale: (width - 2*margin) / float64(longest)}
	for _, p := range panels {
		d.panel(p)
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%.0f" viewBox="0 0 %d %.0f" font-family="sans-serif" font-size="14">`+
		"\n"+`<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n%s</svg>\n", width, d.y+margin, width, d.y+margin, d.b.String())
}

// each calls f for the micro-batches of a panel that are drawn.
func each(p Panel, f func(batching.Micro)) {
	rows := 0
	for _, step := range p.Steps {
		for _, rank := range step.Ranks {
			for _, m := range rank {
				if rows += rowsOf(m); rows <= mostRows {
					f(m)
				}
			}
		}
	}
}

func rowsOf(m batching.Micro) int {
	switch {
	case m.Rows != nil:
		return len(m.Rows) - 1
	case m.Varlen:
		return 1
	}
	return len(m.Pieces)
}

type drawing struct {
	b       strings.Builder
	longest int32 // tokens as wide as the picture
	scale   float64
	y       float64
}

func (d *drawing) panel(p Panel) {
	d.y += titleHeight
	fmt.Fprintf(&d.b, `<text x="%.0f" y="%.1f" fill="#222222">%s</text>`+"\n", margin, d.y, html.EscapeString(p.Title))
	d.y += gap
	each(p, func(m batching.Micro) {
		d.micro(m)
		d.y += gap
	})
}

func (d *drawing) micro(m batching.Micro) {
	if m.Rows == nil && !m.Varlen {
		for _, piece := range m.Pieces {
			d.row(m.Width, piece.Length)
		}
		return
	}
	if m.Varlen {
		d.varlen(m)
		return
	}
	for r := range len(m.Rows) - 1 {
		var lengths []int32
		for _, piece := range m.Pieces[m.Rows[r]:m.Rows[r+1]] {
			lengths = append(lengths, piece.Length)
		}
		d.row(m.Width, lengths...)
	}
}

// varlen draws sequences one behind the other, as many in a line as fit.
func (d *drawing) varlen(m batching.Micro) {
	var line []int32
	var used int32
	for _, piece := range m.Pieces {
		if used+piece.Length > d.longest {
			d.row(used, line...)
			line, used = nil, 0
		}
		line, used = append(line, piece.Length), used+piece.Length
	}
	d.row(used, line...)
}

// row draws a padded or packed row: light all over, dark where tokens are, and
// two tones of dark in turn so that neighbours are told apart.
func (d *drawing) row(width int32, lengths ...int32) {
	d.rect(0, width, "#f3d9b1")
	at := int32(0)
	for i, n := range lengths {
		d.rect(at, n, []string{"#1d3557", "#457b9d"}[i%2])
		at += n
	}
	d.y += rowHeight
}

func (d *drawing) rect(at, n int32, fill string) {
	fmt.Fprintf(&d.b, `<rect x="%.2f" y="%.1f" width="%.2f" height="%.1f" fill="%s"/>`+"\n",
		margin+float64(at)*d.scale, d.y, float64(n)*d.scale, rowHeight-0.5, fill)
}
