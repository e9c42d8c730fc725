package pack_test

import (
	"bytes"
	"context"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/filetest"
	"stoker/internal/pack"
	"stoker/internal/pixel"
	"stoker/internal/source"
)

// webp1 is a WebP of one transparent pixel (lossless, RFC 9649).
const webp1 = "RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00/\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"

func TestFilesAreCopiedAsTheyAre(t *testing.T) {
	root, out := photoTree(t, 150), filepath.Join(t.TempDir(), "p.stk")
	write(t, filepath.Join(root, "class 1", "x.webp"), []byte(webp1))
	s := run(t, options(root, out))
	if s.Samples != 151 || len(s.Bad) != 0 || !slices.Equal(s.Classes, []string{"class 0", "class 1"}) {
		t.Fatalf("%+v", s)
	}
	d := open(t, out)
	formats := map[codec.Format]int{}
	for i := range d.Len() {
		got, row := blob(t, d, i)
		key := d.Key(i)
		want, err := os.ReadFile(filepath.Join(root, key))
		check(t, err)
		if !bytes.Equal(got, want) || row.CRC != dataset.CRC32C(want) {
			t.Errorf("%s: other bytes than the file", key)
		}
		if wantLabel := int64(key[6] - '0'); row.Label != wantLabel {
			t.Errorf("%s has label %d", key, row.Label)
		}
		info, err := codec.NewSet(codec.Limits{}).Info(want)
		check(t, err)
		if row.Width != info.Width || row.Height != info.Height || row.Orientation != 1 {
			t.Errorf("%s: %+v, want %+v", key, row, info)
		}
		formats[row.Format]++
	}
	if len(formats) != 5 {
		t.Errorf("formats %v, want all five", formats)
	}
	if left := names(t, filepath.Dir(out)); len(left) != 1 {
		t.Errorf("left behind: %q", left)
	}
}

func TestLabelsFileGivesFields(t *testing.T) {
	root, out := t.TempDir(), filepath.Join(t.TempDir(), "p.stk")
	for i, name := range []string{"b.jpg", "a.png"} {
		write(t, filepath.Join(root, name), encoded(t, name, i))
	}
	write(t, filepath.Join(root, "labels.csv"), []byte("path,caption,score,label\nb.jpg,\"a, b\",,dog\na.png,é,1.5,cat\n"))
	s := run(t, options(root, out))
	if s.Layout != "labels file" || len(s.Fields) != 3 || s.Fields[2].Nulls != 1 || s.Fields[1].MaxBytes != 4 {
		t.Errorf("%+v", s)
	}
	d := open(t, out)
	if d.Key(0) != "b.jpg" || d.Key(1) != "a.png" {
		t.Errorf("order %s, %s; want that of the labels file", d.Key(0), d.Key(1))
	}
	score, err := d.Column("score")
	check(t, err)
	if _, ok := score.Float64(0); ok {
		t.Error("score 0 should be null")
	}
	if v, ok := score.Float64(1); v != 1.5 || !ok {
		t.Errorf("score 1 = %g", v)
	}
	caption, err := d.Column("caption")
	check(t, err)
	if v, _ := caption.Bytes(0); string(v) != "a, b" {
		t.Errorf("caption 0 = %q", v)
	}
	if _, row := blob(t, d, 0); row.Label != 1 {
		t.Errorf("label 0 = %d, want 1: cat is before dog", row.Label)
	}
}

// TestResultDoesNotDependOnTheMachine packs with every number of workers and
// with less memory than one picture needs.
func TestResultDoesNotDependOnTheMachine(t *testing.T) {
	root := photoTree(t, 200)
	write(t, filepath.Join(root, "class 0", "bad.jpg"), []byte("no picture"))
	for _, resize := range []pack.Resize{{}, {Short: 12}} {
		var want map[string]string
		for _, c := range []struct {
			workers int
			memory  int64
		}{{1, 1 << 30}, {2, 1}, {7, 5000}, {32, 1 << 20}} {
			out := filepath.Join(t.TempDir(), "p.stk")
			o := options(root, out)
			o.Workers, o.MemoryBytes, o.Resize, o.SkipBad = c.workers, c.memory, resize, true
			run(t, o)
			got := filetest.Contents(t, out)
			if want == nil {
				want = got
			}
			filetest.Same(t, got, want)
		}
	}
}

func TestResizing(t *testing.T) {
	f := func(resize string, enlarge bool, width, height int) (gotWidth, gotHeight int, copied bool) {
		t.Helper()
		root, out := t.TempDir(), filepath.Join(t.TempDir(), "p.stk")
		var b bytes.Buffer
		m := picture(0)
		m.Rect.Max.X, m.Rect.Max.Y = width, height
		m.Pix, m.Stride = make([]byte, 4*width*height), 4*width
		check(t, jpeg.Encode(&b, m, nil))
		write(t, filepath.Join(root, "a.jpg"), b.Bytes())
		o := options(root, out)
		var err error
		o.Resize, err = pack.ParseResize(resize)
		check(t, err)
		o.Enlarge = enlarge
		run(t, o)
		got, row := blob(t, open(t, out), 0)
		cfg, err := jpeg.DecodeConfig(bytes.NewReader(got))
		check(t, err)
		if cfg.Width != row.Width || cfg.Height != row.Height {
			t.Errorf("the index says %d x %d, the picture %d x %d", row.Width, row.Height, cfg.Width, cfg.Height)
		}
		return row.Width, row.Height, bytes.Equal(got, b.Bytes())
	}
	for _, c := range []struct {
		resize        string
		enlarge       bool
		width, height int
		wantW, wantH  int
		copied        bool
	}{
		{"short=50", false, 200, 101, 99, 50, false}, // 200*50/101 = 99.01
		{"short=50", false, 101, 200, 50, 99, false},
		{"max=50", false, 200, 101, 50, 25, false},
		{"max=50", false, 300, 2, 50, 1, false}, // never less than a pixel
		{"short=50", false, 40, 80, 40, 80, true},
		{"short=50", true, 40, 80, 50, 100, false},
		{"max=80", true, 40, 80, 40, 80, true},
		{"30x20", false, 40, 80, 30, 20, false},
		{"100x90", false, 40, 80, 100, 90, false},
		{"40x80", false, 40, 80, 40, 80, true},
	} {
		w, h, copied := f(c.resize, c.enlarge, c.width, c.height)
		if w != c.wantW || h != c.wantH || copied != c.copied {
			t.Errorf("%s of %d x %d: got %d x %d, copied %v; want %d x %d, %v",
				c.resize, c.width, c.height, w, h, copied, c.wantW, c.wantH, c.copied)
		}
	}
}

// TestResizedPixels compares with decoding, resizing and encoding by hand.
func TestResizedPixels(t *testing.T) {
	root, out := t.TempDir(), filepath.Join(t.TempDir(), "p.stk")
	write(t, filepath.Join(root, "a.png"), encoded(t, "a.png", 40)) // 36 x 35
	o := options(root, out)
	o.Resize, o.Filter, o.Quality = pack.Resize{Max: 20}, pixel.Bicubic, 100
	run(t, o)
	got, row := blob(t, open(t, out), 0)
	if row.Format != codec.JPEG {
		t.Errorf("stored as %v", row.Format)
	}
	var mem, small []byte
	whole := picture(40)
	img := pixel.Grow(&mem, whole.Rect.Dx(), whole.Rect.Dy())
	for i := range img.Width * img.Height {
		copy(img.Pix[3*i:3*i+3], whole.Pix[4*i:])
	}
	want := pixel.Grow(&small, row.Width, row.Height)
	new(pixel.Resizer).Resize(want, img, whole.Rect.Min, &pixel.Resampling{Filter: pixel.Bicubic,
		Width: img.Width, Height: img.Height, OutWidth: row.Width, OutHeight: row.Height})
	back := pixel.Grow(&mem, row.Width, row.Height)
	check(t, codec.NewSet(codec.Limits{}).Decode(got, codec.JPEG, codec.Request{}, back))
	sum := 0
	for i := range back.Pix {
		sum += max(int(back.Pix[i]), int(want.Pix[i])) - min(int(back.Pix[i]), int(want.Pix[i]))
	}
	// 4:2:0 at quality 100 blurs the colours of this wild picture, no more.
	if mean := float64(sum) / float64(len(back.Pix)); mean > 12 {
		t.Errorf("mean difference %.1f from the resized picture", mean)
	}
}

// oriented returns a JPEG of 16 x 8 pixels, red in the left half, with EXIF
// orientation o.
func oriented(t *testing.T, o byte) []byte {
	t.Helper()
	m := picture(0)
	m.Rect.Max.X, m.Rect.Max.Y, m.Stride = 16, 8, 64
	m.Pix = make([]byte, 64*8)
	for i := 0; i < len(m.Pix); i += 4 {
		if i%64 < 32 {
			m.Pix[i] = 255
		}
	}
	var b bytes.Buffer
	check(t, jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}))
	exif := "\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(o) + "\x00\x00\x00\x00\x00\x00"
	return append([]byte("\xff\xd8"+exif), b.Bytes()[2:]...)
}

func TestOrientation(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "a.jpg"), oriented(t, 6)) // to be turned a quarter clockwise: red on top
	write(t, filepath.Join(root, "b.jpg"), oriented(t, 1))
	f := func(o pack.Options) []dataset.Sample {
		t.Helper()
		o.Source.Root, o.Output = root, filepath.Join(t.TempDir(), "p.stk")
		run(t, o)
		d := open(t, o.Output)
		var rows []dataset.Sample
		for i := range d.Len() {
			b, row := blob(t, d, i)
			info, err := codec.NewSet(codec.Limits{}).Info(b)
			check(t, err)
			if info.Orientation != row.Orientation || info.Width != row.Width || info.Height != row.Height {
				t.Errorf("the index says %+v, the picture %+v", row, info)
			}
			if (o.ApplyOrientation || o.Pixels) && i == 0 {
				wantRedOnTop(t, b, info)
			}
			rows = append(rows, row)
		}
		return rows
	}
	if r := f(pack.Options{}); r[0].Orientation != 6 || r[0].Width != 16 || r[1].Orientation != 1 {
		t.Errorf("copied: %+v", r)
	}
	if r := f(pack.Options{Resize: pack.Resize{Max: 12}}); r[0].Orientation != 6 || r[0].Width != 12 || r[1].Orientation != 1 {
		t.Errorf("resized: %+v", r)
	}
	if r := f(pack.Options{ApplyOrientation: true}); r[0].Orientation != 1 || r[0].Width != 8 || r[0].Height != 16 || r[1].Width != 16 {
		t.Errorf("turned: %+v", r)
	}
	if r := f(pack.Options{ApplyOrientation: true, Resize: pack.Resize{Max: 8}}); r[0].Width != 4 || r[0].Height != 8 {
		t.Errorf("turned and resized: %+v", r)
	}
	if r := f(pack.Options{Pixels: true, Resize: pack.Resize{Width: 10, Height: 12}}); r[0].Width != 10 || r[0].Height != 12 || r[0].Format != codec.PPM {
		t.Errorf("pixels: %+v", r)
	}
}

func wantRedOnTop(t *testing.T, src []byte, info codec.Info) {
	t.Helper()
	var mem []byte
	m := pixel.Grow(&mem, info.Width, info.Height)
	check(t, codec.NewSet(codec.Limits{}).Decode(src, info.Format, codec.Request{}, m))
	if top, bottom := m.Row(0)[0], m.Row(m.Height - 1)[0]; top < 200 || bottom > 50 {
		t.Errorf("red is %d on top and %d at the bottom", top, bottom)
	}
}

func TestQualityAloneEncodesEveryPicture(t *testing.T) {
	root := photoTree(t, 12)
	sizes := map[int]int64{}
	for _, q := range []int{10, 95} {
		o := options(root, filepath.Join(t.TempDir(), "p.stk"))
		o.Quality = q
		run(t, o)
		d := open(t, o.Output)
		for i := range d.Len() {
			_, row := blob(t, d, i)
			if row.Format != codec.JPEG {
				t.Errorf("%s is stored as %v", d.Key(i), row.Format)
			}
			sizes[q] += row.Length
		}
	}
	if sizes[10] >= sizes[95] {
		t.Errorf("bytes by quality: %v", sizes)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	root := photoTree(t, 2)
	f := func(o pack.Options, kind errs.Kind, parts ...string) {
		t.Helper()
		o.Source.Root = root
		_, err := pack.Run(t.Context(), o)
		wantErr(t, err, kind, parts...)
	}
	out := filepath.Join(t.TempDir(), "p.stk")
	f(pack.Options{}, errs.Invalid, "no output", "-o photos.stk")
	f(pack.Options{Output: out, Quality: 101}, errs.Invalid, "quality 101")
	f(pack.Options{Output: out, Pixels: true, Recode: true}, errs.Invalid, "neither re-coded nor", "--pixels")
	f(pack.Options{Output: out, Pixels: true, Quality: 80}, errs.Invalid, "neither re-coded nor")
	f(pack.Options{Output: out, Workers: -1}, errs.Invalid, "-1 workers")
	f(pack.Options{Output: out, MaxPixels: -1}, errs.Invalid, "-1 pixels")
	f(pack.Options{Output: filepath.Join(out, "x", "p.stk")}, errs.NotFound, "does not exist", "mkdir -p")
	f(pack.Options{Output: root}, errs.Invalid, "something of that name already")
	f(pack.Options{Output: root, Overwrite: true}, errs.Invalid, "not a dataset")
	file := filepath.Join(t.TempDir(), "plain")
	write(t, file, nil)
	f(pack.Options{Output: file, Overwrite: true}, errs.Invalid, "there is a file of that name")
	for _, s := range []string{"256", "short", "short=0", "short=-1", "long=5", "max=65536", "max=5x", "10x", "x10", "0x5", "10x-1", "10x65536", "1x2x3"} {
		_, err := pack.ParseResize(s)
		wantErr(t, err, errs.Invalid, "short=256")
	}
	if left := names(t, filepath.Dir(out)); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestOutputInsideTheSource(t *testing.T) {
	root := photoTree(t, 4)
	o := options(root, filepath.Join(root, "p.stk"))
	if s := run(t, o); s.Samples != 4 || len(s.Classes) != 2 {
		t.Errorf("%+v", s)
	}
	o.Overwrite = true // now it is there while the source is scanned
	if s := run(t, o); s.Samples != 4 || len(s.Classes) != 2 {
		t.Errorf("%+v", s)
	}
}

func TestOverwriteKeepsTheOldDatasetUntilTheNewIsComplete(t *testing.T) {
	root, out := photoTree(t, 10), filepath.Join(t.TempDir(), "p.stk")
	run(t, options(root, out))
	before := filetest.Contents(t, out)
	write(t, filepath.Join(root, "class 0", "zzz.jpg"), []byte("no picture"))
	o := options(root, out)
	o.Overwrite = true
	_, err := pack.Run(t.Context(), o)
	wantErr(t, err, errs.Unsupported, "zzz.jpg")
	filetest.Same(t, filetest.Contents(t, out), before)
	o.SkipBad = true
	if s := run(t, o); s.Samples != 10 || len(s.Bad) != 1 {
		t.Errorf("%+v", s)
	}
	if got := filetest.Contents(t, out); got["ledger.jsonl"] == "" {
		t.Error("the new dataset has no ledger")
	}
	if left := names(t, filepath.Dir(out)); len(left) != 1 {
		t.Errorf("left behind: %q", left)
	}
}

// TestWasteIsRemoved: a process was killed while it removed its partial folder.
func TestWasteIsRemoved(t *testing.T) {
	root, out := photoTree(t, 2), filepath.Join(t.TempDir(), "p.stk")
	run(t, options(root, out))
	write(t, filepath.Join(out+".partial", "lock"), nil)
	write(t, filepath.Join(out+".partial", "source"), nil)
	_, err := pack.Run(t.Context(), options(root, out))
	wantErr(t, err, errs.Invalid, "something of that name already", "--overwrite")
	if left := names(t, filepath.Dir(out)); len(left) != 1 {
		t.Errorf("left behind: %q", left)
	}
}

// TestOverwriteThroughALink replaces what the link points to.
func TestOverwriteThroughALink(t *testing.T) {
	root, dir := photoTree(t, 100), t.TempDir()
	run(t, options(root, filepath.Join(dir, "disk", "..", "p.stk")+"/"))
	check(t, os.Mkdir(filepath.Join(dir, "links"), 0o755))
	link := filepath.Join(dir, "links", "q.stk")
	check(t, os.Symlink(filepath.Join(dir, "p.stk"), link))
	bad := filepath.Join(root, "class 1", "zzz.jpg")
	write(t, bad, []byte("no picture"))
	o := options(root, link)
	o.Overwrite = true
	_, err := pack.Run(t.Context(), o)
	wantErr(t, err, errs.Unsupported, "zzz.jpg")
	check(t, os.Remove(bad))
	if s := run(t, o); s.Resumed != 64 {
		t.Errorf("%d files were not packed again, want 64", s.Resumed)
	}
	if got := names(t, filepath.Join(dir, "links")); len(got) != 1 {
		t.Errorf("beside the link: %q", got)
	}
}

func TestInterruptedRunContinues(t *testing.T) {
	root, dir := photoTree(t, 300), t.TempDir()
	run(t, options(root, filepath.Join(dir, "want.stk")))
	want := filetest.Contents(t, filepath.Join(dir, "want.stk"))
	// A bad picture near the end stops the first run as a signal would, with
	// three batches written.
	bad := filepath.Join(root, "class 1", "0285.gif")
	good, err := os.ReadFile(bad)
	check(t, err)
	info, err := os.Stat(bad)
	check(t, err)
	swap := func(data []byte) {
		check(t, os.WriteFile(bad, data, 0o644))
		check(t, os.Chtimes(bad, info.ModTime(), info.ModTime()))
	}
	swap(bytes.Repeat([]byte("x"), len(good)))
	out := filepath.Join(dir, "p.stk")
	_, err = pack.Run(t.Context(), options(root, out))
	wantErr(t, err, errs.Unsupported, "0285.gif: neither JPEG", "--on-bad skip", "then the same command continues")
	if _, err := dataset.Open(out); !errs.Is(err, errs.NotFound) {
		t.Errorf("opening the unfinished dataset: %v", err)
	}

	o := options(root, out)
	o.Resize.Max = 20
	_, err = pack.Run(t.Context(), o)
	wantErr(t, err, errs.Mismatch, "another options", "--restart")

	swap(good)
	s := run(t, options(root, out))
	if s.Resumed < 192 {
		t.Errorf("%d files were not packed again, want 192 or more", s.Resumed)
	}
	filetest.Same(t, filetest.Contents(t, out), want)
}

// stopped returns a source of 130 pictures and the place of a dataset of which a
// bad picture, the last, let two batches be written.
func stopped(t *testing.T) (root, out, bad string) {
	t.Helper()
	root, out = photoTree(t, 130), filepath.Join(t.TempDir(), "p.stk")
	bad = filepath.Join(root, "class 1", "zzz.jpg")
	write(t, bad, []byte("no picture"))
	_, err := pack.Run(t.Context(), options(root, out))
	wantErr(t, err, errs.Unsupported, "zzz.jpg")
	return root, out, bad
}

// TestRepairedSourceContinues removes the bad picture, or adds behind it, and
// gives the same command again.
func TestRepairedSourceContinues(t *testing.T) {
	for _, repair := range []func(root, bad string){
		func(_, bad string) { check(t, os.Remove(bad)) },
		func(_, bad string) { write(t, bad, encoded(t, "a.jpg", 9)) },
		func(root, bad string) {
			check(t, os.Remove(bad))
			write(t, filepath.Join(root, "class 1", "0999.png"), encoded(t, "a.png", 9))
		},
	} {
		root, out, bad := stopped(t)
		repair(root, bad)
		if s := run(t, options(root, out)); s.Resumed != 128 {
			t.Errorf("%d files were not packed again, want 128", s.Resumed)
		}
		want := filepath.Join(t.TempDir(), "want.stk")
		run(t, options(root, want))
		filetest.Same(t, filetest.Contents(t, out), filetest.Contents(t, want))
	}
}

func TestChangedSourceIsRefused(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(root string)
	}{
		{"class 0/0000.jpg", func(root string) { write(t, filepath.Join(root, "class 0", "0000.jpg"), encoded(t, "a.jpg", 3)) }},
		{"class 0/0001.jpg", func(root string) { write(t, filepath.Join(root, "class 0", "0001.jpg"), encoded(t, "a.jpg", 3)) }},
		{"class 0/0004.jpg", func(root string) { check(t, os.Remove(filepath.Join(root, "class 0", "0002.jpg"))) }},
		{"and now there are 6", func(root string) {
			check(t, os.RemoveAll(filepath.Join(root, "class 1")))
			check(t, os.MkdirAll(filepath.Join(root, "class 1"), 0o755))
		}},
	} {
		root, out, _ := stopped(t)
		c.change(root)
		o := options(root, out)
		o.Source.AllowEmpty = true
		_, err := pack.Run(t.Context(), o)
		wantErr(t, err, errs.Mismatch, c.what, "source has changed", "--restart")
		o.Restart, o.SkipBad = true, true
		if s := run(t, o); s.Resumed != 0 {
			t.Errorf("%+v", s)
		}
	}
	root, out, _ := stopped(t)
	check(t, os.RemoveAll(filepath.Join(root, "class 1")))
	_, err := pack.Run(t.Context(), options(root, out))
	wantErr(t, err, errs.Mismatch, "another classes", "--restart")
}

func TestCancelledRunSaysHowToContinue(t *testing.T) {
	root, out := photoTree(t, 100), filepath.Join(t.TempDir(), "p.stk")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := pack.Run(ctx, options(root, out))
	wantErr(t, err, errs.Canceled, "of 100 files", "same command")
	if s := run(t, options(root, out)); s.Samples != 100 {
		t.Errorf("%+v", s)
	}
}

func TestTwoPacksOfOneName(t *testing.T) {
	root, out := photoTree(t, 2), filepath.Join(t.TempDir(), "p.stk")
	w, err := dataset.NewWriter(out, dataset.WriterOptions{})
	check(t, err)
	_, err = pack.Run(t.Context(), options(root, out))
	wantErr(t, err, errs.Transient, "another process (pid ")
	check(t, w.Abort())
	run(t, options(root, out))
}

func TestLimit(t *testing.T) {
	o := options(photoTree(t, 20), filepath.Join(t.TempDir(), "p.stk"))
	o.Source = source.Options{Root: o.Source.Root, Limit: 5}
	s := run(t, o)
	if s.Samples != 5 || !strings.Contains(strings.Join(s.Classes, " "), "class 1") {
		t.Errorf("%d samples, classes %q", s.Samples, s.Classes)
	}
}
