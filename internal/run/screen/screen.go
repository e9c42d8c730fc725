// Package screen turns what a program writes to a terminal into lines that a
// person wants to read later: a bar redrawn a million times is one line. It
// understands the little that bars use: carriage return, backspace, tab, erase,
// and the cursor moving up and down over the last lines (nested bars). Colours
// are dropped.
package screen

import (
	"strings"
	"unicode/utf8"
)

const (
	maxWidth  = 4096 // cells kept of one line
	maxWindow = 64   // lines above the cursor that can still change
)

// Screen collects lines. Not safe for concurrent use.
type Screen struct {
	commit func(line string)
	lines  [][]rune // the lines that may still change; the last are newest
	row    int      // of the cursor, in lines
	col    int
	window int // how far up the program was seen to move

	state state
	args  []byte // of the escape sequence under way
	part  []byte // of a UTF-8 sequence cut by the end of a chunk

	tail []string // last committed lines, a ring
	next int
}

type state byte

const (
	ground state = iota
	escape
	csi      // ESC [
	str      // ESC ] and other strings, until BEL or ESC \
	strEnd   // ESC inside a string
	skipNext // ESC ( and others: one more byte
)

// New returns a screen that hands every finished line to commit, without its
// line feed, and remembers the last tailLines of them.
func New(tailLines int, commit func(line string)) *Screen {
	return &Screen{commit: commit, lines: [][]rune{nil}, tail: make([]string, 0, max(tailLines, 1))}
}

// Write feeds bytes as the program wrote them, cut anywhere. It never fails.
func (s *Screen) Write(p []byte) (int, error) {
	n := len(p)
	if len(s.part) > 0 {
		p = append(s.part, p...)
		s.part = nil
	}
	for len(p) > 0 {
		if s.state != ground || p[0] < 0x20 || p[0] == 0x7f {
			s.control(p[0])
			p = p[1:]
			continue
		}
		if !utf8.FullRune(p) {
			s.part = append([]byte(nil), p...)
			break
		}
		p = p[s.text(p):]
	}
	return n, nil
}

// text puts the printable characters at the start of p at the cursor and
// returns how many bytes they had.
func (s *Screen) text(p []byte) int {
	line, i := s.lines[s.row], 0
	for i < len(p) && p[i] >= 0x20 && p[i] != 0x7f {
		r, size := rune(p[i]), 1
		if r >= utf8.RuneSelf {
			if !utf8.FullRune(p[i:]) {
				break
			}
			r, size = utf8.DecodeRune(p[i:])
		}
		i += size
		switch {
		case s.col < len(line):
			line[s.col] = r
		case s.col < maxWidth:
			for len(line) < s.col {
				line = append(line, ' ')
			}
			line = append(line, r)
		}
		s.col++
	}
	s.lines[s.row] = line
	return i
}

// control handles one byte of a control character or escape sequence.
func (s *Screen) control(b byte) {
	switch s.state {
	case ground:
		s.single(b)
	case escape:
		switch {
		case b == '[':
			s.state, s.args = csi, s.args[:0]
		case b == ']' || b == 'P' || b == '^' || b == '_' || b == 'X':
			s.state = str
		case b >= 0x20 && b <= 0x2f:
			s.state = skipNext
		default:
			s.state = ground
		}
	case csi:
		if b >= 0x40 && b <= 0x7e {
			s.state = ground
			s.sequence(b)
		} else if len(s.args) < 32 {
			s.args = append(s.args, b)
		}
	case str:
		if b == 0x07 {
			s.state = ground
		} else if b == 0x1b {
			s.state = strEnd
		}
	case strEnd:
		s.state = str
		if b == '\\' {
			s.state = ground
		}
	case skipNext:
		s.state = ground
	}
}

func (s *Screen) single(b byte) {
	switch b {
	case '\n':
		s.down(true)
	case '\r':
		s.col = 0
	case '\b':
		s.col = max(0, s.col-1)
	case '\t':
		s.col = min(s.col&^7+8, maxWidth)
	case 0x1b:
		s.state = escape
	}
}

// down moves to the next line; a line feed also goes to its start, as the
// terminal driver does for programs that print "\n".
func (s *Screen) down(feed bool) {
	if feed {
		s.col = 0
	}
	s.row++
	if s.row < len(s.lines) {
		return
	}
	s.lines = append(s.lines, nil)
	for len(s.lines) > s.window+1 {
		s.emit(s.lines[0])
		reuse := s.lines[0][:0]
		copy(s.lines, s.lines[1:])
		s.lines = s.lines[:len(s.lines)-1]
		if len(s.lines) > 0 && s.lines[len(s.lines)-1] == nil && cap(reuse) <= 1024 {
			s.lines[len(s.lines)-1] = reuse
		}
	}
	s.row = len(s.lines) - 1
}

// sequence handles ESC [ args final.
func (s *Screen) sequence(final byte) {
	n := 0
	for _, c := range s.args {
		if c < '0' || c > '9' {
			break
		}
		n = min(n*10+int(c-'0'), maxWidth)
	}
	line := s.lines[s.row]
	switch final {
	case 'A', 'F':
		up := max(n, 1)
		s.window = max(s.window, min(up, maxWindow))
		s.row = max(0, s.row-up)
		if final == 'F' {
			s.col = 0
		}
	case 'B', 'E':
		for range min(max(n, 1), maxWindow) {
			s.down(final == 'E')
		}
	case 'C':
		s.col = min(s.col+max(n, 1), maxWidth)
	case 'D':
		s.col = max(0, s.col-max(n, 1))
	case 'G':
		s.col = max(n, 1) - 1
	case 'H', 'f':
		s.row, s.col = 0, 0
	case 'K':
		switch {
		case n == 2:
			s.lines[s.row] = line[:0]
		case n == 1:
			for i := range min(s.col+1, len(line)) {
				line[i] = ' '
			}
		case s.col < len(line):
			s.lines[s.row] = line[:s.col]
		}
	case 'J':
		if n == 0 {
			s.lines[s.row] = line[:min(s.col, len(line))]
		}
		for i := range s.lines {
			if n >= 2 || i > s.row {
				s.lines[i] = s.lines[i][:0]
			}
		}
	}
}

func (s *Screen) emit(cells []rune) {
	line := plain(cells)
	if len(s.tail) < cap(s.tail) {
		s.tail = append(s.tail, line)
	} else {
		s.tail[s.next] = line
		s.next = (s.next + 1) % len(s.tail)
	}
	s.commit(line)
}

func plain(cells []rune) string { return strings.TrimRight(string(cells), " ") }

// Tail returns up to n of the last finished lines, oldest first, and the lines
// that may still change; the cursor is on live[row].
func (s *Screen) Tail(n int) (done, live []string, row int) {
	done = append(done, s.tail[s.next:]...)
	done = append(done, s.tail[:s.next]...)
	done = done[max(0, len(done)-n):]
	for _, cells := range s.lines {
		live = append(live, plain(cells))
	}
	return done, live, s.row
}

// Flush finishes the lines that could still change; for the end of the output.
func (s *Screen) Flush() {
	for i, cells := range s.lines {
		if i < len(s.lines)-1 || len(cells) > 0 {
			s.emit(cells)
		}
	}
	s.lines, s.row, s.col, s.state, s.part = [][]rune{nil}, 0, 0, ground, nil
}
