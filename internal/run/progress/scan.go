package progress

import "bytes"

// sink receives what a terminal would do with a stream of bytes, reduced to what
// matters for one-line displays. Slices are valid during the call only.
type sink interface {
	text(b []byte) // printable bytes and tabs, in order; UTF-8 may be split anywhere
	cr()           // cursor to the first column: what follows replaces the line
	lf()           // next line
	back()         // cursor one cell to the left
	up(n int)      // cursor n lines up
	osc(b []byte)  // an operating system command, without its introducer and end
}

type scanState uint8

const (
	ground    scanState = iota
	escape              // after ESC
	csi                 // in a control sequence
	oscString           // in an operating system command
	oscEscape           // ESC inside one: the end, if a backslash follows
	skipOne             // one more byte belongs to the sequence (character set)
)

// maxOSC bounds what is kept of an operating system command. A command that
// never ends is given up after maxOSCRun bytes, so that a stray introducer does
// not swallow the rest of the run.
const (
	maxOSC    = 256
	maxOSCRun = 4096
)

// scanner is a byte-at-a-time terminal parser with fixed memory (ECMA-48 control
// sequences and xterm's OSC, reduced to sink's operations).
type scanner struct {
	state  scanState
	param  int // first parameter of the control sequence, -1 if none
	inMore bool
	buf    [maxOSC]byte
	n, run int
}

// feed drives s with raw. Any split of the stream into calls gives the same
// operations, but for the cuts inside text.
func (sc *scanner) feed(raw []byte, s sink) {
	for len(raw) > 0 {
		if sc.state == ground {
			n := printable(raw)
			if n > 0 {
				s.text(raw[:n])
				raw = raw[n:]
				continue
			}
			if raw[0] == '\r' { // any number of them is one
				s.cr()
				for len(raw) > 0 && raw[0] == '\r' {
					raw = raw[1:]
				}
				continue
			}
		}
		sc.step(raw[0], s)
		raw = raw[1:]
	}
}

// printable returns the length of the run of bytes without control characters.
func printable(b []byte) int {
	for i, c := range b {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return i
		}
	}
	return len(b)
}

func (sc *scanner) step(c byte, s sink) {
	switch sc.state {
	case ground:
		sc.control(c, s)
	case escape:
		sc.afterEscape(c, s)
	case csi:
		sc.inCSI(c, s)
	case oscString:
		sc.inOSC(c, s)
	case oscEscape:
		if c == '\\' {
			sc.endOSC(s)
			return
		}
		sc.state = escape
		sc.afterEscape(c, s)
	case skipOne:
		sc.state = ground
	}
}

func (sc *scanner) control(c byte, s sink) {
	switch c {
	case '\r':
		s.cr()
	case '\n', '\v', '\f':
		s.lf()
	case '\b':
		s.back()
	case 0x1b:
		sc.state = escape
	}
}

func (sc *scanner) afterEscape(c byte, s sink) {
	sc.state = ground
	switch c {
	case '[':
		sc.state, sc.param, sc.inMore = csi, -1, false
	case ']', 'P', 'X', '^', '_':
		sc.state, sc.n, sc.run = oscString, 0, 0
	case '(', ')', '*', '+', '#', '%', ' ':
		sc.state = skipOne
	case 'M':
		s.up(1)
	case 'E', 'D':
		s.lf()
	case 0x1b:
		sc.state = escape
	case '\r', '\n':
		sc.control(c, s)
	}
}

func (sc *scanner) inCSI(c byte, s sink) {
	switch {
	case c >= '0' && c <= '9':
		if !sc.inMore && sc.param < 10000 {
			sc.param = max(sc.param, 0)*10 + int(c-'0')
		}
	case c == ';' || c == ':':
		sc.inMore = true
	case c >= 0x20 && c < 0x40: // private markers and intermediates
	case c >= 0x40 && c < 0x7f:
		sc.state = ground
		sc.endCSI(c, s)
	case c == 0x1b:
		sc.state = escape
	default: // a control character inside a sequence acts at once (ECMA-48)
		if c == '\r' || c == '\n' {
			sc.state = ground
		}
		sc.control(c, s)
	}
}

func (sc *scanner) endCSI(final byte, s sink) {
	n := max(sc.param, 1)
	switch final {
	case 'A', 'F':
		s.up(min(n, 1000))
	case 'B', 'E':
		s.lf()
	case 'H', 'f', 'd':
		s.up(1) // an unknown place: at least not this line
	case 'G':
		if n == 1 {
			s.cr()
		}
	case 'D':
		for range min(n, 1000) {
			s.back()
		}
	case 'J':
		if sc.param == 2 {
			s.cr()
		}
	}
}

func (sc *scanner) inOSC(c byte, s sink) {
	sc.run++
	switch {
	case c == 0x07:
		sc.endOSC(s)
	case c == 0x1b:
		sc.state = oscEscape
	case c == '\n' || sc.run > maxOSCRun:
		sc.state = ground
		if c == '\n' {
			s.lf()
		}
	case sc.n < maxOSC:
		sc.buf[sc.n] = c
		sc.n++
	}
}

func (sc *scanner) endOSC(s sink) {
	sc.state = ground
	s.osc(bytes.TrimSpace(sc.buf[:sc.n]))
}
