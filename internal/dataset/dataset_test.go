package dataset

import (
	"path/filepath"
	"testing"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, n := range []int{1, 3, 4, 5, 100} {
		dir := filepath.Join(t.TempDir(), "t.stk")
		writeTest(t, dir, n, testOptions())
		checkTest(t, openTest(t, dir), n)
	}
}
