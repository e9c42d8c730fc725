package inspect

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"path/filepath"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/errs"
)

// testDataset holds n pictures of growing width in two classes, and a last
// sample that is no picture.
func testDataset(t *testing.T, n int) *dataset.Dataset {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "t.stk")
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{Classes: []string{"cat", "dog"},
		Fields: []dataset.Field{{Name: "score", Type: dataset.Float64}, {Name: "safe", Type: dataset.Bool}, {Name: "caption", Type: dataset.Utf8}}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		row := &dataset.Row{Key: string(rune('a' + i%26)), Label: int64(i % 2), Width: 100 + 10*i, Height: 80, Orientation: 1, Format: codec.JPEG,
			Blob:   picture(t, 100+10*i, 80),
			Values: []dataset.Value{{Valid: i > 0, Float: float64(i)}, {Valid: true, Bool: true}, {Valid: true, Text: "text"}}}
		if i == n-1 {
			row.Blob, row.Label, row.Orientation, row.Format = []byte("no picture"), -1, 6, codec.Unknown
		}
		row.CRC = dataset.CRC32C(row.Blob)
		if err := w.Append(row); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(nil); err != nil {
		t.Fatal(err)
	}
	d, err := dataset.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func picture(t *testing.T, width, height int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = 200
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSummaryCountsWhatIsThere(t *testing.T) {
	d := testDataset(t, 11)
	s, err := Summarize(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	if s.Samples != 11 || s.Unlabeled != 1 || s.Turned != 1 || s.Classes[0].Samples != 5 || s.Classes[1].Samples != 5 {
		t.Errorf("counts: %+v", s)
	}
	if len(s.Formats) != 2 || s.Formats[1] != (Count{"jpeg", 10}) {
		t.Errorf("formats: %+v", s.Formats)
	}
	if w := s.Width; w.Min != 100 || w.Median != 150 || w.Max != 200 || w.Mean != 150 {
		t.Errorf("widths: %+v", w)
	}
	score, caption := s.Fields[0], s.Fields[2]
	if score.Nulls != 1 || *score.Min != 1 || *score.Max != 10 || caption.Min != nil || caption.MaxBytes != 4 {
		t.Errorf("fields: %+v", s.Fields)
	}
}

func TestHistogramHoldsEveryValueOnce(t *testing.T) {
	for _, values := range [][]int64{{5}, {5, 5, 5}, {1, 2, 1000000}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, {500, 375, 333, 500, 4000}} {
		d := Describe(values)
		n := int64(0)
		for i, b := range d.Bins {
			n += b.Count
			if b.To <= b.From || i > 0 && b.From != d.Bins[i-1].To {
				t.Errorf("%v: bins %+v", values, d.Bins)
			}
		}
		if n != int64(len(values)) || len(d.Bins) > maxBins+1 || d.Bins[0].From > d.Min || d.Bins[len(d.Bins)-1].To <= d.Max {
			t.Errorf("%v: bins %+v", values, d.Bins)
		}
	}
}

func TestSheetShowsPicturesAndMarksWhatIsNone(t *testing.T) {
	d := testDataset(t, 9)
	data, err := Sheet(d, 9)
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if want := image.Pt(3*tileWidth+margin, 3*tileHeight+margin); m.Bounds().Max != want {
		t.Errorf("the sheet has %v pixels, want %v", m.Bounds().Max, want)
	}
	at := func(tile int) color.Gray {
		x, y := margin+tile%3*tileWidth+thumbSide/2+9, margin+tile/3*tileHeight+thumbSide/2
		return color.GrayModel.Convert(m.At(x, y)).(color.Gray)
	}
	if at(0).Y != 200 || at(8).Y != 220 {
		t.Errorf("the first tile is %v, want the picture's 200; the last %v, want the 220 of none", at(0), at(8))
	}
	if _, err := Sheet(d, MaxSheet+1); !errs.Is(err, errs.Invalid) {
		t.Errorf("too large a sheet gives %v", err)
	}
}
