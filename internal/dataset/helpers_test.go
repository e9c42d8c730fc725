package dataset

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/leaktest"
	"stoker/internal/rng"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// testFields has one further field of each type.
var testFields = []Field{{Name: "caption", Type: Utf8}, {Name: "score", Type: Float64}, {Name: "views", Type: Int64}, {Name: "safe", Type: Bool}}

// testOptions makes small batches and shards, so that a few rows make several.
func testOptions() WriterOptions {
	return WriterOptions{Classes: []string{"cat", "dog"}, Fields: testFields, CreatedBy: "test", BatchRows: 4, ShardBytes: 48 << 10}
}

// testRow makes row i: the same in every run. A few values are null.
func testRow(i int) *Row {
	r := rng.NewKey(7).Sub(uint64(i)).Source()
	blob := make([]byte, r.Uint64()%3000)
	for j := range blob {
		blob[j] = byte(r.Uint64())
	}
	row := &Row{
		Key: fmt.Sprintf("class %d/ä%d.jpg", i%2, i), Label: int64(i % 2), Width: 10 + i, Height: 20 + i,
		Orientation: uint8(1 + i%8), Format: codec.JPEG, Blob: blob, CRC: CRC32C(blob),
		Values: []Value{{Valid: true, Text: fmt.Sprint("caption ", i)}, {Valid: true, Float: float64(i) / 3},
			{Valid: true, Int: int64(i) - 5}, {Valid: true, Bool: i%3 == 0}},
	}
	row.Values[i%len(row.Values)].Valid = i%5 != 0
	return row
}

// writeTest writes n test rows to dir and commits.
func writeTest(t testing.TB, dir string, n int, o WriterOptions) *Manifest {
	t.Helper()
	w, err := NewWriter(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	m, err := finishTest(w, n)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// finishTest appends the rows that are missing from n and commits.
func finishTest(w *Writer, n int) (*Manifest, error) {
	done, _ := w.Done()
	for i := int(done); i < n; i++ {
		if err := w.Append(testRow(i)); err != nil {
			_ = w.Close()
			return nil, err
		}
	}
	return w.Commit(nil)
}

func openTest(t testing.TB, dir string) *Dataset {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// fataler is what testing and rapid have in common.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// folder returns the contents of all files of a folder.
func folder(t fataler, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = data
	}
	return files
}

// sameFolder compares two folders byte for byte.
func sameFolder(t fataler, got, want string) {
	t.Helper()
	a, b := folder(t, got), folder(t, want)
	for name := range b {
		if !bytes.Equal(a[name], b[name]) {
			t.Fatalf("%s differs: %d bytes, want %d", name, len(a[name]), len(b[name]))
		}
	}
	if len(a) != len(b) {
		t.Fatalf("%d files, want %d", len(a), len(b))
	}
}

// checkTest compares every row of a dataset with the rows it was made of.
func checkTest(t testing.TB, d *Dataset, n int) {
	t.Helper()
	if d.Len() != int64(n) {
		t.Fatalf("%d samples, want %d", d.Len(), n)
	}
	for i := range int64(n) {
		checkRow(t, d, i, testRow(int(i)))
		checkValues(t, d, i, testFields, testRow(int(i)).Values)
	}
}

func checkRow(t fataler, d *Dataset, i int64, want *Row) {
	t.Helper()
	s, err := d.Sample(i)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := d.Read(&s, i, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(blob, want.Blob) || d.Key(i) != want.Key || s.Label != want.Label || s.Width != want.Width ||
		s.Height != want.Height || s.Orientation != int(want.Orientation) || s.Format != want.Format || s.CRC != want.CRC {
		t.Fatalf("row %d: got %+v, want %+v", i, s, want)
	}
}

func checkValues(t fataler, d *Dataset, i int64, fields []Field, want []Value) {
	t.Helper()
	for f, field := range fields {
		c, err := d.Column(field.Name)
		if err != nil {
			t.Fatal(err)
		}
		var got Value
		switch field.Type {
		case Utf8:
			var text []byte
			text, got.Valid = c.Bytes(i)
			got.Text = string(text)
		case Int64:
			got.Int, got.Valid = c.Int64(i)
			var both [2]int64
			if !c.Int64s(both[:], []int64{i, i}, -7) || both[0] != both[1] || both[0] != got.Int && (got.Valid || both[0] != -7) {
				t.Fatalf("row %d field %s: Int64s gives %d, Int64 %d", i, field.Name, both, got.Int)
			}
		case Float64:
			got.Float, got.Valid = c.Float64(i)
		case Bool:
			got.Bool, got.Valid = c.Bool(i)
		}
		if !want[f].Valid {
			want[f] = Value{}
		}
		if got != want[f] {
			t.Fatalf("row %d field %s: got %+v, want %+v", i, field.Name, got, want[f])
		}
	}
}
