package shm

import (
	"os"

	"golang.org/x/sys/unix"
)

// anonymous returns a memfd whose size is fixed for ever.
func anonymous(name string, size int) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	file := os.NewFile(uintptr(fd), name)
	if err := file.Truncate(int64(size)); err != nil {
		file.Close() //nolint:errcheck // truncate's error is the one to tell
		return nil, err
	}
	const fixedSize = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, fixedSize); err != nil {
		file.Close() //nolint:errcheck // the seal's error is the one to tell
		return nil, os.NewSyscallError("fcntl(F_ADD_SEALS)", err)
	}
	return file, nil
}
