package inplace

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/engine/enginetest"
	"stoker/internal/errs"
	"stoker/internal/filetest"
)

// TestIndexOfAFolder: all indexes are made once; what cannot be indexed is told.
func TestIndexOfAFolder(t *testing.T) {
	dir := t.TempDir()
	d, err := dataset.Open(enginetest.JPEGs(t, 3, 400))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for i, name := range []string{"1.jpg", "2.jpg", "cut.jpg"} {
		s, err := d.Sample(int64(i))
		if err != nil {
			t.Fatal(err)
		}
		blob, err := d.Read(&s, int64(i), nil)
		if err != nil {
			t.Fatal(err)
		}
		if name == "cut.jpg" {
			blob = blob[:len(blob)/2]
		}
		if err := os.WriteFile(filepath.Join(dir, name), blob, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "text.png"), []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	cache := filetest.FastDir(t)
	for round, want := range []Indexed{{Indexed: 2}, {Had: 2}} {
		f, err := OpenFolder(t.Context(), dir, cache)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Index(t.Context(), 2, func(int64) {})
		if err != nil || got.Indexed != want.Indexed || got.Had != want.Had || len(got.Bad) != 2 {
			t.Errorf("round %d: %+v %v", round, got, err)
		}
		s, err := f.Sample(0)
		if err != nil || s.Format != codec.JPEG || s.Width != 400 || len(f.AppendEntropy(nil, 0, &s)) == 0 {
			t.Errorf("round %d: %+v %v", round, s, err)
		}
		if _, err := f.Sample(3); !errs.Is(err, errs.Unsupported) || !strings.Contains(err.Error(), "text.png") {
			t.Errorf("a file that is no picture: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	f, err := OpenFolder(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Index(t.Context(), 1, func(int64) {}); !errs.Is(err, errs.Permission) {
		t.Errorf("without a folder for indexes: %v", err)
	}
}
