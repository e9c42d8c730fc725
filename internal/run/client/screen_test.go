package client

import (
	"bytes"
	"strings"
	"testing"
)

func TestCrop(t *testing.T) {
	long := strings.Repeat("x", 30)
	for _, c := range []struct {
		name, in, want string
		whole          bool // only if it comes at once
	}{
		{"an ordinary line wraps", long + "\n", long + "\n", false},
		{"a bar is cut", "\r" + long, "\r" + strings.Repeat("x", 9), false},
		{"colours stay", "\r\x1b[1m" + long + "\x1b[0m", "\r\x1b[1m" + strings.Repeat("x", 9) + "\x1b[0m", false},
		{"the next line is whole", "\r" + long + "\n" + long, "\r" + strings.Repeat("x", 9) + "\n" + long, false},
		{"wide characters", "\r" + strings.Repeat("日", 10), "\r" + strings.Repeat("日", 4), false},
		{"a bar drawn by backspaces", "ab\b\b" + long, "ab\b\b" + strings.Repeat("x", 9), false},
	} {
		for _, n := range []int{1, 2, 7, 1000} {
			if c.whole && n < 1000 {
				continue
			}
			cr := crop{width: 10}
			var got []byte
			for p := []byte(c.in); len(p) > 0; p = p[min(n, len(p)):] {
				got, _ = cr.write(got, p[:min(n, len(p))])
			}
			if string(got) != c.want {
				t.Errorf("%s in pieces of %d: %q, want %q", c.name, n, got, c.want)
			}
		}
	}
}

func TestSqueeze(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"\rt: 50%|##########          | 5/10 [x]", 27, "\rt: 50%|#####     | 5/10 [x]"},
		{"\r\x1b[32m━━━━━━━━━━\x1b[0m━━━━━━━━━━ 50%", 15, "\r\x1b[32m━━━━━━\x1b[0m━━━━━ 50%"},
		{"\r10/20 [==========>.........] - loss: 1", 32, "\r10/20 [=======>......] - loss: 1"},
		{"\rno bar but a long text", 11, "\rno bar but "},
	} {
		cr := crop{width: c.width + 1}
		if got, _ := cr.write(nil, []byte(c.in)); string(got) != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestNarrow: logs in a terminal that is narrower than the command's.
func TestNarrow(t *testing.T) {
	bar := "50%|" + strings.Repeat("#", 150) + "| 5/10 [x]\n"
	plain := strings.Repeat("word ", 30) + "\n"
	var out bytes.Buffer
	n := &narrow{w: &out, width: 40}
	for text := plain + bar + plain; text != ""; text = text[min(7, len(text)):] {
		_, _ = n.Write([]byte(text[:min(7, len(text))]))
	}
	if want := plain + "50%|" + strings.Repeat("#", 25) + "| 5/10 [x]\n" + plain; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func FuzzCrop(f *testing.F) {
	f.Add([]byte("\rabc\x1b[2J\x1b]0;x\x07é"), 3)
	f.Fuzz(func(t *testing.T, p []byte, n int) {
		cr := crop{width: 10}
		var got []byte
		n = max(1, n%8)
		for q := p; len(q) > 0; q = q[min(n, len(q)):] {
			got, _ = cr.write(got, q[:min(n, len(q))])
		}
		if len(got) > 3*len(p) { // a broken byte becomes U+FFFD
			t.Fatal("more came out than went in")
		}
	})
}

// tty is a terminal as far as a painter uses one: cells, a cursor, a scroll
// region.
type tty struct {
	cells        [][]byte
	row, col     int
	saveR, saveC int
	bottom       int
}

func newTTY(cols, rows int) *tty {
	s := &tty{bottom: rows}
	for range rows {
		s.cells = append(s.cells, bytes.Repeat([]byte{' '}, cols))
	}
	return s
}

func (s *tty) lineFeed() {
	if s.row < s.bottom-1 {
		s.row++
		return
	}
	if s.row == s.bottom-1 {
		copy(s.cells, s.cells[1:s.bottom])
		s.cells[s.bottom-1] = bytes.Repeat([]byte{' '}, len(s.cells[0]))
	}
}

func (s *tty) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		b := p[0]
		p = p[1:]
		switch {
		case b == '\n':
			s.col = 0
			s.lineFeed()
		case b == '\r':
			s.col = 0
		case b == 0x1b:
			p = s.escape(p)
		case s.col < len(s.cells[0]):
			s.cells[s.row][s.col] = b
			s.col++
		}
	}
	return n, nil
}

func (s *tty) escape(p []byte) []byte {
	switch p[0] {
	case 'D':
		s.lineFeed()
	case '7':
		s.saveR, s.saveC = s.row, s.col
	case '8':
		s.row, s.col = s.saveR, s.saveC
	case '[':
		i := 1
		for p[i] < 0x40 {
			i++
		}
		s.csi(string(p[1:i]), p[i])
		return p[i+1:]
	}
	return p[1:]
}

func (s *tty) csi(args string, final byte) {
	num := func(s string, def int) int {
		n := 0
		for _, c := range s {
			n = n*10 + int(c-'0')
		}
		if s == "" {
			return def
		}
		return n
	}
	a, b, _ := strings.Cut(args, ";")
	switch final {
	case 'A':
		s.row = max(0, s.row-num(a, 1))
	case 'H':
		s.row, s.col = num(a, 1)-1, num(b, 1)-1
	case 'K':
		from := s.col
		if a == "2" {
			from = 0
		}
		for i := from; i < len(s.cells[0]); i++ {
			s.cells[s.row][i] = ' '
		}
	case 'r':
		s.bottom = num(b, len(s.cells))
		s.row, s.col = 0, 0
	}
}

func (s *tty) text() string {
	var lines []string
	for _, c := range s.cells {
		lines = append(lines, strings.TrimRight(string(c), " "))
	}
	return strings.Join(lines, "\n")
}

// TestBarStaysBelowTheOutput draws bars between every few bytes of output, from
// a cursor anywhere: the output must be what it would be without, one row less.
func TestBarStaysBelowTheOutput(t *testing.T) {
	output := "one\ntwo\n 10% bar\r 20% bar\r100% bar\nthree\nfour\nfive\nsix"
	for start := range 6 {
		for n := 1; n < 8; n++ {
			screen, want := newTTY(20, 6), newTTY(20, 6)
			p := newPainter(screen, 20, 6)
			for range start {
				_, _ = screen.Write([]byte("old\n"))
				_, _ = want.Write([]byte("old\n"))
			}
			for q := []byte(output); len(q) > 0; q = q[min(n, len(q)):] {
				_ = p.write(q[:min(n, len(q))])
				_ = p.setBar("BAR " + string(rune('a'+len(q)%26)))
				if last := string(screen.cells[5]); !strings.HasPrefix(last, "BAR") {
					t.Fatalf("the last row is %q", last)
				}
			}
			p.hide()
			// Without a bar, the output ends one row lower where it fills the screen.
			_, _ = want.Write([]byte(output))
			got, full := screen.text(), want.text()
			if start+7 > 6 {
				full = strings.Join(strings.Split(full, "\n")[1:], "\n") + "\n"
			}
			if got != full {
				t.Fatalf("start %d, pieces of %d:\n%s\nwant\n%s", start, n, got, full)
			}
		}
	}
}

func TestFullScreenProgramsGetTheScreen(t *testing.T) {
	var out bytes.Buffer
	p := newPainter(&out, 40, 10)
	_ = p.setBar("bar")
	out.Reset()
	_ = p.write([]byte("\x1b[?1049h"))
	_ = p.setBar("bar 2")
	if !strings.HasPrefix(out.String(), "\x1b7\x1b[r") || strings.Contains(out.String(), "bar 2") {
		t.Fatalf("%q", out.String())
	}
	_ = p.write([]byte("\x1b[?1049l"))
	if !strings.Contains(out.String(), "bar 2") {
		t.Fatalf("%q", out.String())
	}
}
