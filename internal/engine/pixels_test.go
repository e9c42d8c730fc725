package engine_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stoker/internal/dataset"
	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/pack"
	"stoker/internal/source"
)

// TestPixelsMakeTheBatchesOfTheFiles: storing pictures decoded changes no byte of
// a batch, whatever is done to them.
func TestPixelsMakeTheBatchesOfTheFiles(t *testing.T) {
	made := openDataset(t, enginetest.Make(t, enginetest.Options{Samples: 40}))
	defer made.Close()
	files := filepath.Join(t.TempDir(), "files")
	if _, err := dataset.Export(t.Context(), made, files, nil); err != nil {
		t.Fatal(err)
	}
	var want []got
	for _, pixels := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "p.stk")
		if _, err := pack.Run(t.Context(), pack.Options{Source: source.Options{Root: files}, Output: dir, Pixels: pixels}); err != nil {
			t.Fatal(err)
		}
		s := open(t, engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 7, Shuffle: true, Seed: 5})
		got := read(t, s, 12)
		if !pixels {
			want = got
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}
