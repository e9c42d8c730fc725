// Package enginetest makes datasets for the tests and benchmarks of the packages
// that run sessions.
package enginetest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/pixel"
	"stoker/internal/rng"
)

// Fields are the further fields of the datasets that Make writes: one of each
// type, each with nulls.
var Fields = []dataset.Field{
	{Name: "caption", Type: dataset.Utf8}, {Name: "score", Type: dataset.Float64},
	{Name: "views", Type: dataset.Int64}, {Name: "safe", Type: dataset.Bool},
}

// Options shape a dataset.
type Options struct {
	Samples int
	Width   int          // of every picture; 0: sizes between 24 and 55
	Bad     map[int]bool // samples whose bytes are no picture
}

// Make writes a dataset of small generated pictures, JPEG and PNG in turn, to a
// folder of the test and returns its path. Equal options give equal bytes.
func Make(t testing.TB, o Options) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "made.stk")
	write(t, dir, dataset.WriterOptions{Classes: []string{"cat", "dog", "eel"}, Fields: Fields, BatchRows: 16, ShardBytes: 64 << 10}, o.Samples,
		func(i int) (*dataset.Row, error) { return row(i, &o) })
	return dir
}

func write(t testing.TB, dir string, o dataset.WriterOptions, samples int, row func(i int) (*dataset.Row, error)) {
	t.Helper()
	w, err := dataset.NewWriter(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range samples {
		r, err := row(i)
		if err == nil {
			err = w.Append(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(nil); err != nil {
		t.Fatal(err)
	}
}

// row makes sample i.
func row(i int, o *Options) (*dataset.Row, error) {
	r := rng.NewKey(7).Sub(uint64(i)).Source()
	w, h := o.Width, o.Width
	if w == 0 {
		w, h = 24+r.IntN(32), 24+r.IntN(32)
	}
	blob, format, err := picture(&r, i, w, h)
	if err != nil {
		return nil, err
	}
	if o.Bad[i] {
		blob = []byte("no picture")
	}
	return &dataset.Row{
		Key: fmt.Sprintf("class %d/%05d.%v", i%3, i, format), Label: int64(i % 3), Width: w, Height: h, Orientation: 1,
		Format: format, Blob: blob, CRC: dataset.CRC32C(blob),
		Values: []dataset.Value{
			{Valid: i%5 != 0, Text: fmt.Sprint("caption of ", i)}, {Valid: i%7 != 0, Float: float64(i) / 3},
			{Valid: i%11 != 0, Int: int64(i) - 5}, {Valid: i%13 != 0, Bool: i%2 == 0}},
	}, nil
}

func picture(r *rng.Source, i, w, h int) ([]byte, codec.Format, error) {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	base := r.Uint64()
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, color.RGBA{uint8(base) + uint8(5*x), uint8(base>>8) + uint8(3*y), uint8(base>>16) + uint8(x*y), 255})
		}
	}
	var b bytes.Buffer
	switch i % 4 {
	case 3:
		err := png.Encode(&b, img)
		return b.Bytes(), codec.PNG, err
	case 1:
		pix := make([]byte, 0, pixel.Bytes(w, h))
		for at := 0; at < len(img.Pix); at += 4 {
			pix = append(pix, img.Pix[at:at+3]...)
		}
		return codec.AppendPPM(nil, pixel.RGB{Pix: pix, Stride: 3 * w, Width: w, Height: h}), codec.PPM, nil
	}
	err := jpeg.Encode(&b, img, nil)
	return b.Bytes(), codec.JPEG, err
}

// Photos packs the photographs of the test data to a folder of the test and
// returns its path; it skips the test where they are not there.
func Photos(t testing.TB) string {
	t.Helper()
	files := photoFiles(t)
	set := codec.NewSet(codec.Limits{})
	dir := filepath.Join(t.TempDir(), "photos.stk")
	write(t, dir, dataset.WriterOptions{}, len(files), func(i int) (*dataset.Row, error) {
		blob, err := os.ReadFile(files[i])
		if err != nil {
			return nil, err
		}
		info, err := set.Info(blob)
		return &dataset.Row{
			Key: filepath.Base(files[i]), Label: -1, Width: info.Width, Height: info.Height,
			Orientation: uint8(info.Orientation), Format: info.Format, Blob: blob, CRC: dataset.CRC32C(blob),
		}, err
	})
	return dir
}

func photoFiles(t testing.TB) []string {
	t.Helper()
	root := os.Getenv("STOKER_TEST_DATA")
	if root == "" {
		root = filepath.Join(moduleRoot(t), "..", "shared", "data")
	}
	var files []string
	for _, pattern := range []string{"photos/*.jp*g", "photos/*.JP*G", "photos/*/*.jp*g", "photos/*/*.JP*G"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Skipf("no photographs in %s; STOKER_TEST_DATA names another folder", filepath.Join(root, "photos"))
	}
	slices.Sort(files)
	return files
}

// moduleRoot returns the folder of go.mod.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("go.mod is in no folder above")
	return ""
}

// Repeated writes a dataset whose index repeats the entries of dir until it has
// so many samples, to a folder of the test, and returns its path.
func Repeated(t testing.TB, dir string, samples int64) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "repeated.stk")
	if err := dataset.Repeat(dir, to, samples); err != nil {
		t.Fatal(err)
	}
	return to
}
