//go:build unix && !linux

package sysinfo

import "time"

var started = time.Now()

// ThreadCPU is wall time where a thread's own is not told. Untested.
func ThreadCPU() time.Duration { return time.Since(started) }
