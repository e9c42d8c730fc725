//go:build unix && !linux

package shm

import (
	"net"
	"os"
)

// PeerOf trusts the socket's folder, which only this user may enter (0700); the
// process id is not known. Untested.
func PeerOf(*net.UnixConn) (Peer, error) { return Peer{UID: os.Getuid()}, nil }
