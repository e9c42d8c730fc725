package dataprint

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoker/internal/engine/enginetest"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestEqualForEqualData: wherever it lies; another name, length or file differs.
func TestEqualForEqualData(t *testing.T) {
	ctx := t.Context()
	var all [4]string
	for i := range all {
		all[i] = filepath.Join(t.TempDir(), "photos")
		write(t, filepath.Join(all[i], "cat/1.jpg"), "meow")
		write(t, filepath.Join(all[i], "dog/1.jpg"), "woof")
	}
	first := Of(ctx, all[0])
	if Kind(first) != Files {
		t.Fatalf("fingerprint %q", first)
	}
	write(t, filepath.Join(all[1], ".cache/index"), "not data")
	if got := Of(ctx, all[1]); got != first {
		t.Errorf("a copy with hidden files: %q, want %q", got, first)
	}
	write(t, filepath.Join(all[2], "dog/1.jpg"), "woof!")
	write(t, filepath.Join(all[3], "dog/2.jpg"), "woof")
	for _, dir := range all[2:] {
		if Of(ctx, dir) == first {
			t.Errorf("%s has the same fingerprint", dir)
		}
	}
}

// TestNothingToTell: no fingerprint is better than that of a part.
func TestNothingToTell(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a/b"), "c")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for path, ctx := range map[string]context.Context{
		dir: over, filepath.Join(dir, "none"): t.Context(), "s3://bucket/a": t.Context(), "": t.Context(), t.TempDir(): t.Context(),
	} {
		if got := Of(ctx, path); got != "" {
			t.Errorf("%q: %q", path, got)
		}
	}
}

// TestPackedDatasets have the fingerprint of their samples.
func TestPackedDatasets(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 5})
	got := Of(t.Context(), dir)
	if Kind(got) != Dataset || len(got) < len(Dataset)+8 || strings.Contains(got, "/") {
		t.Errorf("fingerprint %q", got)
	}
}
