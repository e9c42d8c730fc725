package hold

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// unpolled returns f as a file that Go's poller knows nothing of and that blocks;
// f is consumed.
func unpolled(f *os.File) (*os.File, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// blockingPipe is a pipe that Go's poller knows nothing of.
func blockingPipe() (r, w *os.File, err error) {
	var fds [2]int
	syscall.ForkLock.RLock() // no child may inherit the ends before they are marked
	defer syscall.ForkLock.RUnlock()
	if err := unix.Pipe(fds[:]); err != nil {
		return nil, nil, err
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	return os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe"), nil
}

// control runs fn on the file's descriptor, which stays open meanwhile.
func control(f *os.File, fn func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := conn.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// rawOutput stops the terminal from turning line feeds into carriage return and
// line feed: the log then holds what the program wrote, also when the client's
// output is a file. A client's own terminal still does it.
func rawOutput(tty *os.File) error {
	return control(tty, func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, getTermios)
		if err != nil {
			return err
		}
		t.Oflag &^= unix.ONLCR
		return unix.IoctlSetTermios(fd, setTermios, t)
	})
}

// setSize tells the terminal its size; programs in it get SIGWINCH.
func setSize(tty *os.File, s Size) error {
	clamp := func(n int) uint16 { return uint16(min(max(n, 1), 4096)) }
	return control(tty, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: clamp(s.Cols), Row: clamp(s.Rows)})
	})
}

// foreground returns the terminal's foreground process group, or 0.
func foreground(master *os.File) (group int) {
	_ = control(master, func(fd int) (err error) {
		group, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return err
	})
	return group
}
