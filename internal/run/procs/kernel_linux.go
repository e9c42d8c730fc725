package procs

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// KernelOOM returns the kernel log's line about an out-of-memory kill of pid
// since a time, or "": often only root may read that log.
func KernelOOM(pid int, since time.Time) string {
	buf := make([]byte, 512<<10)
	n, err := unix.Klogctl(3 /* SYSLOG_ACTION_READ_ALL */, buf)
	if err != nil {
		return ""
	}
	var up unix.Sysinfo_t
	_ = unix.Sysinfo(&up)
	after := time.Duration(up.Uptime)*time.Second - time.Since(since) - time.Second
	return findOOM(string(buf[:n]), pid, after)
}

// findOOM looks for a line such as
//
//	<3>[ 123.456] Out of memory: Killed process 42 (python) total-vm:...
//
// that is younger than after (since boot).
func findOOM(log string, pid int, after time.Duration) string {
	want := "Killed process " + strconv.Itoa(pid) + " "
	found := ""
	for line := range strings.Lines(log) {
		if !strings.Contains(line, want) {
			continue
		}
		_, rest, ok := strings.Cut(line, "[")
		stamp, text, ok2 := strings.Cut(rest, "]")
		sec, err := strconv.ParseFloat(strings.TrimSpace(stamp), 64)
		if ok && ok2 && err == nil && sec >= after.Seconds() {
			found = strings.TrimSpace(text)
		}
	}
	return found
}
