//go:build !linux

package advise

import "time"

// threadCPU is that of the whole process: other systems do not tell a thread's.
func threadCPU() time.Duration { return processCPU() }
