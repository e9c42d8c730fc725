package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoker/internal/dataset"
	"stoker/internal/dataset/inspect"
	"stoker/internal/errs"
)

// dataCLI runs a command line and returns what it prints on stdout.
func dataCLI(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var started bool
	cmd := rootCommand(&started)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// smallDataset packs smallPhotos.
func smallDataset(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "p.stk")
	if _, err := packCLI(t, smallPhotos(t), "-o", dir, "--on-bad", "skip", "-q"); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestInspectVerifyExportForPeople(t *testing.T) {
	dir := smallDataset(t)
	tmp := t.TempDir()
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"inspect", dir, "--sheet", filepath.Join(tmp, "sheet.png")}, []string{"2 images of 1 class, ", " in 1 shard\n", "formats     png 2\n", "classes     2 samples each\n", "1 file could not be packed", "sheet.png\n"}},
		{[]string{"verify", dir, "-q"}, nil},
		{[]string{"verify", dir}, []string{"all is well: 2 samples, "}},
		{[]string{"export", dir, "-q", "-o", filepath.Join(tmp, "quiet")}, nil},
		{[]string{"export", dir, "-o", filepath.Join(tmp, "out")}, []string{"exported 2 files, "}},
		{[]string{"dev", "repeat", dir, filepath.Join(tmp, "r.stk"), "--samples", "5"}, []string{"5 samples\n"}},
	} {
		text, err := dataCLI(t, test.args...)
		if err != nil {
			t.Fatalf("%v: %v", test.args, err)
		}
		for _, want := range test.want {
			if !strings.Contains(text, want) {
				t.Errorf("%v prints\n%s\nwhich lacks %q", test.args, text, want)
			}
		}
		if test.want == nil && text != "" {
			t.Errorf("%v prints %q, want nothing", test.args, text)
		}
	}
	for _, file := range []string{"sheet.png", "out/cat/1.png", "quiet/cat/2.png", "r.stk/manifest.json"} {
		if _, err := os.Stat(filepath.Join(tmp, file)); err != nil {
			t.Error(err)
		}
	}
}

func TestInspectAndExportForPrograms(t *testing.T) {
	dir := smallDataset(t)
	text, err := dataCLI(t, "inspect", dir, "--json")
	var s inspect.Summary
	if err != nil || json.Unmarshal([]byte(text), &s) != nil || s.Samples != 2 || s.Width.Max != 40 || s.Bad != 1 {
		t.Errorf("inspect (%v): %s", err, text)
	}
	text, err = dataCLI(t, "export", dir, "-o", filepath.Join(t.TempDir(), "out"), "--json")
	var e dataset.Exported
	if err != nil || json.Unmarshal([]byte(text), &e) != nil || e.Samples != 2 || e.Bytes != s.BlobBytes {
		t.Errorf("export (%v): %s", err, text)
	}
}

func TestVerifyNamesTheDamage(t *testing.T) {
	dir := smallDataset(t)
	d, err := dataset.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // of a test
	s, err := d.Sample(1)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "data-00000.arrow"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // of a test
	if _, err := f.WriteAt([]byte("damage"), s.Offset); err != nil {
		t.Fatal(err)
	}
	text, err := dataCLI(t, "verify", dir, "-q")
	if !errs.Is(err, errs.Corrupt) || !strings.Contains(err.Error(), "1 of 2 samples are damaged") || !strings.Contains(text, `sample 1 "cat/2.png" at byte`) {
		t.Errorf("verify gives %v and prints\n%s", err, text)
	}
	text, err = dataCLI(t, "verify", dir, "--json")
	if err != exitError(exitCorrupt) || !strings.Contains(text, `"key": "cat/2.png"`) { //nolint:errorlint // the value itself
		t.Errorf("verify --json gives %v and prints\n%s", err, text)
	}
}

// TestDamagedIndexesCanBeMadeAgain: verify says how, and it works.
func TestDamagedIndexesCanBeMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p.stk")
	if _, err := packCLI(t, smallPhotos(t), "-o", dir, "--on-bad", "skip", "-q"); err != nil {
		t.Fatal(err)
	}
	indexes, err := filepath.Glob(filepath.Join(dir, "entropy-*"))
	if err != nil || len(indexes) != 1 {
		t.Fatal(indexes, err)
	}
	f, err := os.OpenFile(indexes[0], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // of a test
	if _, err := f.WriteAt([]byte("damage"), 300); err != nil {
		t.Fatal(err)
	}
	if _, err := dataCLI(t, "verify", dir); !strings.Contains(errs.HintOf(err), "stoker index "+dir) || !strings.Contains(err.Error(), "1 place is damaged") {
		t.Errorf("verify gives %v, hint %q", err, errs.HintOf(err))
	}
	if _, err := dataCLI(t, "index", dir, "-q"); err != nil {
		t.Fatal(err)
	}
	if _, err := dataCLI(t, "verify", dir); err != nil {
		t.Errorf("built again, verify gives %v", err)
	}
}

func TestWrongArgumentsAreExplained(t *testing.T) {
	for _, args := range [][]string{{"inspect"}, {"verify", "a", "b"}, {"export", "a"}, {"dev", "repeat", "a"}} {
		if _, err := dataCLI(t, args...); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "argument") && !strings.Contains(err.Error(), "folder") {
			t.Errorf("%v gives %v", args, err)
		}
	}
}

func TestBarsEscapeNamesAndKeepOrder(t *testing.T) {
	var b strings.Builder
	bars(&b, []inspect.Count{{Name: "a\x1b[2J", Samples: 40}, {Name: "...", Samples: -1}, {Name: "b", Samples: 1}, {Name: "c", Samples: 0}})
	want := "  a\\x1b[2J  " + strings.Repeat("█", 40) + " 40\n" +
		"       ...\n" +
		"         b  █ 1\n" +
		"         c   0\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
