package calibrate

import (
	"context"
	"io"
	"net"
	"time"

	"stoker/internal/errs"
)

const (
	loopAsk    = 50 * time.Millisecond
	loopBytes  = 256 << 10
	loopStream = 256 << 20 // a block: some 0.1 s
)

// network measures this machine's own network stack. What lies between it and a
// remote store is in the disk's figures, which are those of the dataset's path.
func (c *calibrator) network(ctx context.Context, _ *sample) error {
	d := c.report.Data
	switch {
	case d.Network:
		c.note("the data come over the network (%s from %s): the disk figures are those of that way", d.FileSystem, d.Mounted)
	case d.FileSystem != "":
		c.note("the data are local (%s on %s)", d.FileSystem, d.Mounted)
	}
	l, err := echo(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	l.asking, l.total = c.block(loopAsk), loopStream
	if c.Quick {
		l.total /= 16
	}
	return c.measure(ctx,
		&item{row: Row{ID: "loopback.bytes", Group: "network", Name: "loopback TCP", Typical: "3 to 6 GB/s"}, unit: "B/s", cores: 2, block: l.stream},
		&item{row: Row{ID: "loopback.ask", Group: "network", Name: "loopback, there and back", Typical: "15 to 40 us; 0.2 ms in a machine room"}, unit: "s", cores: 2, block: l.ask})
}

// loop is a connection of this process to itself.
type loop struct {
	here, there net.Conn
	buf, into   []byte
	asking      time.Duration // a block of ask
	total       int           // bytes of a block of stream
}

func echo(ctx context.Context) (*loop, error) {
	listen, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errs.New(errs.Unsupported, "no loopback: %w", err)
	}
	defer listen.Close() //nolint:errcheck // one connection is enough
	here, err := new(net.Dialer).DialContext(ctx, "tcp", listen.Addr().String())
	if err != nil {
		return nil, errs.New(errs.Unsupported, "no loopback: %w", err)
	}
	there, err := listen.Accept()
	if err != nil {
		here.Close() //nolint:errcheck // unused
		return nil, errs.New(errs.Unsupported, "no loopback: %w", err)
	}
	return &loop{here: here, there: there, buf: make([]byte, loopBytes), into: make([]byte, loopBytes)}, nil
}

func (l *loop) close() {
	l.here.Close()  //nolint:errcheck // nothing is lost
	l.there.Close() //nolint:errcheck // nothing is lost
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
		return errs.New(errs.Unsupported, "loopback: %w", err)
	}
	return nil
}

// stream sends one way and returns the bytes a second.
func (l *loop) stream(context.Context) (float64, error) {
	start := time.Now()
	err := both(func() error {
		for range l.total / loopBytes {
			if _, err := l.here.Write(l.buf); err != nil {
				return err
			}
		}
		return nil
	}, func() error {
		for got := 0; got < l.total; {
			n, err := l.there.Read(l.into)
			if err != nil {
				return err
			}
			got += n
		}
		return nil
	})
	return float64(l.total) / time.Since(start).Seconds(), err
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
