package screen

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// feed writes text in pieces of n bytes and returns the finished lines.
func feed(text string, n int) []string {
	var lines []string
	s := New(10, func(line string) { lines = append(lines, line) })
	for p := []byte(text); len(p) > 0; p = p[min(n, len(p)):] {
		_, _ = s.Write(p[:min(n, len(p))])
	}
	s.Flush()
	return lines
}

func TestLines(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"plain", "a\nb\n", []string{"a", "b"}},
		{"crlf", "a\r\nb\r\n", []string{"a", "b"}},
		{"no line feed at the end", "a\nb", []string{"a", "b"}},
		{"bar", "\r 10%|#   |\r 50%|##  |\r100%|####| done\nnext\n", []string{"100%|####| done", "next"}},
		{"shorter redraw keeps the rest", "abcdef\rxy\n", []string{"xycdef"}},
		{"erase to the end", "abcdef\rxy\x1b[K\n", []string{"xy"}},
		{"erase the line", "abcdef\x1b[2K\rxy\n", []string{"xy"}},
		{"keras backspaces", "1/9" + strings.Repeat("\b", 3) + "2/9\n", []string{"2/9"}},
		{"colours", "\x1b[1m 55/469\x1b[0m \x1b[32m━━\x1b[0m\n", []string{" 55/469 ━━"}},
		{"title", "\x1b]0;train\x07ok\n\x1b]0;x\x1b\\ok\n", []string{"ok", "ok"}},
		{"utf8", "é▏█\n", []string{"é▏█"}},
		{"tab", "a\tb\n", []string{"a       b"}},
		{"nested bars", "a0\nb0\x1b[A\ra1\nb1\x1b[A\ra2\nb2\n", []string{"a0", "b0", "a2", "b2"}},
	} {
		for _, n := range []int{1, 2, 3, 1000} {
			got := feed(c.in, n)
			if c.name == "nested bars" { // the first frame went before the first move up was seen
				got = got[max(0, len(got)-2):]
				c.want = []string{"a2", "b2"}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s in pieces of %d: %s", c.name, n, diff)
			}
		}
	}
}

func TestTailHasTheLiveLine(t *testing.T) {
	s := New(3, func(string) {})
	_, _ = s.Write([]byte("1\n2\n3\n4\n5\nbar 1\rbar 2"))
	done, live, row := s.Tail(2)
	if diff := cmp.Diff([]string{"4", "5"}, done); diff != "" || live[row] != "bar 2" {
		t.Error(diff, live, row)
	}
}

func FuzzScreen(f *testing.F) {
	f.Add([]byte("a\x1b[3A\x1b[2J\rb\x1b[99999Gx\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		n := 0
		s := New(4, func(line string) { n += len(line) + 1 })
		_, _ = s.Write(p)
		s.Flush()
		if n > (len(p)+1)*maxWidth*4 {
			t.Fatal("lines grew")
		}
	})
}

func BenchmarkCarriageReturns(b *testing.B) {
	frame := []byte("\r 45%|██████████          | 450/1000 [00:10<00:12, 45.00it/s, loss=0.123]")
	s := New(100, func(string) {})
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		_, _ = s.Write(frame)
	}
}
