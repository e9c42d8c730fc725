package dataset

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"stoker/internal/errs"
	"stoker/internal/filetest"
)

// checkHostileDataset opens, reads and verifies a dataset whose files may hold
// anything: errors are fine, panics and foreign errors are not.
func checkHostileDataset(t fataler, dir string) {
	t.Helper()
	if _, err := Verify(context.Background(), dir, nil); err != nil && errs.KindOf(err) == errs.Internal {
		t.Fatalf("verifying: %v", err)
	}
	d, err := Open(dir)
	if err != nil {
		if errs.KindOf(err) == errs.Internal {
			t.Fatalf("opening: %v", err)
		}
		return
	}
	defer d.Close() //nolint:errcheck // of a test
	for i := range min(d.Len(), 100) {
		if s, err := d.Sample(i); err == nil {
			_, _ = d.Read(&s, i, nil)
		}
		d.Key(i)
		for _, f := range d.Manifest().Fields {
			if c, err := d.Column(f.Name); err == nil {
				c.Text(i)
			}
		}
	}
}

// hostileSource is a small dataset to damage.
func hostileSource(t testing.TB) (dir string) {
	dir = filepath.Join(filetest.FastDir(t), "t.stk")
	writeTest(t, dir, 6, testOptions())
	return dir
}

func TestHostileFilesAreErrorsNotCrashes(t *testing.T) {
	dir := hostileSource(t)
	files := folder(t, dir)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{indexName, shardName(0)}).Draw(t, "file")
		data := append([]byte{}, files[name]...)
		for range rapid.IntRange(1, 6).Draw(t, "damages") {
			data[rapid.IntRange(0, len(data)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		writeHostile(t, dir, name, data)
		checkHostileDataset(t, dir)
	})
}

// writeHostile replaces a file and makes the manifest agree, as an attacker
// would.
func writeHostile(t fataler, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	info := &m.Index
	if name != indexName {
		info = &m.Shards[0]
	}
	info.Bytes, info.CRC = int64(len(data)), Checksum(CRC32C(data))
	text, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, manifestName), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func FuzzIndex(f *testing.F) { fuzzFile(f, indexName) }
func FuzzShard(f *testing.F) { fuzzFile(f, shardName(0)) }

func fuzzFile(f *testing.F, name string) {
	dir := hostileSource(f)
	f.Add(folder(f, dir)[name])
	f.Fuzz(func(t *testing.T, data []byte) {
		writeHostile(t, dir, name, data)
		checkHostileDataset(t, dir)
	})
}

func FuzzManifest(f *testing.F) {
	dir := hostileSource(f)
	path := filepath.Join(dir, manifestName)
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format": "stoker-dataset", "version": 1, "samples": -1, "fields": []}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		checkHostileDataset(t, dir)
	})
}

func FuzzJournal(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "t.stk")
	if writeResume(dir, &budget{left: 40_000}) == nil {
		f.Fatal("it should not have sufficed")
	}
	path := filepath.Join(dir+partialSuffix, journalName)
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		w, err := NewWriter(dir, resumeOptions(&budget{left: 1 << 30}))
		if err != nil {
			if errs.KindOf(err) == errs.Internal {
				t.Fatal(err)
			}
			return
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
