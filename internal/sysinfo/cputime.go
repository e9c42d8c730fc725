//go:build unix

package sysinfo

import (
	"time"

	"golang.org/x/sys/unix"
)

// ProcessCPU is the processor time that this process has taken, 0 where the system
// does not tell.
func ProcessCPU() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
