package codec_test

import (
	"bytes"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/pillowtest"
	"stoker/internal/pixel"
)

// pillowImage is a line of testdata/make_images.py.
type pillowImage struct {
	Name          string
	Width, Height int
	Orientation   int
	SHA256        string
}

// check decodes the file whole and one random region of it.
func (p *pillowImage) check(set *codec.Set, src []byte) error {
	info, err := set.Info(src)
	if err != nil {
		return err
	}
	want := codec.Info{Format: info.Format, Width: p.Width, Height: p.Height, Orientation: p.Orientation}
	if info != want {
		return fmt.Errorf("info is %+v, want %+v", info, want)
	}
	var buf []byte
	whole := pixel.Grow(&buf, p.Width, p.Height)
	if err := set.Decode(src, info.Format, codec.Request{}, whole); err != nil {
		return err
	}
	if err := pillowtest.Same(whole.Pix, p.SHA256); err != nil {
		return err
	}
	x, y := rand.IntN(p.Width), rand.IntN(p.Height)
	r := image.Rect(x, y, x+1+rand.IntN(p.Width-x), y+1+rand.IntN(p.Height-y))
	var some []byte
	part := pixel.Grow(&some, r.Dx(), r.Dy())
	if err := set.Decode(src, info.Format, codec.Request{Region: r}, part); err != nil {
		return err
	}
	for i := range part.Height {
		if !bytes.Equal(part.Row(i), whole.Crop(x, y, r.Dx(), r.Dy()).Row(i)) {
			return fmt.Errorf("row %d of %v differs from the whole image", i, r)
		}
	}
	return nil
}

func replay(t *testing.T, lines []byte, folder string) {
	t.Helper()
	set := codec.NewSet(codec.Limits{})
	pillowtest.Each(t, lines, func(p *pillowImage) error {
		src, err := os.ReadFile(filepath.Join(folder, p.Name))
		if err != nil {
			return err
		}
		return p.check(set, src)
	})
}

func TestGoldensOfPillow(t *testing.T) { replay(t, pillowtest.Read(t), "testdata/images") }

// TestPillow compares with the Pillow of the interpreter that STOKER_PILLOW_PYTHON
// names, on new random images each time.
func TestPillow(t *testing.T) {
	folder := t.TempDir()
	replay(t, pillowtest.Run(t, []string{"testdata/make_images.py", folder, "--rounds", "5"}, []string{"--rounds", "100"}), folder)
}
