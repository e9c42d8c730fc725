package errs

import (
	"errors"
	"io/fs"
)

// KindOfFile classifies an error of package os: NotFound, Permission, or otherwise.
func KindOfFile(err error, otherwise Kind) Kind {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return NotFound
	case errors.Is(err, fs.ErrPermission):
		return Permission
	}
	return otherwise
}

// WithoutPath returns the cause of an error of package os: our errors name the file
// once, in a place of their own.
func WithoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
