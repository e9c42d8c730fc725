package dataset

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/errs"
	"stoker/internal/filetest"
)

// pictures returns n small JPEG images, every fifth one a PNG signature that
// nothing can decode: such samples have no index.
func pictures(t testing.TB, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		if i%5 == 4 {
			all[i] = []byte("\x89PNG\r\n\x1a\n, cut off")
			continue
		}
		m := image.NewRGBA(image.Rect(0, 0, 40+i, 33))
		for y := range 33 {
			for x := range 40 + i {
				m.Set(x, y, color.RGBA{byte(x * y), byte(3*x + i), byte(5 * y), 255})
			}
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, nil); err != nil {
			t.Fatal(err)
		}
		all[i] = b.Bytes()
	}
	return all
}

func writePictures(t testing.TB, dir string, blobs [][]byte, entropy bool) {
	w, err := NewWriter(dir, WriterOptions{BatchRows: 3, ShardBytes: 16 << 10})
	if err != nil {
		t.Fatal(err)
	}
	for i, blob := range blobs {
		row := &Row{Key: string(rune('a'+i%26)) + string(rune('a'+i/26)), Format: codec.Sniff(blob), Blob: blob, CRC: CRC32C(blob), Width: 40 + i, Height: 33, Orientation: 1}
		if err := w.Append(row); err != nil {
			t.Fatal(err)
		}
	}
	if entropy {
		if err := w.IndexEntropy(context.Background(), EntropyOptions{Workers: 2}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(nil); err != nil {
		t.Fatal(err)
	}
}

func checkEntropy(t testing.TB, dir string, blobs [][]byte, step int) {
	t.Helper()
	d := openTest(t, dir)
	set := codec.NewSet(codec.Limits{})
	if !d.HasEntropy() || d.Manifest().Entropy.Step != step {
		t.Fatalf("entropy indexes: %+v, want step %d", d.Manifest().Entropy, step)
	}
	for i := range d.Len() {
		s, err := d.Sample(i)
		if err != nil {
			t.Fatal(err)
		}
		blob := blobs[i%int64(len(blobs))]
		want, err := set.AppendIndex(nil, blob, codec.Sniff(blob), step)
		if err != nil {
			want = nil
		}
		if got := d.AppendEntropy(nil, i, &s); !bytes.Equal(got, want) {
			t.Fatalf("sample %d: an index of %d bytes, want %d", i, len(got), len(want))
		}
	}
}

func TestEntropyIndexes(t *testing.T) {
	blobs := pictures(t, 40)
	dir := filepath.Join(filetest.FastDir(t), "e.stk")
	writePictures(t, dir, blobs, true)
	checkEntropy(t, dir, blobs, codec.DefaultIndexStep)
	before := openTest(t, dir) // a reader sees no change
	if _, err := AddEntropy(context.Background(), dir, EntropyOptions{Step: EntropyRows}); err != nil {
		t.Fatal(err)
	}
	checkEntropy(t, dir, blobs, EntropyRows)
	s, err := before.Sample(0)
	if err != nil || len(before.AppendEntropy(nil, 0, &s)) == 0 {
		t.Errorf("the dataset that was open lost its indexes: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*entropy-8-*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
	repeated := filepath.Join(filetest.FastDir(t), "r.stk")
	if err := Repeat(dir, repeated, 100); err != nil {
		t.Fatal(err)
	}
	checkEntropy(t, repeated, blobs, EntropyRows)
	if r, err := Verify(context.Background(), dir, nil); err != nil || !r.OK() {
		t.Fatalf("verify: %v %+v", err, r)
	}
}

// Indexes change nothing that training can see, and may be added later.
func TestEntropyIsNotPartOfTheFingerprint(t *testing.T) {
	blobs := pictures(t, 7)
	tmp := filetest.FastDir(t)
	with, without := filepath.Join(tmp, "a.stk"), filepath.Join(tmp, "b.stk")
	writePictures(t, with, blobs, true)
	writePictures(t, without, blobs, false)
	if a, b := openTest(t, with), openTest(t, without); a.Fingerprint() != b.Fingerprint() || b.HasEntropy() {
		t.Error("the fingerprint depends on the entropy indexes")
	}
	if _, err := AddEntropy(context.Background(), without, EntropyOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"manifest.json", "entropy-8-00000.arrow"} {
		a, errA := os.ReadFile(filepath.Join(with, name))
		b, errB := os.ReadFile(filepath.Join(without, name))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: built at once and built later differ (%v, %v)", name, errA, errB)
		}
	}
}

func TestDamagedEntropyFiles(t *testing.T) {
	blobs := pictures(t, 30)
	dir := filepath.Join(filetest.FastDir(t), "e.stk")
	writePictures(t, dir, blobs, true)
	path := filepath.Join(dir, "entropy-8-00000.arrow")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(data); at += 1 + len(data)/97 {
		damaged := bytes.Clone(data)
		damaged[at] ^= 0x40
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if r, err := Verify(context.Background(), dir, nil); err != nil || r.BadIndexes != 1 || r.BadFiles != 1 || r.BadSamples != 0 {
			t.Fatalf("byte %d changed: verify finds %+v (%v)", at, r, err)
		}
		d, err := Open(dir)
		if err != nil {
			if !errs.Is(err, errs.Corrupt) {
				t.Fatalf("byte %d changed: %v", at, err)
			}
			continue
		}
		for i := range d.Len() {
			if s, err := d.Sample(i); err == nil {
				d.AppendEntropy(nil, i, &s)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(path, int64(len(data)/2)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errs.Is(err, errs.Corrupt) {
		t.Errorf("cut off: %v", err)
	}
}
