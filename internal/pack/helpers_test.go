package pack_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/image/bmp"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/leaktest"
	"stoker/internal/pack"
	"stoker/internal/source"
)

// childVar holds the options, as JSON, of a test process that is to pack and
// nothing else: a real `stoker pack` that tests may kill.
const childVar = "STOKER_TEST_PACK"

func TestMain(m *testing.M) {
	if text := os.Getenv(childVar); text != "" {
		os.Exit(child(text))
	}
	leaktest.Main(m)
}

// childOptions are the options of a child, and what the system withholds from it.
type childOptions struct {
	Root, Output string
	SkipBad      bool
	Resize       pack.Resize
	EntropyStep  int
	FileSize     uint64 // largest file that it may write; 0 = any
}

func (c childOptions) pack() pack.Options {
	o := options(c.Root, c.Output)
	o.SkipBad, o.Resize, o.EntropyStep = c.SkipBad, c.Resize, c.EntropyStep
	return o
}

func child(text string) int {
	var c childOptions
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	if c.FileSize > 0 {
		signal.Ignore(syscall.SIGXFSZ) // writes then fail with EFBIG
		limit := syscall.Rlimit{Cur: c.FileSize, Max: c.FileSize}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 99
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	summary, err := pack.Run(ctx, c.pack())
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\nhint: %s\n", errs.KindOf(err), err, errs.HintOf(err))
		return 1
	}
	fmt.Println(summary.Resumed)
	return 0
}

// picture returns the seeded picture i, of any size from 8 to 70 pixels, as RGBA.
func picture(i int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, 8+i*7%63, 8+i*11%59))
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			m.SetRGBA(x, y, color.RGBA{byte(x*5 + i), byte(y*3 + i), byte(x*y + 7*i), 255})
		}
	}
	return m
}

// pictures holds what encoded made: many tests want the same, and tests of this
// package run one after the other.
var pictures = map[string][]byte{}

// encoded returns picture i in the format of the file name.
func encoded(t testing.TB, name string, i int) []byte {
	t.Helper()
	ext := filepath.Ext(name)
	id := fmt.Sprint(i, ext)
	if data, ok := pictures[id]; ok {
		return data
	}
	var b bytes.Buffer
	var err error
	switch ext {
	case ".jpg":
		err = jpeg.Encode(&b, picture(i), nil)
	case ".png":
		err = png.Encode(&b, picture(i))
	case ".gif":
		err = gif.Encode(&b, picture(i), nil)
	case ".bmp":
		err = bmp.Encode(&b, picture(i))
	default:
		t.Fatalf("no encoder for %q", ext)
	}
	check(t, err)
	pictures[id] = b.Bytes()
	return b.Bytes()
}

// bomb returns a PNG of a hundred bytes that claims width x height pixels.
func bomb(t testing.TB, width, height uint32) []byte {
	t.Helper()
	var b bytes.Buffer
	check(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))))
	data := b.Bytes()
	const header = 12 // of the IHDR chunk's type, behind the signature and its length
	binary.BigEndian.PutUint32(data[header+4:], width)
	binary.BigEndian.PutUint32(data[header+8:], height)
	binary.BigEndian.PutUint32(data[header+17:], crc32.ChecksumIEEE(data[header:header+17]))
	return data
}

// photoTree makes a folder of two classes with n pictures in all formats.
func photoTree(t testing.TB, n int) string {
	t.Helper()
	root := t.TempDir()
	exts := []string{".jpg", ".png", ".jpg", ".gif", ".jpg", ".bmp"}
	for i := range n {
		name := fmt.Sprintf("class %d/%04d%s", i%2, i, exts[i%len(exts)])
		write(t, filepath.Join(root, name), encoded(t, name, i))
	}
	return root
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, os.WriteFile(path, data, 0o644))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run packs and fails the test where that fails.
func run(t testing.TB, o pack.Options) *pack.Summary {
	t.Helper()
	s, err := pack.Run(t.Context(), o)
	if err != nil {
		t.Fatalf("%v (hint: %s)", err, errs.HintOf(err))
	}
	return s
}

func options(root, output string) pack.Options {
	return pack.Options{Source: source.Options{Root: root}, Output: output, CreatedBy: "test"}
}

func wantErr(t testing.TB, err error, kind errs.Kind, parts ...string) {
	t.Helper()
	if !errs.Is(err, kind) {
		t.Fatalf("error %v, want one of kind %v", err, kind)
	}
	whole := err.Error() + " | " + errs.HintOf(err)
	for _, p := range parts {
		if !strings.Contains(whole, p) {
			t.Errorf("%q lacks %q", whole, p)
		}
	}
}

// names lists what is in a folder.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func open(t testing.TB, dir string) *dataset.Dataset {
	t.Helper()
	d, err := dataset.Open(dir)
	check(t, err)
	t.Cleanup(func() { check(t, d.Close()) })
	return d
}

// blob returns the bytes and the index row of sample i.
func blob(t testing.TB, d *dataset.Dataset, i int64) ([]byte, dataset.Sample) {
	t.Helper()
	s, err := d.Sample(i)
	check(t, err)
	b, err := d.Read(&s, i, nil)
	check(t, err)
	return b, s
}
