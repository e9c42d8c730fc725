package transform_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/pixel"
	"stoker/internal/rng"
	"stoker/internal/transform"
)

// pillowSample is a line of testdata/make_goldens.py.
type pillowSample struct {
	Number        uint32
	Width, Height int
	Orientation   int
	Spec          transform.Spec
	SHA256        string
}

func (p *pillowSample) source() pixel.RGB {
	var buf []byte
	m := pixel.Grow(&buf, p.Width, p.Height)
	for i := range m.Pix {
		v := uint32(i)*2654435761 + p.Number*40503
		v ^= v >> 15
		v *= 2246822519
		v ^= v >> 13
		m.Pix[i] = byte(v >> 24)
	}
	return m
}

func replay(t *testing.T, lines []byte) {
	t.Helper()
	scratch := transform.NewScratch()
	bad := 0
	for s := bufio.NewScanner(bytes.NewReader(lines)); s.Scan(); {
		var c pillowSample
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		p, err := transform.Compile(c.Spec)
		if err != nil {
			t.Fatalf("%v: %s", err, s.Bytes())
		}
		info := codec.Info{Width: c.Width, Height: c.Height, Orientation: c.Orientation}
		d := p.Decide(rng.NewKey(uint64(c.Number)), info)
		got := apply(t, p, &d, c.source(), scratch)
		if fmt.Sprintf("%x", sha256.Sum256(got)) != c.SHA256 {
			t.Errorf("not torchvision's sample: %s", s.Bytes())
			if bad++; bad > 5 {
				t.Fatal("and so on")
			}
		}
	}
}

func TestGoldensOfTorchvision(t *testing.T) {
	lines, err := os.ReadFile("testdata/goldens.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	replay(t, lines)
}

// TestPillow compares with the Pillow of the interpreter that STOKER_PILLOW_PYTHON
// names, on new random transforms each time.
func TestPillow(t *testing.T) {
	python := os.Getenv("STOKER_PILLOW_PYTHON")
	if python == "" {
		t.Skip("set STOKER_PILLOW_PYTHON to a Python with Pillow and numpy to compare with it")
	}
	args := []string{"-W", "ignore", "testdata/make_goldens.py", "--seed", fmt.Sprint(rand.Uint32()), "--count", "1000"}
	if os.Getenv("STOKER_LONG") != "" {
		args = append(args, "--count", "20000")
	}
	t.Log(python, args)
	cmd := exec.Command(python, args...)
	cmd.Stderr = os.Stderr
	lines, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	replay(t, lines)
}
