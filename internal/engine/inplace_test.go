package engine_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stoker/internal/dataset"
	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/errs"
	"stoker/internal/filetest"
)

// folder makes a folder of class folders with large JPEGs.
func folder(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "photos")
	d := openDataset(t, enginetest.JPEGs(t, 6, 600))
	defer d.Close()
	for i := range d.Len() {
		s, err := d.Sample(i)
		if err != nil {
			t.Fatal(err)
		}
		blob, err := d.Read(&s, i, nil)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, d.Key(i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, blob, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// bytesRead is what a session read for the given epochs.
func bytesRead(s *engine.Session, epochs ...uint64) (n int64) {
	for _, e := range epochs {
		n += s.Stats(&e, engine.Measured{}).BytesRead
	}
	return n
}

// TestFolderLaw: a folder in place gives the same pixels without a cache, while
// its indexes are made, and with them; and resumes. The data may be read-only.
func TestFolderLaw(t *testing.T) {
	dir := folder(t)
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o755) }) // for who is not root and removes it
	cache := filetest.FastDir(t)
	o := engine.Options{Dataset: dir, Transform: augment(t), Fields: []string{"image", "label", "index", "key"}, BatchSize: 2, Shuffle: true, Seed: 6}
	plain := open(t, o)
	want := read(t, plain, 9)
	o.Cache = cache
	first := open(t, o)
	if diff := cmp.Diff(want, read(t, first, 9)); diff != "" {
		t.Errorf("while the indexes are made: %s", diff)
	}
	state := first.Info().State
	first.Close()
	second := open(t, o) // as another process would
	if diff := cmp.Diff(want, read(t, second, 9)); diff != "" {
		t.Errorf("with indexes: %s", diff)
	}
	if with, without := bytesRead(second, 0, 1), bytesRead(plain, 0, 1); with >= without {
		t.Errorf("two epochs read %d bytes, %d without indexes", with, without)
	}
	state.Epoch, state.Position = 1, 4
	o.State = mustEncode(t, state)
	if diff := cmp.Diff(want[5:], read(t, open(t, o), 4)); diff != "" {
		t.Errorf("resumed: %s", diff)
	}
}

// TestFolderThatChanges: an index is never used for other bytes, even where
// length and time are the same; a file of another length is an error.
func TestFolderThatChanges(t *testing.T) {
	dir := folder(t)
	o := engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 6, Seed: 6, Cache: filetest.FastDir(t)}
	open(t, o).Close()
	s := open(t, o)
	read(t, s, 2)
	s.Close()
	files, err := filepath.Glob(filepath.Join(dir, "*/*.jpeg"))
	if err != nil || len(files) != 6 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		changeKeepingTime(t, path)
	}
	plain := o
	plain.Cache = ""
	want := read(t, open(t, plain), 4)
	for range 2 {
		if diff := cmp.Diff(want, read(t, open(t, o), 4)); diff != "" {
			t.Errorf("after a change: %s", diff)
		}
	}
	s = open(t, o)
	if err := os.Truncate(files[0], 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := failure(t, s); !errs.Is(err, errs.Corrupt) || !strings.Contains(err.Error(), files[0]) || errs.HintOf(err) == "" {
		t.Errorf("a file that shrank: %v", err)
	}
}

// changeKeepingTime changes a JPEG, and leaves length and time.
func changeKeepingTime(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changePixels(b)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Now(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
}

// changePixels changes a quantisation table: other pixels, the same scan.
func changePixels(jpeg []byte) {
	at := strings.Index(string(jpeg), "\xff\xdb")
	for i := range 32 {
		jpeg[at+6+i] ^= 1
	}
}

// TestPackedWithoutIndexes: the same for a dataset that was packed without.
func TestPackedWithoutIndexes(t *testing.T) {
	with := enginetest.JPEGs(t, 6, 600)
	o := engine.Options{Dataset: with, Transform: augment(t), BatchSize: 2, Shuffle: true, Seed: 6}
	want := read(t, open(t, o), 9)
	bare := filepath.Join(t.TempDir(), "bare.stk")
	if err := os.CopyFS(bare, os.DirFS(with)); err != nil {
		t.Fatal(err)
	}
	dropEntropy(t, bare)
	o.Dataset = bare
	plain := open(t, o)
	read(t, plain, 3)
	o.Cache = filetest.FastDir(t)
	if diff := cmp.Diff(want, read(t, open(t, o), 9)); diff != "" {
		t.Error(diff)
	}
	if kept, err := filepath.Glob(filepath.Join(o.Cache, "entropy", "*.data")); err != nil || len(kept) != 1 {
		t.Errorf("kept: %v %v", kept, err)
	}
	other := open(t, o) // beside the first, as of another rank
	if diff := cmp.Diff(want, read(t, other, 9)); diff != "" {
		t.Error(diff)
	}
	if with, without := bytesRead(other, 0), bytesRead(plain, 0); with >= without {
		t.Errorf("%d bytes were read with indexes, %d without", with, without)
	}
}

func mustEncode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// dropEntropy takes the indexes out of a manifest.
func dropEntropy(t *testing.T, dir string) {
	t.Helper()
	m, err := dataset.ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	m.Entropy = nil
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), mustEncode(t, m), 0o644); err != nil {
		t.Fatal(err)
	}
}
