package transform_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/pillowtest"
	"stoker/internal/pixel"
	"stoker/internal/rng"
	"stoker/internal/transform"
)

// photographs returns the JPEG files below STOKER_TEST_DATA or, beside the
// repository, ../shared/data.
func photographs(t testing.TB) []string {
	root := os.Getenv("STOKER_TEST_DATA")
	if root == "" {
		root = "../../../shared/data"
	}
	var files []string
	_ = filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if ext := strings.ToLower(filepath.Ext(path)); err == nil && slices.Contains([]string{".jpg", ".jpeg", ".png", ".webp"}, ext) {
			files = append(files, path)
		}
		return nil
	})
	if len(files) == 0 {
		t.Skipf("no photographs below %s; set STOKER_TEST_DATA", root)
	}
	return files
}

// TestPhotographs goes the whole way, from files to samples, beside Pillow.
func TestPhotographs(t *testing.T) {
	python := pillowtest.Python(t)
	files := photographs(t)
	if os.Getenv("STOKER_LONG") == "" {
		files = files[:min(len(files), 30)]
	}
	cmd := exec.Command(python, append([]string{"testdata/make_goldens.py", "--photos"}, files...)...)
	cmd.Stderr = os.Stderr
	lines, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	set, scratch := codec.NewSet(codec.Limits{}), transform.NewScratch()
	for s := bufio.NewScanner(bytes.NewReader(lines)); s.Scan(); {
		var c struct {
			File   string
			Spec   transform.Spec
			SHA256 string
		}
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		src, err := os.ReadFile(c.File)
		if err != nil {
			t.Fatal(err)
		}
		if got := sampleOf(t, c.Spec, src, set, scratch); fmt.Sprintf("%x", sha256.Sum256(got)) != c.SHA256 {
			t.Errorf("not torchvision's sample: %s", s.Bytes())
		}
	}
}

// sampleOf decodes what the transform needs of a file and applies it.
func sampleOf(t *testing.T, spec transform.Spec, src []byte, set *codec.Set, scratch *transform.Scratch) []byte {
	t.Helper()
	p, err := transform.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	info, err := set.Info(src)
	if err != nil {
		t.Fatal(err)
	}
	d := p.Decide(rng.NewKey(0), info)
	var buf []byte
	region := pixel.Grow(&buf, d.Region.Dx(), d.Region.Dy())
	if err := set.Decode(src, info.Format, codec.Request{Region: d.Region}, region); err != nil {
		t.Fatal(err)
	}
	dst := make([]byte, p.RowBytes())
	if err := p.Apply(&d, region, dst, scratch); err != nil {
		t.Fatal(err)
	}
	return dst
}
