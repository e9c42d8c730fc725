package procs

import (
	"testing"
	"time"
)

func TestFindOOM(t *testing.T) {
	log := "<6>[   10.5] boot\n<3>[  100.25] Out of memory: Killed process 42 (python) total-vm:1kB\n" +
		"<3>[  300.5] Memory cgroup out of memory: Killed process 421 (python) x\n"
	if got := findOOM(log, 42, 50*time.Second); got != "Out of memory: Killed process 42 (python) total-vm:1kB" {
		t.Error(got)
	}
	if got := findOOM(log, 42, 200*time.Second); got != "" {
		t.Error("an earlier process of the same number:", got)
	}
	if got := findOOM("garbage\nKilled process 42 (x)", 42, 0); got != "" {
		t.Error(got)
	}
}
