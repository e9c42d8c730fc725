package advise

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadCPU is the CPU time of the calling thread.
func threadCPU() time.Duration { return cpuOf(unix.RUSAGE_THREAD) }
