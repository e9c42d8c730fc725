package calibrate

import (
	"cmp"
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"stoker/internal/errs"
)

const (
	loopAsk    = 50 * time.Millisecond
	loopBytes  = 256 << 10
	loopStream = 256 << 20 // a block: some 0.1 s
)

// network measures this machine's own network stack. What lies between it and a
// remote store is in the disk's figures, which are those of the dataset's path.
func (c *calibrator) network(ctx context.Context, _ *sample) (part, error) {
	d := c.report.Data
	switch {
	case d.Network:
		c.note("the data come over the network (%s from %s): the disk figures are those of that way", d.FileSystem, d.Mounted)
	case d.FileSystem != "":
		c.note("the data are local (%s on %s)", d.FileSystem, d.Mounted)
	}
	l, err := c.loopback(ctx)
	if err != nil {
		return part{}, err
	}
	l.asking, l.total = c.block(loopAsk), loopStream
	if c.Quick {
		l.total /= 16
	}
	return part{items: []*item{
		{row: Row{ID: "loopback.bytes", Group: "network", Name: "loopback TCP", Typical: "3 to 6 GB/s"}, unit: "B/s", cores: 2, block: l.stream},
		{row: Row{ID: "loopback.ask", Group: "network", Name: "loopback, there and back", Typical: "15 to 40 us; 0.2 ms in a machine room"}, unit: "s", cores: 2, block: l.ask},
	}}, nil
}

// loop are connections of this process to itself.
type loop struct {
	here, there net.Conn
	from, to    *os.File // of one whose calls block, so that its two threads stay on their cores
	buf, into   []byte
	asking      time.Duration // a block of ask
	total       int           // bytes of a block of stream
}

func (c *calibrator) loopback(ctx context.Context) (*loop, error) {
	l := &loop{buf: make([]byte, loopBytes), into: make([]byte, loopBytes)}
	c.atEnd(l.close)
	listen, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, loopError(err)
	}
	defer listen.Close() //nolint:errcheck // two connections are enough
	if l.here, l.there, err = pair(ctx, listen); err != nil {
		return nil, loopError(err)
	}
	from, to, err := pair(ctx, listen)
	if err != nil {
		return nil, loopError(err)
	}
	if l.from, err = blocking(from); err == nil {
		l.to, err = blocking(to)
	}
	if err != nil {
		return nil, loopError(err)
	}
	return l, nil
}

func loopError(err error) error { return errs.New(errs.Unsupported, "loopback: %w", err) }

// pair connects.
func pair(ctx context.Context, listen net.Listener) (here, there net.Conn, err error) {
	if here, err = new(net.Dialer).DialContext(ctx, "tcp", listen.Addr().String()); err != nil {
		return nil, nil, err
	}
	if there, err = listen.Accept(); err != nil {
		here.Close() //nolint:errcheck // unused
	}
	return here, there, err
}

// blocking returns the connection as a file whose calls block, and closes it.
func blocking(c net.Conn) (*os.File, error) {
	defer c.Close() //nolint:errcheck // the file is another descriptor
	f, err := c.(*net.TCPConn).File()
	if err == nil {
		err = unix.SetNonblock(int(f.Fd()), false)
	}
	return f, err
}

func (l *loop) close() {
	for _, c := range []net.Conn{l.here, l.there} {
		if c != nil {
			c.Close() //nolint:errcheck // nothing is lost
		}
	}
	for _, f := range []*os.File{l.from, l.to} {
		if f != nil {
			f.Close() //nolint:errcheck // nothing is lost
		}
	}
}

// both runs the two ends and returns the first error.
func both(here, there func() error) error {
	far := make(chan error, 1)
	go func() { far <- there() }() // ends with its work, which close ends at the latest
	err := here()
	if farErr := <-far; err == nil {
		err = farErr
	}
	if err != nil {
		return loopError(err)
	}
	return nil
}

// stream sends one way between two cores and returns the bytes a second. Where the
// system lets both ends on one core, they take turns there and are three times as
// fast, from its cache: no two processes of a training would meet that.
func (l *loop) stream(context.Context) (float64, error) {
	from, to := twoCores()
	start := time.Now()
	var sent, got error
	var ends sync.WaitGroup
	ends.Go(func() {
		pin(from)
		sent = transfer(l.total, l.buf, func(b []byte) (int, error) { return unix.Write(int(l.from.Fd()), b) })
	})
	ends.Go(func() {
		pin(to)
		got = transfer(l.total, l.into, func(b []byte) (int, error) { return unix.Read(int(l.to.Fd()), b) })
	})
	ends.Wait()
	if err := cmp.Or(sent, got); err != nil {
		return 0, loopError(err)
	}
	return float64(l.total) / time.Since(start).Seconds(), nil
}

// transfer calls do until so many bytes have passed through buf.
func transfer(total int, buf []byte, do func([]byte) (int, error)) error {
	for left := total; left > 0; {
		n, err := do(buf[:min(left, len(buf))])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return io.ErrUnexpectedEOF
		}
		left -= max(n, 0)
	}
	return nil
}

// ask sends a byte there and back, for some time, and returns the seconds that it
// takes. A zero ends it.
func (l *loop) ask(context.Context) (float64, error) {
	var seconds float64
	err := both(func() (err error) {
		b := []byte{1}
		seconds, err = typical(l.asking, func(last bool) error {
			if last {
				b[0] = 0
			}
			if _, err := l.here.Write(b); err != nil {
				return err
			}
			_, err := io.ReadFull(l.here, b)
			return err
		})
		return err
	}, func() error {
		for b := []byte{1}; b[0] != 0; {
			if _, err := io.ReadFull(l.there, b); err != nil {
				return err
			}
			if _, err := l.there.Write(b); err != nil {
				return err
			}
		}
		return nil
	})
	return seconds, err
}
