package compare

import (
	"fmt"
	"strings"
)

// look is how a phase is drawn: in a terminal, and in a picture.
type look struct {
	glyph string
	ansi  string
	fill  string
}

var looks = map[string]look{
	Start:       {"s", "90", "#8d99ae"},
	Waiting:     {"~", "31", "#e76f51"},
	ColdSteps:   {"▒", "36", "#7fb7d3"},
	Steps:       {"█", "34", "#1d5f8a"},
	Validation:  {"v", "33", "#e9c46a"},
	Checkpoints: {"c", "35", "#9b5de5"},
	Pauses:      {"·", "90", "#cfd4da"},
	End:         {"e", "90", "#495057"},
}

// bars draws what the time of each run goes to: each bar is a whole run.
func (p *printer) bars(r Report, cols int) {
	drawn, labels := false, 0
	for _, s := range r.Sides {
		drawn = drawn || len(s.Phases) > 0
		labels = max(labels, len([]rune(s.Label)))
	}
	if !drawn {
		return
	}
	if cols <= 0 {
		cols = 80
	}
	width := max(20, min(cols-labels-28, 60))
	p.line("\nwhere the time of a run goes")
	used := map[string]bool{}
	for _, s := range r.Sides {
		if len(s.Phases) == 0 {
			continue
		}
		var b strings.Builder
		for i, n := range cells(s.Phases, width) {
			look := looks[s.Phases[i].Name]
			used[s.Phases[i].Name] = used[s.Phases[i].Name] || n > 0
			b.WriteString(p.paint(look.ansi, strings.Repeat(look.glyph, n)))
		}
		pad := strings.Repeat(" ", labels-len([]rune(s.Label)))
		p.line("%s%s  %s  %s", s.Label, pad, b.String(), shortTotal(s))
	}
	var legend []string
	for _, name := range phaseOrder {
		if used[name] {
			legend = append(legend, fmt.Sprintf("%s %s", p.paint(looks[name].ansi, looks[name].glyph), name))
		}
	}
	p.line("%s  %s", strings.Repeat(" ", labels), strings.Join(legend, "  "))
}

// cells divides width among the phases by their shares, the rounding carried on.
func cells(phases []Phase, width int) []int {
	total := 0.0
	for _, ph := range phases {
		total += ph.Seconds
	}
	out := make([]int, len(phases))
	sum, used := 0.0, 0
	for i, ph := range phases {
		sum += ph.Seconds
		upTo := int(sum/total*float64(width) + 0.5)
		out[i] = upTo - used
		used = upTo
	}
	return out
}

// shortTotal stands behind a bar.
func shortTotal(s Side) string {
	if s.Total.Measured {
		return Span(s.Total.Value)
	}
	return Span(s.Total.Value) + " projected"
}
