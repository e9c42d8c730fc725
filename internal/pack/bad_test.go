package pack_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/filetest"
	"stoker/internal/pack"
)

// badTree has one good picture and one of each kind of bad one. It returns the
// bad ones with a part of the reason that must be told.
func badTree(t *testing.T) (root string, reasons map[string]string) {
	t.Helper()
	root = t.TempDir()
	jpg := encoded(t, "a.jpg", 5)
	write(t, filepath.Join(root, "a", "good.jpg"), jpg)
	write(t, filepath.Join(root, "a", "empty.jpg"), nil)
	write(t, filepath.Join(root, "a", "text.jpg"), []byte("<html>404</html>"))
	write(t, filepath.Join(root, "a", "cut.png"), encoded(t, "a.png", 5)[:20])
	write(t, filepath.Join(root, "a", "bomb.png"), bomb(t, 20000, 10000))
	check(t, os.Symlink("nowhere", filepath.Join(root, "a", "gone.jpg")))
	check(t, os.Symlink("..", filepath.Join(root, "a", "loop")))
	check(t, unix.Mkfifo(filepath.Join(root, "a", "pipe.jpg"), 0o644))
	write(t, filepath.Join(root, "a", "\xff.jpg"), jpg)
	write(t, filepath.Join(root, "stray.jpg"), jpg)
	return root, map[string]string{
		"a/empty.jpg": "the file is empty",
		"a/text.jpg":  "neither JPEG, PNG, WebP, GIF, BMP nor PPM",
		"a/cut.png":   "not a whole png image",
		"a/bomb.png":  "png image of 20000 x 10000 pixels is above the limit of 178956970",
		"a/gone.jpg":  "this link leads nowhere",
		"a/loop":      "a loop",
		"a/pipe.jpg":  "not a regular file",
		`a/\xff.jpg`:  "not UTF-8",
		"stray.jpg":   "beside the class folders",
	}
}

func TestBadFilesAreListedAndSkipped(t *testing.T) {
	root, reasons := badTree(t)
	o := options(root, filepath.Join(t.TempDir(), "p.stk"))
	o.SkipBad = true
	s := run(t, o)
	if s.Samples != 1 || len(s.Bad) != len(reasons) {
		t.Fatalf("%d samples, bad %v", s.Samples, s.Bad)
	}
	for _, b := range s.Bad {
		if want := reasons[b.Path]; want == "" || !strings.Contains(b.Reason, want) {
			t.Errorf("%s: %q, want %q", b.Path, b.Reason, want)
		}
	}
	// The ledger says the same, and the manifest counts.
	ledger := strings.Split(strings.TrimSpace(filetest.Contents(t, o.Output)["ledger.jsonl"]), "\n")
	if d := open(t, o.Output); d.Manifest().Bad != int64(len(s.Bad)) || len(ledger) != len(s.Bad) {
		t.Fatalf("manifest counts %d, ledger %d, summary %d", d.Manifest().Bad, len(ledger), len(s.Bad))
	}
	for i, line := range ledger {
		var b dataset.BadRow
		check(t, json.Unmarshal([]byte(line), &b))
		if b != s.Bad[i] {
			t.Errorf("ledger %+v, summary %+v", b, s.Bad[i])
		}
	}
}

func TestBadFilesFailByDefault(t *testing.T) {
	root, _ := badTree(t)
	_, err := pack.Run(t.Context(), options(root, filepath.Join(t.TempDir(), "p.stk")))
	wantErr(t, err, errs.Invalid, "and 4 more like it", "--on-bad skip")
	for name, kind := range map[string]errs.Kind{"empty.jpg": errs.Corrupt, "text.jpg": errs.Unsupported, "cut.png": errs.Corrupt, "bomb.png": errs.Invalid} {
		one := t.TempDir()
		check(t, os.Rename(filepath.Join(root, "a", name), filepath.Join(one, name)))
		o := options(one, filepath.Join(t.TempDir(), "p.stk"))
		_, err := pack.Run(t.Context(), o)
		wantErr(t, err, kind, filepath.Join(one, name)+": ", "--on-bad skip")
		o.SkipBad = true
		_, err = pack.Run(t.Context(), o)
		wantErr(t, err, errs.Invalid, "all 1 are bad, such as "+name)
	}
}

// TestBombTakesNoMemory: a header that claims 200 megapixels is refused before
// any of them is allocated, also where pictures are decoded.
func TestBombTakesNoMemory(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "a.png"), encoded(t, "a.png", 5))
	for i := range 50 {
		write(t, filepath.Join(root, fmt.Sprintf("bomb%d.png", i)), bomb(t, 20000, 10000))
	}
	o := options(root, filepath.Join(t.TempDir(), "p.stk"))
	o.SkipBad, o.Decode = true, true
	before := allocated()
	if s := run(t, o); len(s.Bad) != 50 {
		t.Errorf("%d bad", len(s.Bad))
	}
	if n := allocated() - before; n > 32<<20 {
		t.Errorf("%d MB allocated for 50 bombs of 600 MB", n>>20)
	}
}

// allocated returns the bytes of heap taken since the process began.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestMaxPixelsIsASetting(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "a.png"), encoded(t, "a.png", 40)) // 36 x 35
	o := options(root, filepath.Join(t.TempDir(), "p.stk"))
	o.MaxPixels = 36*35 - 1
	_, err := pack.Run(t.Context(), o)
	wantErr(t, err, errs.Invalid, "36 x 35", "1259", "--max-pixels")
	o.MaxPixels, o.Restart = 36*35, true
	run(t, o)
	// Enlarging is no way around the limit.
	o.Resize, o.Enlarge, o.Overwrite = pack.Resize{Short: 60000}, true, true
	_, err = pack.Run(t.Context(), o)
	wantErr(t, err, errs.Invalid, "would become 61714 x 60000")
}

func TestDecodingFindsWhatHeadersHide(t *testing.T) {
	root := t.TempDir()
	whole := encoded(t, "a.jpg", 62)
	write(t, filepath.Join(root, "a.jpg"), whole)
	write(t, filepath.Join(root, "b.jpg"), whole[:len(whole)*2/3])
	o := options(root, filepath.Join(t.TempDir(), "p.stk"))
	if s := run(t, o); s.Samples != 2 {
		t.Errorf("header check: %+v", s)
	}
	o.Decode, o.SkipBad, o.Overwrite = true, true, true
	if s := run(t, o); s.Samples != 1 || len(s.Bad) != 1 || s.Bad[0].Path != "b.jpg" {
		t.Errorf("decode check: %+v", s)
	}
}

// wantFullThenDone runs a child that cannot write enough, checks what it says,
// and that the same command finishes once fixed.
func wantFullThenDone(t *testing.T, c childOptions, fix func(*childOptions), parts ...string) {
	t.Helper()
	out, err := filetest.Child(t, childVar, c).CombinedOutput()
	if err == nil {
		t.Fatalf("succeeded without room: %s", out)
	}
	for _, p := range append(parts, errs.Exhausted.String(), "same command") {
		if !strings.Contains(string(out), p) {
			t.Errorf("%q lacks %q", out, p)
		}
	}
	if _, err := os.Stat(c.Output); !os.IsNotExist(err) {
		t.Errorf("half a dataset stands there: %v", err)
	}
	fix(&c)
	out, err = filetest.Child(t, childVar, c).CombinedOutput()
	if err != nil {
		t.Fatalf("with room: %v: %s", err, out)
	}
	if strings.TrimSpace(string(out)) == "0" {
		t.Error("began anew instead of continuing")
	}
	o := c.pack()
	o.Output = filepath.Join(t.TempDir(), "want.stk")
	run(t, o)
	filetest.Same(t, filetest.Contents(t, c.Output), filetest.Contents(t, o.Output))
	if left := names(t, filepath.Dir(c.Output)); len(left) != 1 {
		t.Errorf("left behind: %q", left)
	}
}

// TestFileSizeLimit is a full disk for everyone: `ulimit -f`.
func TestFileSizeLimit(t *testing.T) {
	c := childOptions{Root: photoTree(t, 300), Output: filepath.Join(t.TempDir(), "p.stk"), FileSize: 400 << 10}
	wantFullThenDone(t, c, func(c *childOptions) { c.FileSize = 0 }, "largest size allowed")
}

// TestNoPermission runs as a user who may neither read one file nor write to one
// folder; root becomes nobody for it.
func TestNoPermission(t *testing.T) {
	base, err := os.MkdirTemp("/tmp", "stoker-test")
	check(t, err)
	t.Cleanup(func() { check(t, os.RemoveAll(base)) })
	root, closed, shared := filepath.Join(base, "src"), filepath.Join(base, "closed"), filepath.Join(base, "shared")
	for _, dir := range []string{root, closed, shared} {
		check(t, os.Mkdir(dir, 0o755))
	}
	write(t, filepath.Join(root, "a.jpg"), encoded(t, "a.jpg", 1))
	write(t, filepath.Join(root, "b.jpg"), encoded(t, "b.jpg", 2))
	// Whatever the umask.
	for path, mode := range map[string]os.FileMode{base: 0o755, root: 0o755, closed: 0o555, shared: 0o777,
		filepath.Join(root, "a.jpg"): 0o644, filepath.Join(root, "b.jpg"): 0} {
		check(t, os.Chmod(path, mode))
	}

	f := func(out string, skip bool, parts ...string) {
		t.Helper()
		cmd := filetest.Child(t, childVar, childOptions{Root: root, Output: out, SkipBad: skip})
		if os.Geteuid() == 0 {
			exe := filepath.Join(base, "stoker-test")
			data, err := os.ReadFile(cmd.Path)
			check(t, err)
			check(t, os.WriteFile(exe, data, 0o755))
			check(t, os.Chmod(exe, 0o755))
			cmd.Path = exe
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		text, err := cmd.CombinedOutput()
		if (err == nil) != (parts == nil) {
			t.Errorf("%v: %s", err, text)
		}
		for _, p := range parts {
			if !strings.Contains(string(text), p) {
				t.Errorf("%q lacks %q", text, p)
			}
		}
	}
	f(filepath.Join(closed, "p.stk"), true, "permission denied", "check who owns")
	f(filepath.Join(shared, "p.stk"), false, "b.jpg: cannot be read: permission denied", "--on-bad skip")
	f(filepath.Join(shared, "p.stk"), true)
	d := open(t, filepath.Join(shared, "p.stk"))
	if d.Len() != 1 || d.Manifest().Bad != 1 {
		t.Errorf("%d samples, %d bad", d.Len(), d.Manifest().Bad)
	}
}

func TestFilesThatChangeWhilePacking(t *testing.T) {
	// The scan's facts come from Stat; a FUSE file system or a busy writer makes
	// them stale. /proc files say that they are empty and are not.
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("needs /proc")
	}
	root := t.TempDir()
	write(t, filepath.Join(root, "a.jpg"), encoded(t, "a.jpg", 1))
	check(t, os.Symlink("/proc/self/status", filepath.Join(root, "b.jpg")))
	_, err := pack.Run(t.Context(), options(root, filepath.Join(t.TempDir(), "p.stk")))
	wantErr(t, err, errs.Transient, "b.jpg: has grown beyond the 0 bytes")
}
