package seglog

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

func readAll(t interface{ Fatal(...any) }, dir string) (data []byte, gap bool) {
	off := int64(0)
	buf := make([]byte, 37)
	for {
		n, at, err := ReadAt(dir, buf, off)
		if errors.Is(err, io.EOF) {
			return data, gap
		}
		if err != nil {
			t.Fatal(err)
		}
		gap = gap || at != off
		data, off = append(data, buf[:n]...), at+int64(n)
	}
}

func TestKeepsHeadAndTailUnderTheCap(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp("", "seglog")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		capBytes := rapid.Int64Range(80, 800).Draw(r, "cap")
		w, _ := NewWriter(dir, capBytes)
		var all []byte
		for i := range rapid.IntRange(1, 60).Draw(r, "writes") {
			p := bytes.Repeat([]byte{byte(i)}, rapid.IntRange(0, 90).Draw(r, "len"))
			if _, err := w.Write(p); err != nil {
				r.Fatal(err)
			}
			all = append(all, p...)
			if rapid.Bool().Draw(r, "reopen") && i%5 == 0 {
				w.Close()
				w, _ = NewWriter(dir, capBytes)
			}
		}
		w.Close()
		if w.End() != int64(len(all)) {
			r.Fatalf("end is %d, wrote %d", w.End(), len(all))
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		size := int64(0)
		for _, f := range files {
			info, _ := os.Stat(f)
			size += info.Size()
		}
		if size > capBytes {
			r.Fatalf("%d bytes on disk, cap %d", size, capBytes)
		}
		got, gap := readAll(r, dir)
		if !gap && !bytes.Equal(got, all) {
			r.Fatal("content differs")
		}
		tail, _ := Tail(dir, capBytes/segments)
		if !bytes.HasSuffix(all, tail) || (len(all) > 0 && len(tail) == 0) {
			r.Fatal("tail differs")
		}
	})
}

func TestDamagedNamesAreIgnored(t *testing.T) {
	dir := t.TempDir()
	_ = os.WriteFile(filepath.Join(dir, "note.txt"), []byte("x"), 0o600)
	_ = os.WriteFile(filepath.Join(dir, "abc.log"), []byte("x"), 0o600)
	if start, end, err := Bounds(dir); start != 0 || end != 0 || err != nil {
		t.Fatal(start, end, err)
	}
}
