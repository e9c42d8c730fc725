package dataset

import (
	"path/filepath"
	"strings"
	"testing"

	"stoker/internal/errs"
	"stoker/internal/filetest"
)

// TestHintsForADatasetThatIsNotThere: the nearest name, or how to make one.
func TestHintsForADatasetThatIsNotThere(t *testing.T) {
	dir := filetest.FastDir(t)
	writePictures(t, filepath.Join(dir, "photos.stk"), pictures(t, 1), false)
	for path, want := range map[string]string{
		"fotos.stk":     "did you mean " + filepath.Join(dir, "photos.stk") + "?",
		"prob.stk":      "there is photos.stk; `stoker pack PICTURES -o " + filepath.Join(dir, "prob.stk"),
		"quite-another": "there is photos.stk; `stoker pack PICTURES -o " + filepath.Join(dir, "quite-another"),
		"no/where.stk":  "there is no folder " + filepath.Join(dir, "no") + " either",
	} {
		_, err := Open(filepath.Join(dir, path))
		if !errs.Is(err, errs.NotFound) || !strings.HasPrefix(errs.HintOf(err), want) {
			t.Errorf("%s: %v, hint %q, want %q", path, err, errs.HintOf(err), want)
		}
	}
}
