package stream

import (
	"bytes"
	"context"
	"testing"
	"time"

	"stoker/internal/run/seglog"
)

// TestSlowAndFastReadersSeeTheSame writes far more than memory holds while one
// reader starts late: the log gives it what memory forgot.
func TestSlowAndFastReadersSeeTheSame(t *testing.T) {
	dir := t.TempDir()
	w, _ := seglog.NewWriter(dir, 1<<20)
	b := New(dir, 0, 4096)
	var want []byte
	result := make(chan []byte, 2)
	read := func() {
		var got []byte
		buf := make([]byte, 1000)
		for off := int64(0); ; {
			c, ok := b.Next(context.Background(), off, buf, nil)
			if !ok {
				result <- got
				return
			}
			if c.Offset != off {
				t.Errorf("gap at %d", off)
			}
			got, off = append(got, c.Data...), off+int64(len(c.Data))
		}
	}
	go read()
	now := time.Now()
	for i := range 3000 {
		p := bytes.Repeat([]byte{byte(i)}, i%90)
		_, _ = w.Write(p)
		b.Append(int64(len(want)), now.Add(time.Duration(i)*time.Millisecond), Source(i/7%2), p)
		want = append(want, p...)
	}
	go read()
	b.Close()
	for range 2 {
		if !bytes.Equal(<-result, want) {
			t.Fatal("content differs")
		}
	}
}

func TestLostBytesAreSkipped(t *testing.T) {
	b := New(t.TempDir(), 0, 100)
	b.Append(50, time.Now(), Stderr, []byte("abc"))
	c, ok := b.Next(context.Background(), 0, make([]byte, 10), nil)
	if !ok || c.Offset != 50 || c.Source != Stderr || string(c.Data) != "abc" {
		t.Fatal(c, ok)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, ok := b.Next(ctx, 53, make([]byte, 10), nil); ok {
		t.Fatal("returned without data")
	}
}
