package jpeg

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// oracle is a Python process that decodes with Pillow, which links
// libjpeg-turbo.
type oracle struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// newOracle starts Pillow, or skips the test where it is not installed.
// STOKER_TEST_PYTHON names the interpreter, python3 by default.
func newOracle(t testing.TB) *oracle {
	t.Helper()
	python := os.Getenv("STOKER_TEST_PYTHON")
	if python == "" {
		python = "python3"
	}
	probe := exec.Command(python, "-c", "from PIL import features; assert features.check('libjpeg_turbo')")
	if err := probe.Run(); err != nil {
		t.Skipf("%s has no Pillow with libjpeg-turbo (%v): set STOKER_TEST_PYTHON to one that has", python, err)
	}
	cmd := exec.Command(python, filepath.Join("testdata", "oracle.py"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return &oracle{in: in, out: bufio.NewReaderSize(out, 1<<20)}
}

// picture is a decoded image of three bytes per pixel.
type picture struct {
	w, h int
	pix  []byte
}

func (o *oracle) decode(src []byte, partial bool) (picture, error) {
	head := make([]byte, 8)
	if partial {
		head[0] = 1
	}
	binary.LittleEndian.PutUint32(head[4:], uint32(len(src)))
	if _, err := o.in.Write(append(head, src...)); err != nil {
		return picture{}, err
	}
	if _, err := io.ReadFull(o.out, head); err != nil {
		return picture{}, err
	}
	w, h := int(binary.LittleEndian.Uint32(head)), int(binary.LittleEndian.Uint32(head[4:]))
	n := 3 * w * h
	if w == 0 {
		n = h
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(o.out, body); err != nil {
		return picture{}, err
	}
	if w == 0 {
		return picture{}, errors.New(string(body))
	}
	return picture{w, h, body}, nil
}

// decodeWhole decodes src with the package.
func decodeWhole(d *Decoder, src []byte, opts Options) (picture, error) {
	h, err := ParseHeader(src)
	if err != nil {
		return picture{}, err
	}
	p := picture{h.Width, h.Height, make([]byte, 3*h.Width*h.Height)}
	return p, d.Decode(p.pix, 3*h.Width, src, image.Rectangle{}, opts)
}

// crop returns a region of p.
func (p picture) crop(r image.Rectangle) picture {
	c := picture{r.Dx(), r.Dy(), nil}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		c.pix = append(c.pix, p.pix[3*(y*p.w+r.Min.X):3*(y*p.w+r.Max.X)]...)
	}
	return c
}

// differ describes the first difference between two pictures, "" for none.
func (p picture) differ(q picture) string {
	if p.w != q.w || p.h != q.h {
		return fmt.Sprintf("size %dx%d, want %dx%d", p.w, p.h, q.w, q.h)
	}
	if bytes.Equal(p.pix, q.pix) {
		return ""
	}
	n, first := 0, -1
	for i := range p.pix {
		if p.pix[i] != q.pix[i] {
			if n++; first < 0 {
				first = i
			}
		}
	}
	x, y := first/3%p.w, first/3/p.w
	return fmt.Sprintf("%d of %d samples differ, first at (%d,%d): %v, want %v",
		n, len(p.pix), x, y, p.pix[first/3*3:][:3], q.pix[first/3*3:][:3])
}

// randomRegion picks a non-empty rectangle of a w x h image.
func randomRegion(rng *rand.Rand, w, h int) image.Rectangle {
	x0, y0 := rng.IntN(w), rng.IntN(h)
	return image.Rect(x0, y0, x0+1+rng.IntN(w-x0), y0+1+rng.IntN(h-y0))
}

// photographs returns the test photographs, or skips the test where there are
// none. STOKER_TEST_DATA names their folder, ../shared/data beside the
// repository by default.
func photographs(t testing.TB) (names []string, data [][]byte) {
	t.Helper()
	dir := os.Getenv("STOKER_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	names, _ = filepath.Glob(filepath.Join(dir, "photos", "*", "*.JPEG"))
	if len(names) == 0 {
		t.Skipf("no photographs in %s: set STOKER_TEST_DATA", dir)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, b)
	}
	return names, data
}

// checkAgainst compares the whole image and some regions with the truth.
func checkAgainst(t *testing.T, d *Decoder, rng *rand.Rand, name string, src []byte, want picture, regions int) {
	t.Helper()
	got, err := decodeWhole(d, src, Options{})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if diff := got.differ(want); diff != "" {
		t.Errorf("%s: %s", name, diff)
		return
	}
	for range regions {
		r := randomRegion(rng, want.w, want.h)
		part := picture{r.Dx(), r.Dy(), make([]byte, 3*r.Dx()*r.Dy())}
		if err := d.Decode(part.pix, 3*r.Dx(), src, r, Options{}); err != nil {
			t.Errorf("%s region %v: %v", name, r, err)
		} else if diff := part.differ(want.crop(r)); diff != "" {
			t.Errorf("%s region %v: %s", name, r, diff)
		}
	}
}

func TestPhotographsEqualPillow(t *testing.T) {
	names, data := photographs(t)
	o := newOracle(t)
	var d Decoder
	rng := rand.New(rand.NewPCG(1, 2))
	if testing.Short() || os.Getenv("STOKER_LONG") == "" {
		some := min(len(names), 40)
		names, data = names[:some], data[:some]
	}
	for i, src := range data {
		want, err := o.decode(src, false)
		if err != nil {
			t.Fatalf("%s: %v", names[i], err)
		}
		checkAgainst(t, &d, rng, names[i], src, want, 4)
	}
}
