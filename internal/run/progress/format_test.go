package progress

import (
	"testing"

	"stoker/internal/run/rx"
)

// TestExpressionsCompile uses every expression once: they are compiled at their
// first use, which for a rare format may be a user's.
func TestExpressionsCompile(t *testing.T) {
	for _, f := range formats {
		if _, _, ok := f.take("-", &context{}); ok {
			t.Errorf("%s takes a line that says nothing", f.id)
		}
	}
	for _, re := range []rx.Lazy{keyValue, dictEntry, genericCounter, genericEpoch, afterEpoch, clockParts, paddleEpoch, paddleIter, regexIterOfRun, jsonEpoch} {
		re()
	}
}
