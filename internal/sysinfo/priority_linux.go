package sysinfo

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// LowerPriority gives every thread of this process at least the niceness n (0 to
// 19). Linux keeps it by thread; threads made later take it from their maker.
func LowerPriority(n int) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		if raw, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err == nil && 20-raw >= n { // the system call returns 20 - nice
			continue
		}
		if err := unix.Setpriority(unix.PRIO_PROCESS, tid, n); err != nil && err != unix.ESRCH { //nolint:errorlint // a plain errno
			return err
		}
	}
	return nil
}
