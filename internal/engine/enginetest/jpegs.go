package enginetest

import (
	"path/filepath"
	"testing"

	"stoker/internal/dataset"
)

// JPEGs writes a dataset of JPEGs alone, width pixels wide and high, with their
// entropy indexes, to a folder of the test and returns its path.
func JPEGs(t testing.TB, samples, width int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "jpegs.stk")
	write(t, dir, dataset.WriterOptions{Fields: Fields}, samples, func(i int) (*dataset.Row, error) {
		return row(2*i, &Options{Width: width})
	})
	if _, err := dataset.AddEntropy(t.Context(), dir, dataset.EntropyOptions{}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// IndexedPhotos is Photos with entropy indexes.
func IndexedPhotos(t testing.TB) string {
	t.Helper()
	dir := Photos(t)
	if _, err := dataset.AddEntropy(t.Context(), dir, dataset.EntropyOptions{}); err != nil {
		t.Fatal(err)
	}
	return dir
}
