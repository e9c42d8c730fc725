package dataset

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"stoker/internal/errs"
)

func TestExportWritesEverySampleByteForByte(t *testing.T) {
	tmp := t.TempDir()
	dir, out := filepath.Join(tmp, "t.stk"), filepath.Join(tmp, "out")
	writeTest(t, dir, 10, testOptions())
	d := openTest(t, dir)
	done, err := Export(context.Background(), d, out, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		row := testRow(i)
		got, err := os.ReadFile(filepath.Join(out, row.Key))
		if err != nil || !bytes.Equal(got, row.Blob) {
			t.Fatalf("%s: %d bytes (%v), want %d", row.Key, len(got), err, len(row.Blob))
		}
	}
	f, err := os.Open(done.Labels)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // of a test
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != 11 || len(lines[0]) != 6 || lines[4][0] != testRow(3).Key || lines[4][1] != "dog" || lines[4][2] != "caption 3" || lines[6][3] != "" {
		t.Errorf("labels.csv (%v): %q", err, lines)
	}
	if _, err := Export(context.Background(), d, out, nil); !errs.Is(err, errs.Invalid) {
		t.Errorf("exporting into a folder with files gives %v", err)
	}
}

// TestHostileKeysWriteNothing tries keys that a dataset from elsewhere may hold.
func TestHostileKeysWriteNothing(t *testing.T) {
	for _, key := range []string{"../x", "/etc/x", "a/../../x", "a//b", "./a", "a/", ".", "a\x00b", ".."} {
		tmp := t.TempDir()
		dir, out := filepath.Join(tmp, "t.stk"), filepath.Join(tmp, "out")
		writeKeys(t, dir, "good", key)
		_, err := Export(context.Background(), openTest(t, dir), out, nil)
		if !errs.Is(err, errs.Invalid) {
			t.Errorf("key %q gives %v", key, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("key %q: something was written", key)
		}
	}
	for _, keys := range [][]string{{"a", "a"}, {"a", "a/b"}, {"a/b", "a"}} {
		tmp := t.TempDir()
		dir := filepath.Join(tmp, "t.stk")
		writeKeys(t, dir, keys...)
		if _, err := Export(context.Background(), openTest(t, dir), filepath.Join(tmp, "out"), nil); !errs.Is(err, errs.Invalid) {
			t.Errorf("keys %q give %v", keys, err)
		}
	}
}

// writeKeys writes a dataset of samples with the given keys.
func writeKeys(t *testing.T, dir string, keys ...string) {
	t.Helper()
	w, err := NewWriter(dir, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if err := w.Append(&Row{Key: key, Label: -1, Blob: []byte(key), CRC: CRC32C([]byte(key))}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(nil); err != nil {
		t.Fatal(err)
	}
}
