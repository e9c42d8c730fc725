package client

import (
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// crop passes a program's output to a terminal that is narrower than the one
// the program believes in. Ordinary lines wrap, as always; a line that the
// program redraws (a bar) must not, or every frame would take a new row: what
// does not fit of it is left out. It also notices the few sequences after which
// a bar below the output has to be drawn anew.
type crop struct {
	width   int
	col     int
	redrawn bool // the line was returned to: it is a bar
	state   byte // 0, or 'e' after ESC, '[' in CSI, ']' in a string, '\\' after ESC in a string
	args    []byte
	part    []byte // cut UTF-8 sequence
	events  screenEvents
}

// screenEvents are what a bar's owner wants to know of a piece of output.
type screenEvents struct {
	alternate *bool // the program entered (true) or left the alternate screen
	disturbed bool  // the scroll region or the whole screen was reset
}

// write appends what the terminal should get for p to dst.
func (c *crop) write(dst, p []byte) ([]byte, screenEvents) {
	c.events = screenEvents{}
	if len(c.part) > 0 {
		p = append(c.part, p...)
		c.part = nil
	}
	for len(p) > 0 {
		b := p[0]
		if c.state != 0 || b < 0x20 || b == 0x7f {
			dst = append(dst, b)
			c.control(b)
			p = p[1:]
			continue
		}
		if b >= utf8.RuneSelf && !utf8.FullRune(p) && len(p) < utf8.UTFMax {
			c.part = append([]byte(nil), p...)
			break
		}
		r, n := utf8.DecodeRune(p)
		w := 1
		if r >= utf8.RuneSelf {
			w = runewidth.RuneWidth(r)
		}
		if !c.redrawn || c.col+w <= c.width-1 {
			dst = append(dst, p[:n]...)
		}
		c.col += w
		p = p[n:]
	}
	return dst, c.events
}

func (c *crop) control(b byte) {
	switch c.state {
	case 0:
		switch b {
		case '\n':
			c.col, c.redrawn = 0, false
		case '\r':
			c.col, c.redrawn = 0, true
		case '\b':
			c.col, c.redrawn = max(0, c.col-1), true
		case '\t':
			c.col = c.col&^7 + 8
		case 0x1b:
			c.state = 'e'
		}
	case 'e':
		c.state = 0
		switch b {
		case '[':
			c.state, c.args = '[', c.args[:0]
		case ']', 'P', '^', '_', 'X':
			c.state = ']'
		case 'c':
			c.events.disturbed = true
		}
	case '[':
		if b >= 0x40 && b <= 0x7e {
			c.state = 0
			c.sequence(b)
		} else if len(c.args) < 16 {
			c.args = append(c.args, b)
		}
	case ']':
		if b == 0x07 {
			c.state = 0
		} else if b == 0x1b {
			c.state = '\\'
		}
	case '\\':
		c.state = ']'
		if b == '\\' {
			c.state = 0
		}
	}
}

func (c *crop) sequence(final byte) {
	args := string(c.args)
	switch final {
	case 'A', 'B', 'E', 'F', 'G', 'H', 'd', 'f':
		c.redrawn = true
		if final != 'A' && final != 'B' && final != 'd' {
			c.col = 0
		}
	case 'r', 'p':
		c.events.disturbed = true
	case 'J':
		c.events.disturbed = true
	case 'h', 'l':
		if args == "?1049" || args == "?47" || args == "?1047" {
			on := final == 'h'
			c.events.alternate = &on
		}
	}
}
