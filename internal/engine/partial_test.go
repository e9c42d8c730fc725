package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stoker/internal/dataset"
	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/errs"
)

// wholly hides what partial reads need.
type wholly struct{ engine.Source }

func (wholly) AppendParts(dst []byte, _ int64, _ *dataset.Sample) []byte { return dst }

func openDataset(t testing.TB, dir string) *dataset.Dataset {
	t.Helper()
	d, err := dataset.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestPartialReadsChangeNothing: fewer bytes are read, for the same pixels.
func TestPartialReadsChangeNothing(t *testing.T) {
	dir := enginetest.JPEGs(t, 8, 900) // of some 300 KB
	var batches [2][]got
	var bytes [2]int64
	for i, source := range []engine.Source{openDataset(t, dir), wholly{openDataset(t, dir)}} {
		s := open(t, engine.Options{Source: source, Transform: augment(t), BatchSize: 4, Shuffle: true, Seed: 4})
		batches[i] = read(t, s, 8)
		bytes[i] = bytesRead(s, 0, 1, 2, 3)
	}
	if diff := cmp.Diff(batches[1], batches[0]); diff != "" {
		t.Error(diff)
	}
	if bytes[0] > bytes[1]*9/10 {
		t.Errorf("%d of %d bytes were read", bytes[0], bytes[1])
	}
}

// TestDamageInPartialReads: a batch has the right pixels, or its sample's error.
func TestDamageInPartialReads(t *testing.T) {
	dir := enginetest.JPEGs(t, 8, 900) // of some 300 KB
	want := read(t, open(t, engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 1, Seed: 4}), 8)
	d := openDataset(t, dir)
	defer d.Close()
	refused := 0
	for at := range int64(4) {
		m, err := d.Sample(2 * at)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, d.Manifest().Shards[m.Shard].File)
		place := m.Offset + m.Length/8*(1+2*at)
		flip(t, path, place)
		s := open(t, engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 1, Seed: 4})
		for i := range want {
			b, err := s.Next(t.Context())
			if err == nil {
				if diff := cmp.Diff(want[i], look(t, s, b)); diff != "" {
					t.Errorf("byte %d of sample %d changed: %s", place-m.Offset, 2*at, diff)
				}
				continue
			}
			if int64(i) != 2*at || !errs.Is(err, errs.Corrupt) {
				t.Errorf("byte %d of sample %d changed: sample %d fails: %v", place-m.Offset, 2*at, i, err)
			}
			refused++
			break
		}
		flip(t, path, place)
	}
	if refused == 0 {
		t.Error("no damage was met")
	}
}

// flip changes a byte of a file, or changes it back.
func flip(t testing.TB, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}
