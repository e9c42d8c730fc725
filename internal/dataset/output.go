package dataset

import (
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// file is what writing needs of *os.File; tests put faulty ones in its place.
type file interface {
	io.Writer
	Sync() error
	Close() error
}

// openFunc opens a file for writing at its end; size is what it must hold
// already: 0 creates it or empties it, more cuts off what is behind.
type openFunc func(path string, size int64) (file, error)

func openFile(path string, size int64) (file, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(size); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// output is a file being written, with its size and checksum so far.
type output struct {
	file file
	path string
	size int64
	crc  uint32
}

// writebackBytes is the size from which on a write is worth a call of its own.
const writebackBytes = 1 << 20

func (o *output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	if f, ok := o.file.(*os.File); ok && n >= writebackBytes {
		startWriteback(f, o.size, int64(n))
	}
	o.size += int64(n)
	o.crc = crc32.Update(o.crc, castagnoli, p[:n])
	return n, writeError(err, o.path, len(p)-n)
}

// finish forces the file to the disk and closes it.
func (o *output) finish() (FileInfo, error) {
	err := first(o.file.Sync(), o.file.Close())
	return FileInfo{File: filepath.Base(o.path), Bytes: o.size, CRC: Checksum(o.crc)}, writeError(err, o.path, 0)
}

// syncDir forces a folder's entries to the disk, where its file system can.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return ioError(err, dir)
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) { // some network file systems
		err = nil
	}
	return ioError(first(err, f.Close()), dir)
}

// first returns the first of two errors that is one.
func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
