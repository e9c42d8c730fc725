package jpeg

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// needTools skips a test where libjpeg-turbo's command line tools are absent.
func needTools(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed (Debian: libjpeg-turbo-progs)", name)
		}
	}
}

// synthetic makes a PPM (or PGM) picture with edges, slopes and noise.
func synthetic(rng *rand.Rand, w, h int, grey bool) []byte {
	channels, magic := 3, "P6"
	if grey {
		channels, magic = 1, "P5"
	}
	b := fmt.Appendf(nil, "%s\n%d %d\n255\n", magic, w, h)
	noise, fx, fy := 1+rng.IntN(120), rng.IntN(20), rng.IntN(20)
	for y := range h {
		for x := range w {
			for c := range channels {
				v := x*fx + y*fy*(c+1) + rng.IntN(noise)
				if (x/5+y/7+c)%3 == 0 {
					v = 255 - v
				}
				b = append(b, uint8(v))
			}
		}
	}
	return b
}

// tool runs a filter of libjpeg-turbo.
func tool(t testing.TB, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	out, err := tryTool(stdin, name, args...)
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return out
}

func tryTool(stdin []byte, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, stderr.String())
	}
	return out.Bytes(), nil
}

// scripts are scan scripts for cjpeg -scans: sequential files with their
// components apart, and unusual progressions.
var scripts = []string{
	"0;\n1;\n2;\n",
	"0,1;\n2;\n",
	"0;\n1,2;\n",
	"0,1,2: 0-0, 0, 0;\n0: 1-63, 0, 0;\n1: 1-63, 0, 0;\n2: 1-63, 0, 0;\n",
	"0,1,2: 0-0, 0, 2;\n0: 1-5, 0, 3;\n1: 1-63, 0, 1;\n2: 1-63, 0, 1;\n0: 6-63, 0, 3;\n0: 1-63, 3, 2;\n0,1,2: 0-0, 2, 1;\n" +
		"0: 1-63, 2, 1;\n0,1,2: 0-0, 1, 0;\n2: 1-63, 1, 0;\n1: 1-63, 1, 0;\n0: 1-63, 1, 0;\n",
	"0: 0-0, 0, 0;\n1: 0-0, 0, 0;\n2: 0-0, 0, 0;\n0: 1-1, 0, 0;\n0: 2-63, 0, 0;\n1: 1-20, 0, 0;\n1: 21-63, 0, 0;\n2: 1-63, 0, 4;\n" +
		"2: 1-63, 4, 3;\n2: 1-63, 3, 2;\n2: 1-63, 2, 1;\n2: 1-63, 1, 0;\n",
}

var samplings = []string{
	"1x1", "2x1", "1x2", "2x2", "4x1", "1x4", "4x2", "2x4", "3x1", "1x3", "3x2", "4x4",
	"2x2,1x1,2x1", "2x2,2x1,1x2", "2x1,1x1,2x1", "1x2,1x1,1x2", "1x1,2x2,1x1", "2x1,1x2,1x1", "4x1,2x1,1x1",
	"4x2,2x1,2x2", "1x4,1x2,1x1", "1x1,1x2,2x1", "3x1,1x1,3x1", "2x4,1x2,1x2", "3x2,2x1,1x1",
}

// toolArgs draws the options of one file.
func toolArgs(t testing.TB, rng *rand.Rand, scriptDir string) []string {
	pick := func(a []string) string { return a[rng.IntN(len(a))] }
	args := []string{"-quality", fmt.Sprint(1 + rng.IntN(100)), "-sample", pick(samplings)}
	switch rng.IntN(4) {
	case 0:
		args = append(args, "-optimize")
	case 1:
		args = append(args, "-progressive")
	case 2:
		args = append(args, "-scans", filepath.Join(scriptDir, fmt.Sprint(rng.IntN(len(scripts)))))
	}
	if rng.IntN(3) == 0 {
		args = append(args, "-restart", pick([]string{"1", "2", "1B", "3B", "5B", "17B"}))
	}
	if rng.IntN(8) == 0 {
		args = append(args, "-rgb")
	}
	if rng.IntN(10) == 0 {
		args = append(args, "-grayscale")
	}
	return args
}

func writeScripts(t testing.TB) string {
	dir := t.TempDir()
	for i, s := range scripts {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestToolFilesEqualPillow compares with Pillow on files of all sorts that
// cjpeg makes. STOKER_LONG=1 asks for some thousands of them.
func TestToolFilesEqualPillow(t *testing.T) {
	needTools(t, "cjpeg")
	o := newOracle(t)
	n := 250
	if os.Getenv("STOKER_LONG") != "" {
		n = 5000
	}
	var d Decoder
	rng := rand.New(rand.NewPCG(3, 4))
	dir := writeScripts(t)
	made := 0
	for range n {
		w, h := 1+rng.IntN(40), 1+rng.IntN(40)
		if rng.IntN(4) == 0 {
			w, h = 1+rng.IntN(200), 1+rng.IntN(90)
		}
		args := toolArgs(t, rng, dir)
		src, err := tryTool(synthetic(rng, w, h, false), "cjpeg", args...)
		if err != nil {
			continue // a combination that libjpeg does not write
		}
		made++
		name := fmt.Sprintf("%dx%d %s", w, h, strings.Join(args, " "))
		want, err := o.decode(src, false)
		if err != nil {
			if _, err := decodeWhole(&d, src, Options{}); err == nil {
				t.Errorf("%s: decoded what Pillow refuses", name)
			}
			continue
		}
		checkAgainst(t, &d, rng, name, src, want, 3)
	}
	t.Logf("%d files", made)
	if made < n/3 {
		t.Errorf("only %d of %d files could be made", made, n)
	}
}

// TestDjpegEqualsPillow compares two builds of libjpeg-turbo with each other:
// what equals one equals both.
func TestDjpegEqualsPillow(t *testing.T) {
	needTools(t, "cjpeg", "djpeg")
	o := newOracle(t)
	rng := rand.New(rand.NewPCG(31, 32))
	dir := writeScripts(t)
	n := 60
	if os.Getenv("STOKER_LONG") != "" {
		n = 1000
	}
	for range n {
		args := toolArgs(t, rng, dir)
		src, err := tryTool(synthetic(rng, 1+rng.IntN(60), 1+rng.IntN(60), false), "cjpeg", args...)
		if err != nil {
			continue
		}
		want, err := o.decode(src, false)
		if err != nil {
			continue
		}
		got := ppm(t, tool(t, src, "djpeg", "-pnm"))
		if diff := got.differ(want); diff != "" {
			t.Errorf("%s: %s", strings.Join(args, " "), diff)
		}
	}
}

// ppm reads a PPM or PGM picture.
func ppm(t *testing.T, b []byte) picture {
	t.Helper()
	var magic string
	var w, h, top int
	r := bytes.NewReader(b)
	if _, err := fmt.Fscanf(r, "%s\n%d %d\n%d\n", &magic, &w, &h, &top); err != nil {
		t.Fatal(err)
	}
	pix := b[len(b)-r.Len():]
	if magic == "P5" {
		var rgb []byte
		for _, v := range pix {
			rgb = append(rgb, v, v, v)
		}
		pix = rgb
	}
	return picture{w, h, pix}
}
