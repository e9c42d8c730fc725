// Package rx makes regular expressions when they are first needed. The runner
// knows hundreds; compiled at start-up they would cost every stoker command, the
// engine and the holder of each run 5 ms and 1.6 MB.
package rx

import (
	"regexp"
	"sync"
)

// Lazy is a regular expression that is compiled by its first call.
type Lazy func() *regexp.Regexp

// New returns the expression, uncompiled. One that does not compile panics at its
// first use: every expression needs a test that uses it.
func New(expr string) Lazy {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
