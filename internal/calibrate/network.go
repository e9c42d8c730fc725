package calibrate

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"stoker/internal/errs"
)

const (
	loopAsks   = 1000
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
	return c.measure(ctx,
		&item{row: Row{ID: "loopback.bytes", Group: "network", Name: "loopback TCP", Typical: "3 to 6 GB/s"}, unit: "B/s", cores: 2, block: l.stream},
		&item{row: Row{ID: "loopback.ask", Group: "network", Name: "loopback, there and back", Typical: "15 to 40 us; 0.2 ms in a machine room"}, unit: "s", cores: 2, block: l.ask})
}

// loop is a connection of this process to itself.
type loop struct {
	here, there net.Conn
	buf, into   []byte
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
		for range loopStream / loopBytes {
			if _, err := l.here.Write(l.buf); err != nil {
				return err
			}
		}
		return nil
	}, func() error {
		for got := 0; got < loopStream; {
			n, err := l.there.Read(l.into)
			if err != nil {
				return err
			}
			got += n
		}
		return nil
	})
	return loopStream / time.Since(start).Seconds(), err
}

// ask sends a byte there and back.
func (l *loop) ask(context.Context) (float64, error) {
	start := time.Now()
	err := both(func() error {
		b := []byte{1}
		for range loopAsks {
			if _, err := l.here.Write(b); err != nil {
				return err
			}
			if _, err := io.ReadFull(l.here, b); err != nil {
				return fmt.Errorf("answer: %w", err)
			}
		}
		return nil
	}, func() error {
		b := make([]byte, 1)
		for range loopAsks {
			if _, err := io.ReadFull(l.there, b); err != nil {
				return err
			}
			if _, err := l.there.Write(b); err != nil {
				return err
			}
		}
		return nil
	})
	return time.Since(start).Seconds() / loopAsks, err
}
