package client

import "unicode/utf8"

// crop passes a program's output to a terminal that is narrower than the one
// the program believes in. Ordinary lines wrap, as always; a line that the
// program redraws (a bar) must not, or every frame would take a new row: it is
// squeezed. crop also notices the few sequences after which a bar below the
// output has to be drawn anew.
type crop struct {
	width   int
	redrawn bool   // the line was returned to: it is a bar
	used    int    // cells of the redrawn line that are already out
	frame   []cell // of the redrawn line, not yet out
	escapes []byte // before the next cell of frame
	state   byte   // 0, or 'e' after ESC, '[' in CSI, ']' in a string, '\\' after ESC in a string
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
			dst = c.control(dst, b)
			p = p[1:]
			continue
		}
		if b >= utf8.RuneSelf && !utf8.FullRune(p) && len(p) < utf8.UTFMax {
			c.part = append([]byte(nil), p...)
			break
		}
		r, n := utf8.DecodeRune(p)
		if c.redrawn {
			c.frame = append(c.frame, cell{c.escapes, r, runeWidth(r)})
			c.escapes = nil
		} else {
			dst = append(dst, p[:n]...)
		}
		p = p[n:]
	}
	return c.flush(dst), c.events
}

// flush writes the redrawn line as far as it has come. A program writes a frame
// of its bar at once; one that came in pieces is squeezed as well as may be.
func (c *crop) flush(dst []byte) []byte {
	if len(c.frame) > 0 {
		fit := squeeze(c.frame, max(c.width-1-c.used, 0))
		c.used += widthOf(c.frame)
		dst = appendCells(dst, fit)
		c.frame = c.frame[:0]
	}
	dst = append(dst, c.escapes...)
	c.escapes = nil
	return dst
}

// control handles one byte of a control character or escape sequence. Inside a
// redrawn line colours wait with the text, so that it stays whole.
func (c *crop) control(dst []byte, b byte) []byte {
	if c.state == 0 && b != 0x1b {
		dst = c.flush(dst)
	}
	was := c.state
	if c.redrawn && (was != 0 || b == 0x1b) {
		c.escapes = append(c.escapes, b)
	} else {
		dst = append(dst, b)
	}
	switch was {
	case 0:
		c.single(b)
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
			dst = c.sequence(dst, b)
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
	return dst
}

func (c *crop) single(b byte) {
	switch b {
	case '\n':
		c.redrawn = false
	case '\r':
		c.redrawn, c.used = true, 0
	case '\b':
		c.redrawn, c.used = true, max(0, c.used-1)
	case '\t':
		c.used = c.used&^7 + 8
	case 0x1b:
		c.state = 'e'
	}
}

// sequence acts on a whole CSI sequence, whose bytes are in escapes or out.
func (c *crop) sequence(dst []byte, final byte) []byte {
	switch final {
	case 'A', 'B', 'E', 'F', 'G', 'H', 'd', 'f':
		dst = c.flush(dst) // the sequence follows the text before it
		c.redrawn = true
		if final != 'A' && final != 'B' && final != 'd' {
			c.used = 0
		}
	case 'K':
		dst = c.flush(dst)
	case 'r', 'p':
		c.events.disturbed = true
	case 'J':
		dst = c.flush(dst)
		c.events.disturbed = true
	case 'h', 'l':
		if a := string(c.args); a == "?1049" || a == "?47" || a == "?1047" {
			on := final == 'h'
			c.events.alternate = &on
		}
	}
	return dst
}
