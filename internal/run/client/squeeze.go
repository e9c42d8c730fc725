package client

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// cell is one character of a line with the escape sequences before it.
type cell struct {
	escapes []byte
	r       rune
	width   int
}

func runeWidth(r rune) int {
	if r < utf8.RuneSelf {
		return 1
	}
	return runewidth.RuneWidth(r)
}

// barRunes are what bars are drawn with.
const barRunes = "█▏▎▍▌▋▊▉▓▒░━╸╺─╌═■□▪▫●○⣿#=->. "

// leastBar is the narrowest that a bar is made.
const leastBar = 6

// squeeze makes a line that holds a bar fit into width cells by drawing the bar
// itself narrower, so that the numbers behind it stay. What then is still too
// long is cut.
func squeeze(cells []cell, width int) []cell {
	total := widthOf(cells)
	if total <= width {
		return cells
	}
	if from, to := longestBar(cells); to-from > leastBar {
		keep := max(leastBar, to-from-(total-width))
		out := append([]cell(nil), cells[:from]...)
		var carried []byte // colours of cells that are left out
		for i, n := from, 0; i < to; i++ {
			carried = append(carried, cells[i].escapes...)
			if i-from == n*(to-from)/keep {
				out = append(out, cell{carried, cells[i].r, cells[i].width})
				carried, n = nil, n+1
			}
		}
		for i, c := range cells[to:] {
			if i == 0 {
				c.escapes = append(carried, c.escapes...)
			}
			out = append(out, c)
		}
		cells = out
	}
	return cut(cells, width)
}

func widthOf(cells []cell) (n int) {
	for _, c := range cells {
		n += c.width
	}
	return n
}

// cut keeps what fits, and every escape sequence.
func cut(cells []cell, width int) []cell {
	used := 0
	for i, c := range cells {
		if used += c.width; used > width {
			var rest []byte
			for _, d := range cells[i:] {
				rest = append(rest, d.escapes...)
			}
			return append(cells[:i:i], cell{escapes: rest, r: -1})
		}
	}
	return cells
}

// longestBar finds the longest run of bar characters. Spaces at its ends belong
// to it only inside brackets: "|##   |".
func longestBar(cells []cell) (from, to int) {
	for i := 0; i < len(cells); {
		j := i
		for j < len(cells) && strings.ContainsRune(barRunes, cells[j].r) {
			j++
		}
		a, b := i, j
		for b > a && cells[b-1].r == ' ' && (b == len(cells) || !strings.ContainsRune("|])", cells[b].r)) {
			b--
		}
		for a < b && cells[a].r == ' ' && (a == 0 || !strings.ContainsRune("|[(", cells[a-1].r)) {
			a++
		}
		if b-a > to-from {
			from, to = a, b
		}
		i = max(j, i+1)
	}
	return from, to
}

func appendCells(dst []byte, cells []cell) []byte {
	for _, c := range cells {
		dst = append(dst, c.escapes...)
		if c.r >= 0 {
			dst = utf8.AppendRune(dst, c.r)
		}
	}
	return dst
}

// narrow passes lines on to a terminal, those with a bar made for a wider one
// squeezed. What follows the last line feed waits for the next.
type narrow struct {
	w     io.Writer
	width int
	rest  []byte
}

func (n *narrow) Write(p []byte) (int, error) {
	n.rest = append(n.rest, p...)
	whole := bytes.LastIndexByte(n.rest, '\n') + 1
	if whole == 0 {
		return len(p), nil
	}
	_, err := io.WriteString(n.w, squeezeText(string(n.rest[:whole]), n.width))
	n.rest = append(n.rest[:0], n.rest[whole:]...)
	return len(p), err
}

// squeezeText squeezes every line of a plain text that holds a bar too long for
// width; other lines stay as they are.
func squeezeText(text string, width int) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		var cells []cell
		for _, r := range line {
			cells = append(cells, cell{r: r, width: runeWidth(r)})
		}
		if from, to := longestBar(cells); widthOf(cells) > width && to-from > 2*leastBar {
			lines[i] = string(appendCells(nil, squeeze(cells, width-1)))
		}
	}
	return strings.Join(lines, "\n")
}
