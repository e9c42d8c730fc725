package calibrate

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadSeconds is the processor time of the calling thread.
func threadSeconds() float64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano()).Seconds()
}
