package advise

import (
	"context"
	"runtime"
	"time"

	"stoker/internal/engine"
	"stoker/internal/errs"
	"stoker/internal/plan"
	"stoker/internal/sysinfo"
)

// measured is what the engine takes for a batch on this machine. Seconds.
type measured struct {
	wall, cpu float64 // a batch, with nobody else on its cores; CPU of all cores together
	cores     int
	bytes     float64 // stored for it
	// slowdown is how much longer a computation takes, in CPU time, while the engine
	// works beside it: caches and memory are shared, often the core itself.
	slowdown float64
}

// measure runs the engine as fast as it goes: half of the time alone, half of it beside
// a computation.
func measure(ctx context.Context, s *sample, p *pipeline, budget time.Duration) (measured, error) {
	if budget <= 0 {
		budget = DefaultBudget
	}
	o := engine.Options{Dataset: s.dataset, Transform: p.spec, BatchSize: p.batch, Shuffle: true, Last: plan.Drop, OnBad: engine.Skip}
	if s.samples < p.batch || s.pictures == 0 {
		o.Last = plan.Keep
	}
	if s.pictures == 0 {
		o.Batching = &engine.Batching{Way: "fixed"}
	}
	o.Budget = engine.NewBudget(0, 0)
	m := measured{cores: o.Budget.Cores(), bytes: s.bytes * float64(p.batch), slowdown: 1}
	old := runtime.GOMAXPROCS(m.cores + 2)
	defer runtime.GOMAXPROCS(old)
	session, err := engine.Open(ctx, o)
	if err != nil {
		return m, err
	}
	defer session.Close() //nolint:errcheck // only memory is given back
	before := work(200 * time.Millisecond)
	if err := m.alone(ctx, session, p.batch, budget/2); err != nil {
		return m, err
	}
	beside := make(chan float64, 1)
	go func() { beside <- work(budget / 2) }()
	if _, err := feed(ctx, session, budget/2); err != nil {
		<-beside
		return m, err
	}
	m.slowdown = max(<-beside/before, 1)
	return m, nil
}

// alone times batches. The first ones, which open files and fill caches, do not count.
func (m *measured) alone(ctx context.Context, session *engine.Session, batch int, d time.Duration) error {
	if _, err := feed(ctx, session, d/5); err != nil {
		return err
	}
	begin, cpu := time.Now(), sysinfo.ProcessCPU()
	samples, err := feed(ctx, session, d)
	if err != nil {
		return err
	}
	batches := float64(samples) / float64(batch)
	m.wall = time.Since(begin).Seconds() / batches
	m.cpu = (sysinfo.ProcessCPU() - cpu).Seconds() / batches
	return nil
}

// feed takes batches for a while, at least two, and returns the samples.
func feed(ctx context.Context, session *engine.Session, d time.Duration) (samples int64, err error) {
	for begin, n := time.Now(), 0; n < 2 || time.Since(begin) < d; n++ {
		b, err := session.Next(ctx)
		if err != nil {
			return 0, err
		}
		samples += int64(b.Rows)
		if err := b.Release(); err != nil {
			return 0, err
		}
	}
	if samples == 0 {
		return 0, errs.New(errs.Internal, "the engine fed nothing")
	}
	return samples, nil
}

// work computes for a while on one thread, through a megabyte of memory as a small
// matrix product does, and returns the CPU seconds of one round.
func work(d time.Duration) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	data := make([]float32, 256<<10)
	for i := range data {
		data[i] = float32(i & 15)
	}
	begin, cpu, rounds := time.Now(), sysinfo.ThreadCPU(), 0
	var sum float32
	for time.Since(begin) < d {
		for i := 0; i+3 < len(data); i += 4 {
			sum += data[i]*data[i+1] + data[i+2]*data[i+3]
		}
		rounds++
	}
	runtime.KeepAlive(sum)
	return (sysinfo.ThreadCPU() - cpu).Seconds() / float64(rounds)
}
