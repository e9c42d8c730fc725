package shm

import (
	"os"

	"golang.org/x/sys/unix"
)

// Watch calls gone when the process pid ends, until stop is called, which waits
// for it. A socket alone does not tell: a child that was forked from the process
// keeps its end open.
func Watch(pid int, gone func()) (stop func(), err error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	file := os.NewFile(uintptr(fd), "pidfd")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close() //nolint:errcheck // the first error is the one to tell
		return nil, err
	}
	ended := make(chan struct{})
	go func() { // ended by stop
		defer close(ended)
		err := raw.Read(func(fd uintptr) bool {
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(fds, 0)
			return n > 0 || err != nil && err != unix.EINTR //nolint:errorlint // a plain errno
		})
		if err == nil {
			gone()
		}
	}()
	return func() {
		file.Close() //nolint:errcheck // wakes Read
		<-ended
	}, nil
}
