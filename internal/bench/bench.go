// Package bench feeds a dataset as fast as it can, or to a trainer that is only
// played, and says what it measured: `stoker bench`.
//
// It runs an engine.Session in its own process, the same one that serves
// training loops, so its figures are those of the engine without the socket.
package bench

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"stoker/internal/engine"
	"stoker/internal/errs"
	"stoker/internal/progress"
	"stoker/internal/stats"
	"stoker/internal/sysinfo"
)

// Options describe a run. It ends after Epochs or Duration, whichever comes
// first; without both after DefaultDuration.
type Options struct {
	Engine   engine.Options
	Epochs   int
	Duration time.Duration
	Step     time.Duration   // play a trainer that works so long on each batch; 0 takes them as they come
	Meter    *progress.Meter // counts samples; may be nil
}

// DefaultDuration is long enough for two digits on a noisy machine.
const DefaultDuration = 10 * time.Second

// Stage is what one stage did, in the JSON of a Result.
type Stage struct {
	Name  string  `json:"name"`
	BusyS float64 `json:"busy_s"`
	WaitS float64 `json:"wait_s"`
	// MicrosPerSample is the stage's cost on one core.
	MicrosPerSample float64 `json:"us_per_sample"`
}

// Result is what a run measured.
type Result struct {
	Samples           int64    `json:"samples"`
	Batches           int64    `json:"batches"`
	BatchSize         int      `json:"batch_size"`
	WallS             float64  `json:"wall_s"`
	SamplesPerSecond  float64  `json:"samples_per_second"`
	TimeToFirstBatchS float64  `json:"time_to_first_batch_s"`
	BytesRead         int64    `json:"bytes_read"`
	PeakRSSBytes      int64    `json:"peak_rss_bytes"`
	MemoryBudgetBytes int64    `json:"memory_budget_bytes"`
	Workers           int      `json:"workers"`
	Cores             int      `json:"cores"`
	CPU               string   `json:"cpu"`
	Kernels           string   `json:"kernels"` // vector instructions, as engine.Kernels names them
	Stages            []Stage  `json:"stages"`
	SimStepS          float64  `json:"sim_step_s,omitempty"`
	Utilisation       *float64 `json:"utilisation,omitempty"` // of the played trainer, after its first batch
	BadSamples        int64    `json:"bad_samples"`
	Limit             string   `json:"limit"`
	Sentence          string   `json:"sentence"`
}

// Run measures. An interrupted run returns what it had and no error, unless
// nothing was measured.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Epochs < 0 || o.Duration < 0 || o.Step < 0 {
		return nil, errs.New(errs.Invalid, "epochs, seconds and the trainer's step cannot be negative")
	}
	if o.Epochs == 0 && o.Duration == 0 {
		o.Duration = DefaultDuration
	}
	begin := time.Now()
	s, err := engine.Open(ctx, o.Engine)
	if err != nil {
		return nil, err
	}
	defer s.Close() //nolint:errcheck // only memory is given back
	r := &run{Options: o, session: s, begin: begin}
	if err := r.loop(ctx); err != nil && (r.first.IsZero() || !errs.Is(err, errs.Canceled)) {
		return nil, err
	}
	return r.result(), nil
}

// run is one measurement.
type run struct {
	Options
	session    *engine.Session
	begin      time.Time
	first, end time.Time // the first batch came; the last one was let go
	totals     stats.Totals
	batches    int64
	samples    int64
	steps      time.Duration // the played trainer worked
	waited     time.Duration // and waited, after its first batch
}

func (r *run) loop(ctx context.Context) error {
	for {
		asked := time.Now()
		b, err := r.session.Next(ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		if r.first.IsZero() {
			r.first = now
		} else {
			r.waited += now.Sub(asked)
		}
		if r.Step > 0 {
			wait(ctx, r.Step)
			r.steps += time.Since(now)
		}
		r.batches++
		r.samples += int64(b.Rows)
		r.Meter.Add(int64(b.Rows), 0)
		if err := b.Release(); err != nil {
			return err
		}
		r.end = time.Now()
		if b.Last {
			r.collect(&b.Epoch)
		}
		enough := r.Epochs > 0 && b.Last && b.Epoch+1 >= r.Engine.Epoch+uint64(r.Epochs)
		if enough || r.Duration > 0 && r.end.Sub(r.begin) >= r.Duration {
			if !b.Last {
				r.collect(&b.Epoch)
			}
			return nil
		}
	}
}

// collect adds the figures of an epoch.
func (r *run) collect(epoch *uint64) {
	t := r.session.Stats(epoch, engine.Measured{}).Totals
	r.totals.Add(&t)
}

// wait passes the time of a step.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func (r *run) result() *Result {
	info, report := r.session.Info(), r.session.Stats(nil, engine.Measured{})
	f := report.Facts
	f.Totals, f.FeedOnly = r.totals, r.Step == 0
	if r.Step > 0 {
		f.Wall, f.Waited = r.end.Sub(r.first), r.waited
	}
	verdict := stats.Judge(&f)
	out := &Result{
		Samples: r.samples, Batches: r.batches, BatchSize: r.Engine.BatchSize, WallS: r.end.Sub(r.begin).Seconds(),
		TimeToFirstBatchS: r.first.Sub(r.begin).Seconds(), BytesRead: f.BytesRead,
		PeakRSSBytes: sysinfo.Usage().PeakBytes, MemoryBudgetBytes: info.MemoryBytes, Workers: info.Workers, Cores: f.Cores,
		CPU: sysinfo.Read().CPUModel, Kernels: engine.Kernels(), BadSamples: report.BadCount, Limit: string(verdict.Limit), Sentence: verdict.Sentence,
	}
	out.SamplesPerSecond = float64(out.Samples) / out.WallS
	for i := range stats.Stages {
		t := f.Stages[i]
		s := Stage{Name: i.String(), BusyS: t.Busy.Seconds(), WaitS: (t.WaitIn + t.WaitOut).Seconds()}
		if t.Items > 0 {
			s.MicrosPerSample = 1e6 * s.BusyS / float64(t.Items)
		}
		out.Stages = append(out.Stages, s)
	}
	if r.Step > 0 {
		out.SimStepS = r.Step.Seconds()
		if used := r.steps + r.waited; used > 0 {
			u := r.steps.Seconds() / used.Seconds()
			out.Utilisation = &u
		}
	}
	return out
}

// Print writes the result for people.
func (r *Result) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "speed\t%s samples/s, %s batches of %d in %.1f s, on %d of %d cores\n", stats.Number(r.SamplesPerSecond),
		progress.Count(r.Batches), r.BatchSize, r.WallS, r.Workers, r.Cores)
	fmt.Fprintf(t, "kernels\t%s\n", r.Kernels)
	fmt.Fprintf(t, "first batch\tafter %s\n", stats.Span(time.Duration(r.TimeToFirstBatchS*float64(time.Second))))
	if r.Utilisation != nil {
		fmt.Fprintf(t, "trainer\tworked %s of the time, %s a step\n", stats.Percent(*r.Utilisation),
			stats.Span(time.Duration(r.SimStepS*float64(time.Second))))
	}
	fmt.Fprintf(t, "read\t%s\n", progress.Bytes(r.BytesRead))
	fmt.Fprintf(t, "memory\t%s at most, of a budget of %s\n", progress.Bytes(r.PeakRSSBytes), progress.Bytes(r.MemoryBudgetBytes))
	for _, s := range r.Stages {
		fmt.Fprintf(t, "%s\t%s us a sample on one core; busy %.1f s, waiting %.1f s\n", s.Name, stats.Number(s.MicrosPerSample), s.BusyS, s.WaitS)
	}
	if r.BadSamples > 0 {
		fmt.Fprintf(t, "bad samples\t%s\n", progress.Count(r.BadSamples))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, r.Sentence)
	return err
}
