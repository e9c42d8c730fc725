//go:build unix && !linux

package shm

import "stoker/internal/errs"

// Watch is not available; the end of the socket must do. Untested.
func Watch(int, func()) (stop func(), err error) {
	return nil, errs.New(errs.Unsupported, "processes cannot be watched on this system")
}
