package shm

import (
	"net"

	"golang.org/x/sys/unix"

	"stoker/internal/errs"
)

// PeerOf returns who made the other end of conn.
func PeerOf(conn *net.UnixConn) (Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var cred *unix.Ucred
	var optErr error
	if err := raw.Control(func(fd uintptr) {
		cred, optErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return Peer{}, err
	}
	if optErr != nil {
		return Peer{}, errs.New(errs.Permission, "cannot ask who is at the other end of the socket: %w", optErr)
	}
	return Peer{UID: int(cred.Uid), PID: int(cred.Pid)}, nil
}
