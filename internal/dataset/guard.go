package dataset

import (
	"runtime"
	"runtime/debug"

	"stoker/internal/errs"
)

// endFault turns a fault on mapped memory into an error: the file behind the map
// was cut short, or the disk failed. Without it such a fault ends the process.
// Use it as
//
//	defer endFault(debug.SetPanicOnFault(true), &err)
//
// whose argument makes faults panics for this goroutine; endFault recovers and
// switches back. It allocates nothing and costs a few nanoseconds.
func endFault(before bool, err *error) {
	debug.SetPanicOnFault(before)
	if fault := asFault(recover()); fault != nil {
		*err = errs.New(errs.Corrupt, "a mapped file cannot be read: it was cut short while open, or the disk failed: %w", fault)
	}
}

// endFaultOK is endFault for functions without an error.
func endFaultOK(before bool, ok *bool) {
	debug.SetPanicOnFault(before)
	if asFault(recover()) != nil {
		*ok = false
	}
}

// asFault returns the fault that a panic stands for, nil where there was no
// panic, and goes on with any other panic.
func asFault(r any) error {
	if r == nil {
		return nil
	}
	if fault, ok := r.(interface {
		runtime.Error
		Addr() uintptr
	}); ok {
		return fault
	}
	panic(r)
}
