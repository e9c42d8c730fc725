//go:build unix

package source

import (
	"os"
	"syscall"
)

// fileID tells files apart whatever name they are reached by.
type fileID struct{ device, inode uint64 }

func idOf(info os.FileInfo) fileID {
	st := info.Sys().(*syscall.Stat_t)
	return fileID{uint64(st.Dev), uint64(st.Ino)} //nolint:unconvert // the types differ between systems
}
