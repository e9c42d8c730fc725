package pack_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/filetest"
	"stoker/internal/pack"
	"stoker/internal/pixel"
)

// TestPixelsAreThoseOfTheFiles stores pictures of all formats decoded, exports
// them, and packs the export again.
func TestPixelsAreThoseOfTheFiles(t *testing.T) {
	root, out := photoTree(t, 24), filepath.Join(t.TempDir(), "p.stk")
	o := options(root, out)
	o.Pixels, o.EntropyStep = true, 8
	run(t, o)
	d := open(t, out)
	set := codec.NewSet(codec.Limits{})
	pixels := func(src []byte) pixel.RGB {
		t.Helper()
		info, err := set.Info(src)
		check(t, err)
		var mem []byte
		m := pixel.Grow(&mem, info.Width, info.Height)
		check(t, set.Decode(src, info.Format, codec.Request{}, m))
		return m
	}
	files := filetest.Contents(t, root)
	for i := range d.Len() {
		b, row := blob(t, d, i)
		want := pixels([]byte(files[d.Key(i)]))
		if row.Format != codec.PPM || row.Width != want.Width || row.Height != want.Height || row.Orientation != 1 {
			t.Fatalf("%s: %+v", d.Key(i), row)
		}
		if !bytes.Equal(pixels(b).Pix, want.Pix) {
			t.Errorf("%s has other pixels", d.Key(i))
		}
	}
	if d.Manifest().Entropy != nil {
		t.Error("pixels have an entropy index")
	}
	report, err := dataset.Verify(t.Context(), out, nil)
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("verify: %+v, %v", report, err)
	}
	exported := filepath.Join(t.TempDir(), "files")
	_, err = dataset.Export(t.Context(), d, exported, nil)
	check(t, err)
	again := options(exported, filepath.Join(t.TempDir(), "again.stk"))
	if s := run(t, again); s.Fingerprint != d.Manifest().Fingerprint {
		t.Error("the exported files make another dataset")
	}
}

// TestForecast says what either form costs of a folder with pictures that can
// have it, and nothing where there are none.
func TestForecast(t *testing.T) {
	root := photoTree(t, 12)
	for name, o := range map[string]pack.Options{
		"re-coded": {Recode: true}, "pixels": {Pixels: true},
		"small pixels": {Pixels: true, Resize: pack.Resize{Width: 20, Height: 10}},
		"small":        {Recode: true, Resize: pack.Resize{Max: 16}},
	} {
		o.Source.Root, o.Output = root, filepath.Join(t.TempDir(), "p.stk")
		f, err := pack.MakeForecast(t.Context(), o)
		check(t, err)
		if f.Pictures < 6 || f.Bytes <= 0 || f.Seconds <= 0 || f.Indexed <= 0 {
			t.Errorf("%s: %+v", name, f)
		}
		if want := int64(12 * (3*20*10 + len("P6\n20 10\n255\n"))); name == "small pixels" && f.Total != want {
			t.Errorf("%s: %d bytes, want %d", name, f.Total, want)
		}
	}
	flat := t.TempDir()
	write(t, filepath.Join(flat, "a.png"), encoded(t, "a.png", 3))
	o := options(flat, filepath.Join(t.TempDir(), "p.stk"))
	o.Recode = true
	if f, err := pack.MakeForecast(t.Context(), o); err != nil || f.Pictures != 0 {
		t.Errorf("no JPEG: %+v, %v", f, err)
	}
}
