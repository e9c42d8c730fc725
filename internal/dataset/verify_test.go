package dataset

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"stoker/internal/errs"
	"stoker/internal/filetest"
)

const verifyRows = 60

func verifyTest(t fataler, dir string) *Report {
	t.Helper()
	r, err := Verify(context.Background(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerifyFindsNothingInAWholeDataset(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t.stk")
	m := writeTest(t, dir, verifyRows, testOptions())
	var read atomic.Int64
	r, err := Verify(context.Background(), dir, func(n int64) { read.Add(n) })
	if err != nil || !r.OK() || len(r.Problems) > 0 {
		t.Fatalf("%v: %+v", err, r)
	}
	if read.Load() != m.Bytes() {
		t.Errorf("progress over %d bytes, want %d", read.Load(), m.Bytes())
	}
	again := filepath.Join(t.TempDir(), "r.stk")
	if err := Repeat(dir, again, 3*verifyRows+5); err != nil {
		t.Fatal(err)
	}
	if r := verifyTest(t, again); !r.OK() {
		t.Errorf("a repeated dataset: %+v", r.Problems)
	}
}

// damage changes a byte of a file or cuts it off, and returns the place.
func damage(t *rapid.T, path string) (at int, cut bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at, cut = rapid.IntRange(0, len(data)-1).Draw(t, "at"), rapid.Bool().Draw(t, "cut")
	if cut {
		data = data[:at]
	} else {
		data[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return at, cut
}

// TestVerifyNamesEveryDamagedSample damages one file at a random place: the
// report names the samples hit, and no others.
func TestVerifyNamesEveryDamagedSample(t *testing.T) {
	tmp := filetest.FastDir(t)
	src := filepath.Join(tmp, "src.stk")
	m := writeTest(t, src, verifyRows, testOptions())
	whole := openTest(t, src)
	rapid.Check(t, func(t *rapid.T) {
		dir := filepath.Join(tmp, "t.stk")
		if err := os.CopyFS(dir, os.DirFS(src)); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // of a test
		shard := rapid.IntRange(-1, len(m.Shards)-1).Draw(t, "shard")
		name := indexName
		if shard >= 0 {
			name = m.Shards[shard].File
		}
		at, cut := damage(t, filepath.Join(dir, name))
		r := verifyTest(t, dir)
		if r.OK() {
			t.Fatalf("damage of %s at byte %d goes unnoticed", name, at)
		}
		for i := range whole.Len() {
			s, err := whole.Sample(i)
			if err != nil {
				t.Fatal(err)
			}
			hit := s.Offset <= int64(at) && int64(at) < s.Offset+s.Length || cut && s.Offset+s.Length > int64(at)
			if s.Shard == shard && hit && !reported(r, i, whole.Key(i)) {
				t.Fatalf("sample %d, which was hit at byte %d of %s, is not in %+v", i, at, name, r.Problems)
			}
			if s.Shard != shard && reported(r, i, whole.Key(i)) {
				t.Fatalf("sample %d is reported, but only %s is damaged", i, name)
			}
		}
	})
}

func reported(r *Report, i int64, key string) bool {
	for _, p := range r.Problems {
		if p.Sample == i && p.Key == key {
			return true
		}
	}
	return false
}

// TestReadFindsEveryFlippedBit checks what a training run sees.
func TestReadFindsEveryFlippedBit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t.stk")
	m := writeTest(t, dir, 4, testOptions())
	d := openTest(t, dir)
	s, err := d.Sample(2)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, m.Shards[0].File), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // of a test
	if _, err := f.WriteAt([]byte{testRow(2).Blob[5] ^ 1}, s.Offset+5); err != nil {
		t.Fatal(err)
	}
	_, err = d.Read(&s, 2, nil)
	if text := err.Error(); !errs.Is(err, errs.Corrupt) || !strings.Contains(text, testRow(2).Key) || !strings.Contains(text, m.Shards[0].File) {
		t.Errorf("got %v, want the sample and the shard", err)
	}
	if err := f.Truncate(s.Offset + 1); err != nil {
		t.Fatal(err)
	}
	if _, err = d.Read(&s, 2, nil); !errs.Is(err, errs.Corrupt) || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("got %v, want that the file is cut off", err)
	}
	if _, err := Open(dir); !errs.Is(err, errs.Corrupt) || !strings.Contains(err.Error(), m.Shards[0].File) {
		t.Errorf("opening gives %v, want the shard that is cut off", err)
	}
}

func TestVerifyFindsKeysThatOccurTwice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t.stk")
	writeKeys(t, dir, "a", "b", "a")
	r := verifyTest(t, dir)
	if r.BadSamples != 1 || r.Problems[0].Sample != 2 || r.Problems[0].Key != "a" {
		t.Errorf("got %+v, want sample 2", r)
	}
}

func TestVerifyAndExportStopWhenTold(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t.stk")
	writeTest(t, dir, 20, testOptions())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Verify(ctx, dir, nil); !errs.Is(err, errs.Canceled) {
		t.Errorf("a canceled verification gives %v", err)
	}
	if _, err := Export(ctx, openTest(t, dir), filepath.Join(t.TempDir(), "out"), nil); !errs.Is(err, errs.Canceled) {
		t.Errorf("a canceled export gives %v", err)
	}
}
