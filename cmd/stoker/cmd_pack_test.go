package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/pack"
)

// packCLI runs `stoker pack` with the arguments and returns what it prints.
func packCLI(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := packCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// smallPhotos makes a folder of one class with two pictures and a bad file.
func smallPhotos(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "photos")
	if err := os.MkdirAll(filepath.Join(dir, "cat"), 0o755); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 30))); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{"1.png": b.String(), "2.png": b.String(), "3.jpg": "no picture", "notes.txt": "x"} {
		if err := os.WriteFile(filepath.Join(dir, "cat", name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPackForPeople(t *testing.T) {
	src := smallPhotos(t)
	out := filepath.Join(t.TempDir(), "p.stk")
	text, err := packCLI(t, src, "-o", out, "--on-bad", "skip")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"packed 2 pictures of 1 class into " + out + "\n",
		"left out 1 bad file, listed in " + out + "/ledger.jsonl:\n    cat/3.jpg: neither JPEG",
		"left out 1 file that is no picture (such as cat/notes.txt)",
		"in 1 shard, in ",
		`stoker.Loader("` + out + `", batch_size=256)`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nlacks %q", text, want)
		}
	}
}

func TestPackForPrograms(t *testing.T) {
	src := smallPhotos(t)
	out := filepath.Join(t.TempDir(), "p.stk")
	text, err := packCLI(t, src, "-o", out, "--on-bad", "skip", "--resize", "max=20", "--quality", "80", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var s pack.Summary
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if s.Samples != 2 || len(s.Bad) != 1 || s.Classes[0] != "cat" || s.Output != out || s.Seconds <= 0 || s.FilesPerS <= 0 || s.MBPerS <= 0 {
		t.Errorf("%+v", s)
	}
	d, err := dataset.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if row, err := d.Sample(0); err != nil || row.Width != 20 || row.Height != 15 {
		t.Errorf("%+v, %v", row, err)
	}
	var recipe struct {
		Resize  string
		Quality int
	}
	if err := json.Unmarshal(d.Manifest().Options, &recipe); err != nil || recipe.Resize != "max=20" || recipe.Quality != 80 {
		t.Errorf("options in the manifest: %s, %v", d.Manifest().Options, err)
	}
}

func TestPackSaysNothingWhenQuiet(t *testing.T) {
	text, err := packCLI(t, smallPhotos(t), "-o", filepath.Join(t.TempDir(), "p.stk"), "--on-bad=skip", "-q")
	if err != nil || text != "" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestPackUsageErrors(t *testing.T) {
	f := func(part string, args ...string) {
		t.Helper()
		_, err := packCLI(t, args...)
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %v, want %q", args, err, part)
		}
	}
	f("0 sources given")
	f("2 sources given", "a", "b")
	f("no output given", "a")
	picture := filepath.Join(t.TempDir(), "one.png")
	if err := os.WriteFile(picture, []byte("\x89PNG\r\n\x1a\n........"), 0o600); err != nil {
		t.Fatal(err)
	}
	f("is one picture", picture, "-o", "b")
	f(`cannot resize to "256"`, "a", "-o", "b", "--resize", "256")
	f(`--on-bad "maybe"`, "a", "-o", "b", "--on-bad", "maybe")
	f(`--check "all"`, "a", "-o", "b", "--check", "all")
	f(`cannot index every "many"`, "a", "-o", "b", "--entropy-index", "many")
	f(`--filter`, "a", "-o", "b", "--filter", "cubist")
	f(`"much" is no size`, "a", "-o", "b", "--memory", "much")
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{"1000": 1000, "512MB": 512e6, "2GiB": 2 << 30, "1.5 kB": 1500, "64MiB": 64 << 20} {
		if got, err := parseBytes(text); got != want || err != nil {
			t.Errorf("%q = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MB", "-1MB", "0", "1e30GB", "nan", "5 parsecs"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%q = %d", text, got)
		}
	}
}
