package dataset

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"stoker/internal/errs"
)

// ioError turns an error of the operating system into one that says what to do.
func ioError(err error, path string) error {
	var known *errs.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return errs.New(errs.Permission, "%w", err).At(path).WithHint("check who owns %s and whether its disk is mounted read-only", path)
	case errors.Is(err, fs.ErrNotExist):
		return errs.New(errs.NotFound, "%w", err).At(path)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return errs.New(errs.Exhausted, "%w", err).At(path).WithHint("raise the limit on open files: ulimit -n 65536")
	case errors.Is(err, syscall.EIO):
		return errs.New(errs.Transient, "the disk or network answered with an error: %w", err).At(path)
	}
	return errs.New(errs.Internal, "%w", err).At(path)
}

// writeError is ioError for a write of n bytes: it explains a full disk.
func writeError(err error, path string, n int) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return errs.New(errs.Exhausted, "the disk is full: %d bytes more are needed now, %d are free: %w",
			n, freeBytes(filepath.Dir(path)), err).At(path).WithHint(roomHint)
	case errors.Is(err, syscall.EDQUOT):
		return errs.New(errs.Exhausted, "the disk quota is used up: %d bytes more are needed now: %w", n, err).At(path).WithHint(roomHint)
	case errors.Is(err, syscall.EFBIG):
		return errs.New(errs.Exhausted, "the file would pass the largest size allowed (ulimit -f, or the file system): %w", err).At(path)
	}
	return ioError(err, path)
}

const roomHint = "make room and run the same command again: it continues where it stopped; nothing is lost"

// place names the file of an error that does not name one yet.
func place(err error, path string) error {
	var e *errs.Error
	if errors.As(err, &e) && e.Path == "" {
		e.Path = path
	}
	return err
}

// stopped gives the error of a context that ended its kind.
func stopped(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return errs.New(errs.Canceled, "interrupted: %w", err)
	}
	return err
}
