//go:build unix && !linux

package daemon

import (
	"fmt"
	"os"
	"path/filepath"
)

// DefaultName is the socket of this user's engine, in a folder that only this
// user may enter. Untested.
func DefaultName(string) string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("stoker-%d", os.Getuid()), "engine.sock")
}
