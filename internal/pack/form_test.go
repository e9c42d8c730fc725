package pack_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/pack"
	"stoker/internal/pixel"
	"stoker/internal/source"
	"stoker/jpeg"
)

// jpegs copies the decoder's goldens, of all kinds of JPEG that there are, to a
// folder.
func jpegs(t *testing.T) (dir string, files map[string][]byte) {
	dir, files = t.TempDir(), map[string][]byte{}
	found, err := filepath.Glob(filepath.Join("..", "..", "jpeg", "testdata", "golden", "*.jpg"))
	if err != nil || len(found) < 10 {
		t.Fatalf("%d goldens (%v)", len(found), err)
	}
	for _, path := range found {
		data, err := os.ReadFile(path)
		check(t, err)
		if _, err := codec.NewSet(codec.Limits{}).Info(data); err != nil {
			continue
		}
		if _, err := jpeg.Recode(data); err != nil && decode(t, data) == nil {
			continue // a damaged one
		}
		files[filepath.Base(path)] = data
		write(t, filepath.Join(dir, filepath.Base(path)), data)
	}
	return dir, files
}

// decode returns the pixels of an image, or nil.
func decode(t *testing.T, data []byte) []byte {
	set := codec.NewSet(codec.Limits{})
	h, err := jpeg.ParseHeader(data)
	if err != nil && !jpeg.IsRecoded(data) {
		t.Fatal(err)
	}
	if err != nil {
		restored, err := jpeg.Restore(data)
		check(t, err)
		h, err = jpeg.ParseHeader(restored)
		check(t, err)
	}
	var buf []byte
	m := pixel.Grow(&buf, h.Width, h.Height)
	if err := set.Decode(data, codec.JPEG, codec.Request{}, m); err != nil {
		return nil
	}
	return buf
}

// Whatever form JPEGs are kept in, pixels are the same, and export gives JPEGs
// of the same pixels back.
func TestFormsOfJPEGs(t *testing.T) {
	src, files := jpegs(t)
	for name, o := range map[string]pack.Options{"recode": {Recode: true}, "baseline": {Baseline: true, EntropyStep: 8}} {
		o.Source, o.Output = source.Options{Root: src}, filepath.Join(t.TempDir(), "f.stk")
		run(t, o)
		d := open(t, o.Output)
		changed := 0
		for i := range d.Len() {
			stored, _ := blob(t, d, i)
			original := files[d.Key(i)]
			if !bytes.Equal(stored, original) {
				changed++
			}
			if got := decode(t, stored); got == nil || !bytes.Equal(got, decode(t, original)) {
				t.Errorf("%s: %s has other pixels", name, d.Key(i))
			}
		}
		if changed == 0 {
			t.Errorf("%s: no picture changed its form", name)
		}
		checkExport(t, d, files)
	}
}

func checkExport(t *testing.T, d *dataset.Dataset, files map[string][]byte) {
	out := filepath.Join(t.TempDir(), "export")
	_, err := dataset.Export(t.Context(), d, out, nil)
	check(t, err)
	for name, original := range files {
		data, err := os.ReadFile(filepath.Join(out, name))
		check(t, err)
		if jpeg.IsRecoded(data) || !bytes.Equal(decode(t, data), decode(t, original)) {
			t.Errorf("%s was not exported as it was", name)
		}
	}
}
