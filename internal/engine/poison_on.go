//go:build race || invariants

package engine

// poison overwrites memory that nobody may read any more, so that a view which
// outlived its lease shows at once. Only debug and race builds pay for it.
func poison(b []byte) {
	for i := range b {
		b[i] = 0xa5
	}
}
