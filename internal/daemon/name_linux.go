package daemon

import (
	"fmt"
	"os"
	"syscall"
)

// DefaultName is the socket of this user's engine of this version: abstract, so
// that nothing stays on disk, and by mount namespace, so that a container with
// its own file system has an engine that sees the same files.
func DefaultName(version string) string {
	var namespace uint64
	if st, err := os.Stat("/proc/self/ns/mnt"); err == nil {
		if sys, ok := st.Sys().(*syscall.Stat_t); ok {
			namespace = sys.Ino
		}
	}
	return fmt.Sprintf("@stoker/%d/%d/%s", os.Getuid(), namespace, version)
}
