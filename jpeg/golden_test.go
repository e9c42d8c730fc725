package jpeg

import (
	"bufio"
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "make testdata/golden anew, with cjpeg and Pillow")

// goldenTools are golden files that cjpeg makes.
var goldenTools = map[string]string{
	"420":               "-quality 75",
	"444":               "-quality 90 -sample 1x1",
	"422":               "-quality 80 -sample 2x1",
	"440":               "-quality 80 -sample 1x2",
	"411":               "-quality 60 -sample 4x1",
	"410":               "-quality 60 -sample 4x2",
	"1x4":               "-quality 60 -sample 1x4",
	"311":               "-quality 60 -sample 3x1",
	"mixed":             "-quality 70 -sample 2x2,2x1,1x2",
	"luma-below-chroma": "-quality 70 -sample 1x1,2x2,1x1",
	"grey":              "-quality 70 -grayscale",
	"rgb":               "-quality 70 -rgb",
	"optimised":         "-quality 50 -optimize",
	"restart-rows":      "-quality 70 -restart 1",
	"restart-blocks":    "-quality 70 -restart 3B -sample 1x1",
	"progressive":       "-quality 70 -progressive",
	"progressive-444":   "-quality 85 -progressive -sample 1x1 -restart 5B",
	"progressive-grey":  "-quality 70 -progressive -grayscale",
	"quality-1":         "-quality 1",
	"quality-100":       "-quality 100 -sample 1x1",
}

// makeGolden writes the golden files and the checksums of Pillow's pixels.
func makeGolden(t *testing.T, dir string) {
	needTools(t, "cjpeg")
	o := newOracle(t)
	rng := rand.New(rand.NewPCG(17, 18))
	files := map[string][]byte{}
	for name, args := range goldenTools {
		for _, size := range [][2]int{{1, 1}, {19, 23}} {
			ppm := synthetic(rng, size[0], size[1], false)
			files[fmt.Sprintf("%s-%dx%d", name, size[0], size[1])] = tool(t, ppm, "cjpeg", strings.Fields(args)...)
		}
	}
	scriptDir := writeScripts(t)
	for i := range scripts {
		args := []string{"-scans", filepath.Join(scriptDir, fmt.Sprint(i)), "-quality", "60"}
		files[fmt.Sprintf("scans-%d", i)] = tool(t, synthetic(rng, 27, 18, false), "cjpeg", args...)
	}
	four := [][2]int{{2, 1}, {1, 1}, {1, 1}, {2, 1}}
	for name, head := range map[string][]byte{"cmyk": nil, "cmyk-adobe": adobe(0), "ycck": adobe(2)} {
		files[name] = encoded{w: 17, h: 9, sampling: four, ids: []byte{1, 2, 3, 4}, head: head, quant: 3}.encode(rng)
	}
	var sums []string
	for name, src := range files {
		want, err := o.decode(src, false)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".jpg"), src, 0o644); err != nil {
			t.Fatal(err)
		}
		sums = append(sums, fmt.Sprintf("%s %d %d %x\n", name, want.w, want.h, sha256.Sum256(want.pix)))
	}
	sort.Strings(sums)
	if err := os.WriteFile(filepath.Join(dir, "sums.txt"), []byte(strings.Join(sums, "")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// goldenFiles returns the golden images by name.
func goldenFiles(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", "golden", "*.jpg"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimSuffix(filepath.Base(name), ".jpg")] = src
	}
	return files
}

// TestGolden needs no tools: it decodes the files of testdata/golden with every
// set of kernels and compares checksums of the pixels with Pillow's, and
// regions, with and without an index, with the whole.
func TestGolden(t *testing.T) {
	dir := filepath.Join("testdata", "golden")
	if *update {
		makeGolden(t, dir)
	}
	files := goldenFiles(t)
	list, err := os.Open(filepath.Join(dir, "sums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	eachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(19, 20))
		list.Seek(0, 0)
		n := 0
		for lines := bufio.NewScanner(list); lines.Scan(); n++ {
			var name, sum string
			var w, h int
			if _, err := fmt.Sscan(lines.Text(), &name, &w, &h, &sum); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
			var d Decoder
			got, err := decodeWhole(&d, files[name], Options{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if fmt.Sprintf("%x", sha256.Sum256(got.pix)) != sum || got.w != w || got.h != h {
				t.Errorf("%s: pixels differ from Pillow's", name)
			}
			checkAgainst(t, &d, rng, name, files[name], got, 10)
			checkIndexed(t, &d, rng, name, files[name], 1+rng.IntN(3))
		}
		if n != len(files) {
			t.Errorf("%d sums for %d files", n, len(files))
		}
	})
}
