package link

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFramesThroughADeepDirectory(t *testing.T) {
	dir := t.TempDir() + "/" + strings.Repeat("deep/", 20)
	if err := mkdir(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, _ := l.Accept()
	s := NewConn(raw)
	defer s.Close()
	go func() { _ = c.Write('d', []byte("ab"), nil, []byte("c")) }()
	kind, p, err := s.Read()
	if kind != 'd' || string(p) != "abc" || err != nil {
		t.Fatal(kind, p, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte{1, 2, 0, 0, 0, 'a', 'b'})
	f.Add([]byte{1, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c *Conn
		a, b := net.Pipe()
		c = NewConn(b)
		go func() { _, _ = bytes.NewReader(raw).WriteTo(a); a.Close() }()
		for {
			if _, p, err := c.Read(); err != nil {
				break
			} else if len(p) > len(raw) {
				t.Fatal("more than was sent")
			}
		}
		b.Close()
	})
}

func mkdir(dir string) error { return os.MkdirAll(dir, 0o700) }
