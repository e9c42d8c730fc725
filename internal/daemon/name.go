package daemon

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"stoker/internal/errs"
)

// ErrRunning is returned by Listen where another engine has the name.
var ErrRunning = errors.New("an engine listens already")

// Listen takes the name, a path or with a leading @ an abstract one. Of two that
// try at the same time one gets ErrRunning.
func Listen(name string) (*net.UnixListener, error) {
	if name == "" {
		return nil, errs.New(errs.Invalid, "the socket's name is empty")
	}
	if !strings.HasPrefix(name, "@") {
		return listenPath(name)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, ErrRunning
	}
	if err != nil {
		return nil, errs.New(errs.Permission, "cannot listen on %s: %w", name, err)
	}
	return l, nil
}

// listenPath binds a socket file. A file that nobody listens on is left from an
// engine that was killed; it is replaced under a lock, so that of two who find it
// one wins.
func listenPath(path string) (*net.UnixListener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, errs.New(errs.Permission, "cannot make the socket's folder: %w", err)
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errs.New(errs.Permission, "cannot lock the socket: %w", err)
	}
	defer lock.Close() //nolint:errcheck // closing unlocks
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errs.New(errs.Permission, "cannot lock the socket: %w", err)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close() //nolint:errcheck // only asked whether someone answers
		return nil, ErrRunning
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, errs.New(errs.Permission, "cannot replace a dead socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, errs.New(errs.Permission, "cannot listen on %s: %w", path, err)
	}
	return l, os.Chmod(path, 0o600)
}
