package client

import (
	"fmt"
	"io"
)

// painter writes a program's output to a terminal and keeps one line of its own
// on the last row. The rows above are made a scroll region: whatever the program
// prints scrolls there, so its output is never touched to draw the bar, and the
// bar never flickers. Everything that belongs together is one write.
type painter struct {
	out        io.Writer
	crop       crop
	cols, rows int
	bar        string // what the last row shows, already fitted
	shown      bool   // the scroll region is set
	alternate  bool   // the program has the whole screen; there is no room for a bar
	buf        []byte
}

func newPainter(out io.Writer, cols, rows int) *painter {
	return &painter{out: out, cols: cols, rows: rows, crop: crop{width: cols}}
}

// write passes a piece of output on.
func (p *painter) write(data []byte) error {
	var events screenEvents
	p.buf, events = p.crop.write(p.buf[:0], data)
	if events.alternate != nil {
		p.alternate = *events.alternate
		if p.alternate && p.shown {
			// The region must be gone before the program draws: what it drew in
			// this piece is drawn again by itself within a frame.
			p.buf = append(p.hideSequence(nil), p.buf...)
		}
	}
	if events.disturbed || events.alternate != nil {
		p.shown = p.shown && !events.disturbed
		p.buf = p.appendBar(p.buf)
	}
	_, err := p.out.Write(p.buf)
	return err
}

// setBar shows line, which must be narrower than the terminal; "" shows none.
func (p *painter) setBar(line string) error {
	if line == p.bar && p.shown {
		return nil
	}
	p.bar = line
	p.buf = p.appendBar(p.buf[:0])
	_, err := p.out.Write(p.buf)
	return err
}

// tooSmall is the least height that leaves room for output above a bar.
const tooSmall = 4

func (p *painter) appendBar(b []byte) []byte {
	if p.bar == "" || p.alternate || p.rows < tooSmall {
		return b
	}
	if !p.shown {
		// ESC D makes room below without changing the column; the cursor then
		// stands above the last row, whose region is set without moving it.
		b = append(b, "\x1bD\x1b[1A"...)
		b = fmt.Appendf(b, "\x1b7\x1b[1;%dr\x1b8", p.rows-1)
		p.shown = true
	}
	return fmt.Appendf(b, "\x1b7\x1b[%d;1H\x1b[0m%s\x1b[0m\x1b[K\x1b8", p.rows, p.bar)
}

// hide takes the bar away and gives the whole screen back.
func (p *painter) hide() {
	if p.shown {
		p.buf = p.hideSequence(p.buf[:0])
		_, _ = p.out.Write(p.buf)
	}
	p.bar = ""
}

func (p *painter) hideSequence(b []byte) []byte {
	p.shown = false
	return fmt.Appendf(b, "\x1b7\x1b[r\x1b[%d;1H\x1b[2K\x1b8", p.rows)
}

// resize tells the new size of the terminal. The old bar's row may have moved:
// the old region is dropped and the bar drawn anew.
func (p *painter) resize(cols, rows int) {
	if p.shown {
		old := p.rows
		p.buf = append(p.buf[:0], "\x1b7\x1b[r"...)
		if rows >= old {
			p.buf = fmt.Appendf(p.buf, "\x1b[%d;1H\x1b[2K", old)
		}
		p.buf = fmt.Appendf(p.buf, "\x1b[%d;1H\x1b[2K\x1b8", rows)
		p.shown = false
		p.cols, p.rows, p.crop.width = cols, rows, cols
		p.buf = p.appendBar(p.buf)
		_, _ = p.out.Write(p.buf)
		return
	}
	p.cols, p.rows, p.crop.width = cols, rows, cols
}
