package sysinfo

import (
	"time"

	"golang.org/x/sys/unix"
)

// ThreadCPU is the processor time of the calling thread; who compares two of them
// holds the thread with runtime.LockOSThread.
func ThreadCPU() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
