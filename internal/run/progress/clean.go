package progress

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// Cleaner writes the lines that stay on a terminal: a bar that was redrawn a
// thousand times becomes one line, its last state. Colours and other control
// sequences are left out. Displays of several lines that move the cursor up
// (rich, nested tqdm bars) are held back for as many lines as they move up.
//
// Memory is bounded: a line is cut after maxCleanLine bytes, and at most maxHeld
// lines are held back. Write never fails by itself; it returns the errors of the
// writer below, after which the lines of that call are lost.
type Cleaner struct {
	w    io.Writer
	scan scanner
	rows [][]byte // held rows, oldest first; the last is not always the current one
	row  int      // current row
	hold int      // rows to hold back: the largest recent move up
	calm int      // line ends since the last move up
	over bool     // the next text replaces the row
	out  []byte
}

const (
	maxCleanLine = 16 << 10
	maxHeld      = 64
	calmAfter    = 200 // line ends without a move up after which nothing is held
)

// NewCleaner returns a Cleaner that writes complete lines to w, one call of Write
// for each call of Write that it gets.
func NewCleaner(w io.Writer) *Cleaner { return &Cleaner{w: w, rows: [][]byte{nil}} }

// Write takes raw terminal bytes, split anywhere.
func (c *Cleaner) Write(raw []byte) (int, error) {
	c.out = c.out[:0]
	c.scan.feed(raw, c)
	if len(c.out) == 0 {
		return len(raw), nil
	}
	_, err := c.w.Write(c.out)
	if cap(c.out) > 1<<20 {
		c.out = nil
	}
	return len(raw), err
}

// Close writes what is held back, the unfinished line included.
func (c *Cleaner) Close() error {
	c.out = c.out[:0]
	for len(c.rows) > 1 || len(c.rows[0]) > 0 {
		last := len(c.rows) == 1
		c.commit()
		if last {
			break
		}
	}
	c.rows, c.row = [][]byte{nil}, 0
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.w.Write(c.out)
	return err
}

// Current returns the unfinished line as it stands: a bar that is being redrawn.
func (c *Cleaner) Current() string { return string(bytes.TrimRight(c.rows[c.row], " \t")) }

func (c *Cleaner) text(b []byte) {
	r := c.rows[c.row]
	if c.over {
		c.over = false
		r = r[:0]
	}
	if room := maxCleanLine - len(r); len(b) > room {
		b = b[:room]
	}
	c.rows[c.row] = append(r, b...)
}

func (c *Cleaner) cr() { c.over = true }

func (c *Cleaner) lf() {
	c.over = false
	c.calm++
	if c.calm > calmAfter {
		c.hold = 0
	}
	c.row++
	if c.row == len(c.rows) {
		c.rows = append(c.rows, nil)
	} else if c.hold > 0 {
		c.over = true // a row that exists already is drawn again from its start
	}
	for len(c.rows)-1 > c.hold && c.row > 0 {
		c.commit()
	}
}

func (c *Cleaner) back() {
	r := c.rows[c.row]
	_, n := utf8.DecodeLastRune(r)
	c.rows[c.row] = r[:len(r)-n]
}

func (c *Cleaner) up(n int) {
	c.calm = 0
	c.hold = max(c.hold, min(n, maxHeld))
	c.row = max(0, c.row-n)
	c.over = true
}

func (c *Cleaner) osc([]byte) {}

// commit moves the oldest row to the output. Rows that only ever held blanks stay
// out when a display redraws them.
func (c *Cleaner) commit() {
	c.out = append(c.out, bytes.TrimRight(c.rows[0], " \t")...)
	c.out = append(c.out, '\n')
	free := c.rows[0][:0]
	copy(c.rows, c.rows[1:])
	c.rows = c.rows[:len(c.rows)-1]
	if len(c.rows) == 0 {
		c.rows = append(c.rows, free)
	}
	c.row = max(0, c.row-1)
}
