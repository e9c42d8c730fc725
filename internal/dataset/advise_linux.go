package dataset

import (
	"os"

	"golang.org/x/sys/unix"
)

// adviseRandom switches read-ahead off for a file. It promises nothing, so a
// failure means nothing.
func adviseRandom(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM) }
