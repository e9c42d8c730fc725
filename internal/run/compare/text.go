package compare

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Write prints the report for people: the sentences, the facts, the figures, the
// picture. color uses the terminal's colours; cols is its width, 0 for none.
func (r Report) Write(w io.Writer, cols int, color bool) {
	p := printer{w: w, color: color}
	for _, u := range r.Speedups {
		p.line(u.Sentence)
	}
	p.proof(r)
	p.figures(r)
	p.notes(r)
	p.bars(r, cols)
}

type printer struct {
	w     io.Writer
	color bool
}

func (p *printer) line(format string, args ...any) {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	fmt.Fprintln(p.w, format)
}

// The colours: what differs in the job, what differs besides.
const (
	red    = "31"
	yellow = "33"
	faint  = "2"
)

func (p *printer) paint(code, s string) string {
	if !p.color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// proof lists every fact; what differs stands out also without colours.
func (p *printer) proof(r Report) {
	p.line("\n%s", r.Proof)
	rows := [][]string{{"", ""}}
	for _, s := range r.Sides {
		rows[0] = append(rows[0], s.Label)
	}
	codes := []string{""}
	for _, f := range r.Facts {
		mark, code := "", ""
		switch {
		case f.State == Differs && f.Job:
			mark, code = "!!", red
		case f.State == Differs:
			mark, code = "!", yellow
		case f.State == Unknown:
			mark, code = "?", faint
		}
		row := []string{mark, f.Name}
		for i, v := range f.Values {
			switch {
			case v == "":
				v = "-"
			case f.State == Same && i > 0:
				v = "="
			}
			row = append(row, strings.Join(strings.Fields(v), " ")) // a script given in the command has lines
		}
		rows, codes = append(rows, row), append(codes, code)
	}
	p.table(rows, codes)
}

// row of figures: a name, and each side's value; a lower value is better where
// ratio is set.
type row struct {
	name  string
	value func(Side) string
	ratio func(Side) float64
}

func (p *printer) figures(r Report) {
	rows := [][]string{{"", ""}}
	for i, s := range r.Sides {
		rows[0] = append(rows[0], s.Label)
		if i > 0 {
			rows[0] = append(rows[0], "vs "+r.Sides[0].Label)
		}
	}
	for _, f := range figures(r) {
		line, told := []string{"", f.name}, false
		for i, s := range r.Sides {
			v := f.value(s)
			told = told || v != ""
			line = append(line, v)
			if i > 0 {
				line = append(line, against(f, r.Sides[0], s))
			}
		}
		if told {
			rows = append(rows, line)
		}
	}
	p.line("")
	p.table(rows, make([]string, len(rows)))
	for _, s := range r.Sides {
		p.line("%s: %s", s.Label, priceWords(s, r.Currency))
	}
	for i, u := range r.Speedups {
		if u.Noise != "" && (i == 0 || u.Noise != r.Speedups[i-1].Noise) {
			p.line("noise: %s", u.Noise)
		}
	}
}

func figures(r Report) []row {
	seconds := func(get func(Side) float64) row {
		return row{value: func(s Side) string {
			if get(s) <= 0 {
				return ""
			}
			return Span(get(s))
		}, ratio: get}
	}
	named := func(name string, f row) row { f.name = name; return f }
	cost := func(name string, get func(Side) float64) row {
		return row{name: name, value: func(s Side) string {
			if !s.Price.Known || s.Price.Hour > 0 && get(s) == 0 {
				return ""
			}
			return money(get(s), r.Currency)
		}, ratio: get}
	}
	energy := func(name string, get func(Side) float64) row {
		return row{name: name, value: func(s Side) string {
			if get(s) <= 0 {
				return ""
			}
			v := digits(get(s)) + " kWh"
			if get(s) < 0.1 {
				v = digits(1000*get(s)) + " Wh"
			}
			if s.WattsRated {
				return "<= " + v
			}
			return v
		}, ratio: func(s Side) float64 {
			if s.WattsRated {
				return 0
			}
			return get(s)
		}}
	}
	out := []row{
		named("step, median", seconds(func(s Side) float64 { return s.Step })),
		named("step, 95 %", seconds(func(s Side) float64 { return s.StepP95 })),
		{name: "samples a second", value: func(s Side) string {
			if s.Samples <= 0 {
				return ""
			}
			return digits(s.Samples)
		}},
		{name: "waiting for data", value: func(s Side) string {
			if s.DataWait < 0 {
				return ""
			}
			return percent(s.DataWait) + " of a step"
		}},
		named("first epoch (cold)", seconds(func(s Side) float64 { return s.EpochCold })),
		named("epoch (warm)", seconds(func(s Side) float64 { return s.EpochWarm })),
		named("validation an epoch", seconds(func(s Side) float64 { return s.Validation })),
		{name: "whole run", value: totalWords, ratio: func(s Side) float64 {
			if slices.ContainsFunc(r.Sides, func(x Side) bool { return x.Epochs != s.Epochs }) {
				return 0
			}
			return s.Total.Value
		}},
		cost("price of an epoch", func(s Side) float64 { return s.EpochCost }),
		cost("price of the run", func(s Side) float64 { return s.RunCost }),
		energy("energy of an epoch", func(s Side) float64 { return s.EpochEnergy }),
		energy("energy of the run", func(s Side) float64 { return s.RunEnergy }),
	}
	if r.goal != nil {
		out = append(out, row{name: "until " + r.Goal, value: func(s Side) string {
			if s.Reached == nil {
				return s.lastOf(*r.goal)
			}
			return Span(*s.Reached)
		}, ratio: func(s Side) float64 {
			if s.Reached == nil {
				return 0
			}
			return *s.Reached
		}})
	}
	return out
}

// totalWords says the whole run's time, and whether it was measured.
func totalWords(s Side) string {
	switch {
	case s.Total.Value <= 0:
		return ""
	case s.Total.Measured:
		return longSpan(s.Total.Value) + " measured"
	}
	return longSpan(s.Total.Value) + " projected"
}

// against says how a value stands to the first run's.
func against(f row, first, s Side) string {
	if f.ratio == nil {
		return ""
	}
	a, b := f.ratio(first), f.ratio(s)
	switch {
	case a <= 0 || b <= 0:
		return ""
	case b > a:
		return "x " + times(b/a)
	}
	return "/ " + times(a/b)
}

func priceWords(s Side, currency string) string {
	if !s.Price.Known {
		return s.Price.How
	}
	text := money(s.Price.Hour, currency) + " an hour, " + s.Price.How
	switch {
	case s.Watts > 0 && s.WattsRated:
		text += fmt.Sprintf("; at most its rated %.0f W", s.Watts)
	case s.Watts > 0:
		text += fmt.Sprintf("; %.0f W measured", s.Watts)
	}
	return text
}

func (p *printer) notes(r Report) {
	if len(r.Notes) > 0 {
		p.line("")
	}
	for _, n := range r.Notes {
		p.line(n)
	}
}

// widest is how much of one value is shown.
const widest = 44

// table prints rows in columns; the values of a row in its colour.
func (p *printer) table(rows [][]string, codes []string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], min(utf8.RuneCountInString(cell), widest))
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			if widths[i] == 0 {
				continue
			}
			if utf8.RuneCountInString(cell) > widest {
				cell = string([]rune(cell)[:widest-1]) + "…"
			}
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if codes[n] != "" && cell != "" {
				cell = p.paint(codes[n], cell)
			}
			b.WriteString(cell + pad + "  ")
		}
		p.line("%s", strings.TrimRight(b.String(), " "))
	}
}
