//go:build !linux

package procs

import "time"

// KernelOOM is unknown on this system.
func KernelOOM(pid int, since time.Time) string { return "" }
