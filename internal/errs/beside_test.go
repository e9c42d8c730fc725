package errs_test

import (
	"os"
	"path/filepath"
	"testing"

	"stoker/internal/errs"
)

func TestBeside(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "photos"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for path, want := range map[string]string{
		"photoz":                       "did you mean photos?",
		"./photoz/":                    "did you mean photos?",
		filepath.Join(dir, "photoz"):   "did you mean " + filepath.Join(dir, "photos") + "?",
		"reviews":                      "otherwise",
		filepath.Join("no", "folder"):  "otherwise",
		filepath.Join(dir, "no", "of"): "otherwise",
	} {
		if got := errs.Beside(path, "otherwise"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
