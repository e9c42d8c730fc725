package codec_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"stoker/internal/codec"
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
	if got := fmt.Sprintf("%x", sha256.Sum256(whole.Pix)); got != p.SHA256 {
		return fmt.Errorf("not Pillow's pixels")
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
	for s := bufio.NewScanner(bytes.NewReader(lines)); s.Scan(); {
		var p pillowImage
		if err := json.Unmarshal(s.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		src, err := os.ReadFile(filepath.Join(folder, p.Name))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.check(set, src); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

func TestGoldensOfPillow(t *testing.T) {
	lines, err := os.ReadFile("testdata/goldens.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	replay(t, lines, "testdata/images")
}

// TestPillow compares with the Pillow of the interpreter that STOKER_PILLOW_PYTHON
// names, on new random images each time.
func TestPillow(t *testing.T) {
	python := os.Getenv("STOKER_PILLOW_PYTHON")
	if python == "" {
		t.Skip("set STOKER_PILLOW_PYTHON to a Python with Pillow and numpy to compare with it")
	}
	folder := t.TempDir()
	args := []string{"-W", "ignore", "testdata/make_images.py", folder, "--seed", fmt.Sprint(rand.Uint32()), "--rounds", "5"}
	if os.Getenv("STOKER_LONG") != "" {
		args = append(args, "--rounds", "100")
	}
	t.Log(python, args)
	cmd := exec.Command(python, args...)
	cmd.Stderr = os.Stderr
	lines, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	replay(t, lines, folder)
}
