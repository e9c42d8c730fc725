// Package link carries frames between the runner's processes over Unix
// sockets: one byte of type, four of length (little endian), the payload. The
// processes of one run are always the same binary, so there is no version to
// negotiate; a client of another version reads Hello first and refuses.
package link

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"stoker/internal/errs"
)

// Version is that of the frames between client and supervisor; a client and a
// supervisor of different versions do not talk.
const Version = 1

// maxFrame bounds a payload; a larger length is a damaged or foreign stream.
const maxFrame = 4 << 20

// Conn is one end of a connection. Reads belong to one goroutine; writes are
// safe from many.
type Conn struct {
	raw net.Conn
	in  *bufio.Reader
	buf []byte

	mu  sync.Mutex
	out []byte
}

// NewConn frames raw.
func NewConn(raw net.Conn) *Conn {
	return &Conn{raw: raw, in: bufio.NewReaderSize(raw, 32<<10)}
}

// Read returns the next frame; payload is valid until the next Read.
func (c *Conn) Read() (kind byte, payload []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, errs.New(errs.Corrupt, "frame of %d bytes", n)
	}
	if cap(c.buf) < int(n) {
		c.buf = make([]byte, n)
	}
	c.buf = c.buf[:n]
	_, err = io.ReadFull(c.in, c.buf)
	return head[0], c.buf, err
}

// Write sends one frame of the concatenated parts.
func (c *Conn) Write(kind byte, parts ...[]byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	c.out = append(c.out[:0], kind)
	c.out = binary.LittleEndian.AppendUint32(c.out, uint32(n))
	for _, p := range parts {
		c.out = append(c.out, p...)
	}
	_, err := c.raw.Write(c.out)
	if cap(c.out) > 64<<10 {
		c.out = nil
	}
	return err
}

// WriteJSON sends one frame holding v.
func (c *Conn) WriteJSON(kind byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return errs.New(errs.Internal, "encode frame: %w", err)
	}
	return c.Write(kind, raw)
}

// SetWriteDeadline bounds how long a Write may wait for a peer that does not
// read.
func (c *Conn) SetWriteDeadline(t time.Time) { _ = c.raw.SetWriteDeadline(t) }

// Close ends the connection; a blocked Read or Write returns.
func (c *Conn) Close() error { return c.raw.Close() }

// Listen makes a socket at path, replacing a dead one. The directory's mode
// (0700) guards it.
func Listen(path string) (*net.UnixListener, error) {
	short, done, err := shorten(path)
	if err != nil {
		return nil, err
	}
	defer done()
	_ = os.Remove(path)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		return nil, errs.New(errs.Permission, "listen: %w", err).At(path)
	}
	l.SetUnlinkOnClose(false)
	return l, nil
}

// Dial connects to the socket at path, or fails at once with errs.NotFound when
// nobody listens.
func Dial(path string) (*Conn, error) {
	short, done, err := shorten(path)
	if err != nil {
		return nil, err
	}
	defer done()
	raw, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		return nil, errs.New(errs.NotFound, "nobody listens: %w", err).At(path)
	}
	return NewConn(raw), nil
}

// maxSocketPath is the room in sockaddr_un, less its final zero (103 on macOS).
const maxSocketPath = 103

// shorten returns a name for path that fits a socket address: state directories
// can lie deep. Linux resolves names below /proc/self/fd.
func shorten(path string) (short string, done func(), err error) {
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, errs.New(errs.NotFound, "open socket directory: %w", err).At(path)
	}
	short = filepath.Join("/proc/self/fd", strconv.Itoa(int(dir.Fd())), filepath.Base(path))
	return short, func() { dir.Close() }, nil
}
