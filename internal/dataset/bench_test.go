package dataset

import (
	"path/filepath"
	"testing"
)

// repeated makes a dataset as large as ImageNet's.
func repeated(b *testing.B) string {
	b.Helper()
	tmp := b.TempDir()
	src, dst := filepath.Join(tmp, "a.stk"), filepath.Join(tmp, "b.stk")
	writeTest(b, src, 1000, WriterOptions{Fields: testFields})
	if err := Repeat(src, dst, 1_281_167); err != nil {
		b.Fatal(err)
	}
	return dst
}

func BenchmarkOpenImageNet(b *testing.B) {
	dir := repeated(b)
	for b.Loop() {
		d, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSample(b *testing.B) {
	d := openTest(b, repeated(b))
	b.ReportAllocs()
	i := int64(0)
	for b.Loop() {
		if _, err := d.Sample(i * 7919 % d.Len()); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// benchBlob is a sample of the usual size of a photograph.
var benchBlob = make([]byte, 100<<10)

func benchDataset(b *testing.B, dir string, rows int) {
	w, err := NewWriter(dir, WriterOptions{Overwrite: true})
	if err != nil {
		b.Fatal(err)
	}
	row := &Row{Key: "class/picture.jpg", Width: 500, Height: 375, Orientation: 1, Blob: benchBlob, CRC: CRC32C(benchBlob)}
	for range rows {
		if err := w.Append(row); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := w.Commit(nil); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkWriter(b *testing.B) {
	const rows = 2000
	b.SetBytes(rows * int64(len(benchBlob)))
	dir := filepath.Join(b.TempDir(), "a.stk")
	for b.Loop() {
		benchDataset(b, dir, rows)
	}
}

func BenchmarkRead(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "a.stk")
	benchDataset(b, dir, 1000)
	d := openTest(b, dir)
	b.SetBytes(int64(len(benchBlob)))
	b.ReportAllocs()
	var buf []byte
	i := int64(0)
	for b.Loop() {
		n := i * 7919 % d.Len()
		i++
		s, err := d.Sample(n)
		if err != nil {
			b.Fatal(err)
		}
		if buf, err = d.Read(&s, n, buf); err != nil {
			b.Fatal(err)
		}
	}
}
