//go:build unix && !linux

package sysinfo

import "golang.org/x/sys/unix"

// YieldToOthers gives this process the niceness n (0 to 19). Untested.
func YieldToOthers(n int) error { return unix.Setpriority(unix.PRIO_PROCESS, 0, n) }
