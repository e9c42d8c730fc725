package daemon

import (
	"fmt"
	"os"
	"syscall"
)

// DefaultName is the socket of this user's engine of this version and build:
// abstract, so that nothing stays on disk; by mount namespace, so that a container
// with its own file system has an engine that sees the same files; and by size and
// time of the program, so that somebody who builds Stoker meets no engine of
// before. The Python client makes the same name.
func DefaultName(version string) string {
	var namespace uint64
	if st, err := os.Stat("/proc/self/ns/mnt"); err == nil {
		if sys, ok := st.Sys().(*syscall.Stat_t); ok {
			namespace = sys.Ino
		}
	}
	return fmt.Sprintf("@stoker/%d/%d/%s/%s", os.Getuid(), namespace, version, build())
}

func build() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	st, err := os.Stat(self)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x-%x", st.Size(), st.ModTime().UnixNano())
}
