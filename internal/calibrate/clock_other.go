//go:build !linux

package calibrate

import "time"

var started = time.Now()

// threadSeconds is wall time where a thread's own is not told. Untested.
func threadSeconds() float64 { return time.Since(started).Seconds() }
