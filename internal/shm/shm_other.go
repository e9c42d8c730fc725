//go:build unix && !linux

package shm

import "os"

// anonymous returns a temporary file that has no name any more. It cannot be
// sealed: a client of the same user could shrink it. Untested.
func anonymous(name string, size int) (*os.File, error) {
	file, err := os.CreateTemp("", name+"-*")
	if err != nil {
		return nil, err
	}
	if err = os.Remove(file.Name()); err == nil {
		err = file.Truncate(int64(size))
	}
	if err != nil {
		file.Close() //nolint:errcheck // the first error is the one to tell
		return nil, err
	}
	return file, nil
}
