package calibrate

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// twoCores returns two processors that this process may use, far apart in their
// numbers, which threads of one core seldom are; the same one where there is one.
func twoCores() (a, b int) {
	var may unix.CPUSet
	if unix.SchedGetaffinity(0, &may) != nil {
		return -1, -1
	}
	var all []int
	for cpu := 0; len(all) < may.Count(); cpu++ {
		if may.IsSet(cpu) {
			all = append(all, cpu)
		}
	}
	return all[0], all[len(all)/2]
}

// pin keeps the goroutine's thread on a processor; both end together.
func pin(cpu int) {
	if cpu < 0 {
		return
	}
	runtime.LockOSThread() // for good: Go ends the thread with the goroutine
	var one unix.CPUSet
	one.Set(cpu)
	_ = unix.SchedSetaffinity(0, &one) // where it is forbidden the system chooses
}
