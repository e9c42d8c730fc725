package sysinfo

import (
	"runtime"
	"testing"
	"time"
)

// TestProcessorTimeIsWhatWorkTakes: a thread that works gets older, one that waits
// does not, and the process is at least as old as each of its threads.
func TestProcessorTimeIsWhatWorkTakes(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread, process := ThreadCPU(), ProcessCPU()
	for end := time.Now().Add(5 * time.Second); ThreadCPU()-thread < 20*time.Millisecond; {
		if time.Now().After(end) {
			t.Fatal("five seconds of work took no processor time")
		}
	}
	if p := ProcessCPU() - process; p < 10*time.Millisecond { // its clock is coarser
		t.Errorf("a thread worked 20 ms, its process %v", p)
	}
	if runtime.GOOS != "linux" {
		return
	}
	thread = ThreadCPU()
	time.Sleep(50 * time.Millisecond)
	if d := ThreadCPU() - thread; d > 25*time.Millisecond {
		t.Errorf("a thread that slept worked %v", d)
	}
}
