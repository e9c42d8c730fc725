//go:build unix

package procs

import (
	"errors"
	"syscall"
)

// aliveBySignal is the answer where there is no /proc: a process that may be
// signalled, or that exists but is another user's, lives.
func aliveBySignal(pid int) bool {
	if hasProc() {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
