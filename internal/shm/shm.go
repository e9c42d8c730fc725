// Package shm makes anonymous shared memory and hands it to another process.
//
// On Linux a Region is one sealed memfd: it has no name, nobody can shrink it
// under a reader, it does not count against /dev/shm, and it is gone with the
// last process that maps it. Elsewhere it is an unlinked temporary file (written
// to the same rules, but untested).
//
// The package starts no goroutine. A Region belongs to who created it; slices of
// its memory must not be used after Close.
package shm

import (
	"os"

	"golang.org/x/sys/unix"

	"stoker/internal/errs"
)

// Region is shared memory mapped into this process, readable and writable. Pages
// are taken from the system when first written.
type Region struct {
	file *os.File
	data []byte
}

// Create returns a zeroed Region of size bytes. name is shown by tools such as
// /proc/self/maps and names nothing.
func Create(name string, size int) (*Region, error) {
	if size <= 0 {
		return nil, errs.New(errs.Invalid, "a shared memory region of %d bytes was asked for", size)
	}
	file, err := anonymous(name, size)
	if err != nil {
		return nil, errs.New(errs.Exhausted, "cannot create %d bytes of shared memory: %w", size, err)
	}
	data, err := unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		file.Close() //nolint:errcheck // the mapping's error is the one to tell
		return nil, errs.New(errs.Exhausted, "cannot map %d bytes of shared memory: %w", size, err)
	}
	return &Region{file: file, data: data}, nil
}

// Bytes returns the memory. It is valid until Close.
func (r *Region) Bytes() []byte { return r.data }

// FD returns the descriptor to send to another process. It stays owned by r.
func (r *Region) FD() int { return int(r.file.Fd()) }

// Close unmaps the memory. It goes back to the system once every other process
// has unmapped it too.
func (r *Region) Close() error {
	if r.data == nil {
		return nil
	}
	err := unix.Munmap(r.data)
	r.data = nil
	if cerr := r.file.Close(); err == nil {
		err = cerr
	}
	return err
}
