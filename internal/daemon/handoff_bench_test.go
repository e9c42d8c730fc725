//go:build linux

package daemon

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/wire"
)

// BenchmarkHandOff is the way of a ready batch from the engine's process to a
// client in another that waits for it, by the clock that both read: the engine's
// stamp stands in the frame's field position.
func BenchmarkHandOff(b *testing.B) {
	name := socketName()
	spawn(b, "stamper", name)
	p, err := dial(name)
	if err != nil {
		b.Fatal(err)
	}
	defer p.close()
	var took []int64
	for b.Loop() {
		if _, err := p.conn.Write(wire.AppendWait(nil, wire.Wait{})); err != nil {
			b.Fatal(err)
		}
		m, err := p.expect(wire.TypeBatch)
		if err != nil {
			b.Fatal(err)
		}
		batch, err := wire.ParseBatch(m)
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, monotonic()-int64(batch.Position))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2])/1e3, "us-median")
	b.ReportMetric(float64(took[len(took)*99/100])/1e3, "us-p99")
}

// childStamper answers every WAIT with a BATCH that carries the time.
func childStamper(name string) error {
	l, err := Listen(name)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	conn, err := l.AcceptUnix()
	if err != nil {
		return err
	}
	c := client{server: &server{}, conn: conn, announced: []bool{true}}
	var buf []byte
	for {
		if _, _, err := wire.ReadFrame(conn, &buf); err != nil {
			return ended(err)
		}
		if err := c.announce(&engine.Batch{Position: monotonic()}); err != nil {
			return err
		}
	}
}

// monotonic is the system's clock, the same for all processes, in nanoseconds.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}

// BenchmarkOpenedToFirstBatch is the time from connecting to a running engine
// to the first batch, with a dataset of 1.28 million samples.
func BenchmarkOpenedToFirstBatch(b *testing.B) {
	dir := enginetest.Repeated(b, enginetest.Photos(b), 1_281_167)
	name := start(b, Options{})
	o := request(dir)
	o.Plan.BatchSize = 64
	for b.Loop() {
		p, err := join(name, o)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.take(1); err != nil {
			b.Fatal(err)
		}
		p.close()
	}
}
