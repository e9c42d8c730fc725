//go:build !linux

package procs

// DropProgramPages does nothing: only Linux is known to let a process do so.
func DropProgramPages() {}
