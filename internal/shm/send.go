package shm

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"stoker/internal/errs"
)

// Send writes all of frame to conn and passes fd with its first byte. The
// receiver gets a descriptor of its own.
func Send(conn *net.UnixConn, frame []byte, fd int) error {
	n, _, err := conn.WriteMsgUnix(frame, unix.UnixRights(fd), nil)
	if err != nil {
		return err
	}
	if n < len(frame) {
		_, err = conn.Write(frame[n:])
	}
	return err
}

// Receive reads at most len(buf) bytes and returns the file that came with
// them, or nil where none did. More than one is an error.
func Receive(conn *net.UnixConn, buf []byte) (int, *os.File, error) {
	oob := make([]byte, unix.CmsgSpace(4*4))
	n, oobn, flags, _, err := conn.ReadMsgUnix(buf, oob)
	if err != nil {
		return 0, nil, err // n is -1
	}
	if flags&unix.MSG_CTRUNC != 0 {
		return n, nil, errs.New(errs.Invalid, "more file descriptors came than expected")
	}
	fds, err := descriptors(oob[:oobn])
	if err != nil || len(fds) == 0 {
		return n, nil, err
	}
	for _, fd := range fds[1:] {
		err = errors.Join(errs.New(errs.Invalid, "%d file descriptors came, one was expected", len(fds)), unix.Close(fd))
	}
	return n, os.NewFile(uintptr(fds[0]), "received"), err
}

func descriptors(oob []byte) ([]int, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, errs.New(errs.Invalid, "a control message is malformed: %w", err)
	}
	var all []int
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return all, errs.New(errs.Invalid, "a control message carries no descriptor: %w", err)
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
		}
		all = append(all, fds...)
	}
	return all, nil
}

// Map maps the whole of a received file. The Region owns it from then on.
func Map(file *os.File) (*Region, error) {
	st, err := file.Stat()
	if err != nil {
		return nil, err
	}
	data, err := unix.Mmap(int(file.Fd()), 0, int(st.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errs.New(errs.Exhausted, "cannot map %d bytes of shared memory: %w", st.Size(), err)
	}
	return &Region{file: file, data: data}, nil
}

// Peer is the process at the other end of a socket, as the kernel says.
type Peer struct{ UID, PID int }
