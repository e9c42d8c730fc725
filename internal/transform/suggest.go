package transform

import (
	"fmt"
	"strconv"

	"stoker/internal/errs"
)

func itoa(i int) string { return strconv.Itoa(i) }

// suggestion returns `: did you mean "x"?` for the known name nearest to name, or
// "" where none is near.
func suggestion(name string, known []string) string {
	if best := errs.Nearest(name, known); best != "" {
		return fmt.Sprintf(": did you mean %q?", best)
	}
	return ""
}
