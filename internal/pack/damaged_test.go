package pack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/pack"
)

// TestDamageBehindTheHeader: what indexing meets is told by policy, also by a run
// that continues another.
func TestDamageBehindTheHeader(t *testing.T) {
	root := t.TempDir()
	for i, name := range []string{"a/1.jpg", "a/2.jpg", "b/3.jpg", "b/4.jpg"} {
		blob := encoded(t, name, i+9)
		if i%2 == 1 {
			blob = blob[:len(blob)-30]
		}
		write(t, filepath.Join(root, name), blob)
	}
	o := options(root, filepath.Join(t.TempDir(), "p.stk"))
	o.EntropyStep = 8
	_, err := pack.Run(t.Context(), o)
	if !errs.Is(err, errs.Corrupt) || !strings.Contains(err.Error(), filepath.Join(root, "a/2.jpg")) ||
		!strings.Contains(err.Error(), "and 1 more: b/4.jpg") || !strings.Contains(errs.HintOf(err), "--check decode") {
		t.Errorf("%v, hint %q", err, errs.HintOf(err))
	}
	o.SkipBad = true
	var ledgers []string
	for _, restart := range []bool{false, true} { // the first continues the run that failed
		o.Restart, o.Overwrite = restart, restart
		s := run(t, o)
		var damaged []string
		for _, b := range s.Damaged {
			damaged = append(damaged, b.Path)
		}
		if diff := cmp.Diff([]string{"a/2.jpg", "b/4.jpg"}, damaged); diff != "" || s.Samples != 4 || len(s.Bad) != 0 {
			t.Errorf("%+v: %s", s, diff)
		}
		ledger, err := os.ReadFile(filepath.Join(o.Output, "ledger.jsonl"))
		check(t, err)
		ledgers = append(ledgers, string(ledger))
	}
	if strings.Count(ledgers[0], "packed, but damaged") != 2 || ledgers[0] != ledgers[1] {
		t.Errorf("ledgers:\n%s\n%s", ledgers[0], ledgers[1])
	}
	if r, err := dataset.Verify(t.Context(), o.Output, nil); err != nil || !r.OK() {
		t.Errorf("%v %+v", err, r)
	}
}
