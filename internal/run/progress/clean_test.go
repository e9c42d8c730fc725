package progress

import (
	"bytes"
	"strings"
	"testing"
)

func cleaned(t *testing.T, chunks ...string) string {
	t.Helper()
	var out bytes.Buffer
	c := NewCleaner(&out)
	for _, s := range chunks {
		if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCleaner(t *testing.T) {
	for _, c := range []struct{ name, raw, want string }{
		{"plain lines", "a\nb\r\nc", "a\nb\nc\n"},
		{"a bar becomes its last state", "x\n\r 1%\r 50%\r100%\ny\n", "x\n100%\ny\n"},
		{"colours and titles go", "\x1b[31mred\x1b[0m\x1b]0;title\x07 end\n", "red end\n"},
		{"backspaces", "10%\b\b\b20%\b\b\b30%\n", "30%\n"},
		{"erased bars leave nothing but their line", "\r50%\r     \rdone\n", "done\n"},
		{"nested bars", "outer 1\ninner 1\r\x1b[Aouter 2\ninner 2\r\x1b[A\router 3\n\rinner 3\nend\n", "outer 1\nouter 3\ninner 3\nend\n"},
		{"rich's live display", "\x1b[?25lEpoch 0 10%\r\x1b[2KEpoch 0 20%\nloss 1\x1b[1A\r\x1b[2KEpoch 0 30%\nloss 2\n\x1b[?25h", "Epoch 0 20%\nEpoch 0 30%\nloss 2\n"},
		{"blank lines stay", "a\n\nb\n", "a\n\nb\n"},
		{"UTF-8", "█▎ 50%\n", "█▎ 50%\n"},
	} {
		if got := cleaned(t, c.raw); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if got := cleaned(t, strings.Split(c.raw, "")...); got != c.want && !strings.Contains(c.name, "UTF-8") {
			t.Errorf("%s, byte by byte: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCleanerShowsLinesAtOnce(t *testing.T) {
	var out bytes.Buffer
	c := NewCleaner(&out)
	_, _ = c.Write([]byte("first\nsecond\n 50%"))
	if out.String() != "first\nsecond\n" {
		t.Errorf("got %q, want both lines before Close", out.String())
	}
	if c.Current() != " 50%" {
		t.Errorf("current line is %q", c.Current())
	}
}

func TestCleanerCollapsesAGigabyteOfReturns(t *testing.T) {
	var out bytes.Buffer
	c := NewCleaner(&out)
	chunk := []byte(strings.Repeat("\r 12%|█▎        | 4/32 [00:10<01:12,  2.59s/it]", 1000))
	for range 200 { // 10 MB here; the benchmark does the rest
		_, _ = c.Write(chunk)
	}
	_ = c.Close()
	if out.Len() > 100 {
		t.Errorf("%d bytes of clean log", out.Len())
	}
}
