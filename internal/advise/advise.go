// Package advise predicts what packing with Stoker would bring to a run that is known
// by what was seen of it: it packs a sample of the run's own data, times the engine on
// it, on this machine and with the run's batches, and combines that with the part of
// the run's step that is no wait for data.
//
//	source    which data the run reads, from its loader, its open files, its arguments
//	sample    some hundred files or thousand rows of it, in a temporary directory
//	measure   the engine's CPU time for a batch; what it takes from a computation beside it
//	model     the new step: computation, or all work on all cores, whichever is longer
//
// It takes ten to fifteen seconds and leaves nothing behind.
package advise

import (
	"context"
	"fmt"
	"math"
	"os"
	"time"

	"stoker/internal/errs"
	"stoker/internal/progress"
	"stoker/internal/run/account"
	"stoker/internal/run/sampler"
	"stoker/internal/run/why"
)

// Options say what is known of the run and what the user told.
type Options struct {
	Evidence why.Evidence
	Dir      string // the run's working directory, for relative paths
	Data     string // the data, told by the user; "" = found
	// Transform is the pipeline's, told by the user as in `stoker bench`; "" = read
	// from the loader's transforms.
	Transform string
	BatchSize int           // told by the user; 0 = the loader's
	Budget    time.Duration // for measuring the engine; 0 = DefaultBudget
	Meter     *progress.Meter
}

// DefaultBudget is for measuring alone; packing the sample takes about as long again.
const DefaultBudget = 5 * time.Second

// Result is a prediction, and what the sample showed beside it.
type Result struct {
	Prediction why.Prediction
	// Padding is the share of a batch's tokens that fill short sequences up, where
	// the data are text: -1 unknown.
	Padding float64
}

// Predict measures and predicts. Errors: errs.NotFound where the run's data or its
// step are not known, with what to tell; those of packing.
func Predict(ctx context.Context, o Options) (*Result, error) {
	now, err := nowOf(o.Evidence)
	if err != nil {
		return nil, err
	}
	src, err := find(o)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "stoker-why-")
	if err != nil {
		return nil, errs.New(errs.Permission, "a place for the sample: %w", err).WithHint("set TMPDIR to a directory that can be written")
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary directory
	o.Meter.Phase("packing a sample", "", 0, 0)
	s, err := src.take(ctx, dir)
	if err != nil {
		return nil, err
	}
	pipe, err := s.pipeline(o)
	if err != nil {
		return nil, err
	}
	o.Meter.Phase("timing the engine", "", 0, 0)
	m, err := measure(ctx, s, pipe, o.Budget)
	if err != nil {
		return nil, err
	}
	r := &Result{Prediction: predict(now, m), Padding: s.padding(pipe.batch)}
	p := &r.Prediction
	p.Source, p.Samples, p.PackRate, p.Command = src.path, s.samples, s.rate, src.command()
	p.Notes = append(p.Notes, pipe.notes...)
	if err := r.resize(ctx, o, now, s, pipe); err != nil {
		return nil, err
	}
	return r, nil
}

// resize predicts the same for pictures that are made smaller once, where they are
// much larger than what the pipeline makes of them.
func (r *Result) resize(ctx context.Context, o Options, now now, s *sample, pipe *pipeline) error {
	short := pipe.resizeTo()
	if s.pictures == 0 || short == 0 || s.shortSide < 1.5*float64(short) {
		return nil
	}
	o.Meter.Phase("packing smaller pictures", "", 0, 0)
	small, err := s.resized(ctx, short)
	if err != nil {
		return err
	}
	m, err := measure(ctx, small, pipe, o.Budget/2)
	if err != nil {
		return err
	}
	r.Prediction.Resize, r.Prediction.NewResized = short, predict(now, m).New
	return nil
}

// now is what a step of the run consists of at present. Seconds.
type now struct {
	step, wait float64
	compute    float64 // of the step that is no wait, if no producer took its cores
	cpu        float64 // that the computation takes on all its cores
	most       float64 // that it may take at most, where cpu is only the least; else 0
	cores      float64 // that this run may have
	gpu        bool
	beside     float64 // cores that producers used during the computation
	bytesRate  float64 // bytes a second that came from disks while the run waited for them; 0: it did not
}

// nowOf takes it from the evidence. The step is the sampler's, else what the log says.
func nowOf(e why.Evidence) (now, error) {
	n := now{wait: -1}
	if mains := sampler.Main(e.Reports); len(mains) > 0 {
		s := mains[0].Steps
		if s.Count > 0 && s.Seconds.N > 0 {
			n.step, n.wait = s.Seconds.Sum/float64(s.Seconds.N), s.Wait.Sum/float64(s.Seconds.N)
		}
	}
	if n.step == 0 && e.Timing != nil && e.Timing.StepMean > 0 && e.Timing.DataWait >= 0 {
		n.step, n.wait = e.Timing.StepMean, e.Timing.StepMean*e.Timing.DataWait
	}
	if n.step <= 0 || n.wait < 0 {
		return n, errs.New(errs.NotFound, "the time of a step and its wait for data are not known").
			WithHint("start the command with `stoker run --`: its sampler times the loader")
	}
	n.compute, n.cpu, n.cores = n.step-n.wait, n.step-n.wait, 1
	if a := e.Account; a != nil && a.Seconds > 0 {
		n.account(a)
	}
	return n, nil
}

// account corrects the computation for the cores that it had to share, and finds how
// many it uses.
func (n *now) account(a *account.Account) {
	f := a.Main
	others := max(a.MachineBusy-a.Busy, 0) * float64(a.Cores)
	n.cores = max(float64(a.Cores)-others, 1)
	n.gpu = a.GPU != nil && a.GPU.Util > 0.02
	workers, alive := a.WorkerCPU()
	if alive < 0.5 { // the main thread prepares: of its wait it works what it does not sleep
		asleep := (f.Sleeping + f.Disk) * n.step
		n.cpu = max(a.Process.CPU*n.step-max(n.wait-asleep, 0), 0)
		if asleep > n.wait/2 && a.Process.Idle*n.step < n.wait/2 {
			// Threads of the same process prepare (tf.data), and take turns with those that
			// compute. What of its CPU time is the computation's is not known: it is at least
			// one core's, as long as it was not queued.
			if p := a.Process; p.CPU > 0 {
				n.compute *= p.CPU / (p.CPU + p.Queued)
			}
			n.most, n.cpu = n.compute*n.cores, min(n.cpu, n.compute)
		}
	} else {
		if f.Running > 0 && !n.gpu {
			n.compute *= f.CPU / f.Running
		}
		n.cpu = a.Process.CPU * n.step
		n.beside = workers * alive
	}
	n.cpu = min(n.cpu, n.compute*n.cores)
	if a.PSI.IOSome > 0.2 && a.Seconds > 0 && 2*a.ReadBytes > a.ReadChars {
		n.bytesRate = float64(a.ReadBytes) / a.Seconds
	}
}

// handOff is what taking a batch from the engine costs beyond the wait, in seconds
// (docs/memory.md: 0.1 to 0.3 ms).
const handOff = 0.0003

// predict is the model. A step with Stoker is as long as the computation, which the
// engine slows where they share caches and memory; but all work must fit onto all
// cores, and the engine alone must be quick enough. The engine runs at low priority,
// so that it takes a core from the computation seldom: that is the interval's upper end.
func predict(n now, m measured) why.Prediction {
	slowed := func(beside float64) float64 {
		return 1 + (m.slowdown-1)*min(beside, 1)
	}
	alone := n.compute / slowed(n.beside)
	active := min(m.cpu/max(alone, 1e-9), 1) // share of the computation with the engine at work
	compute := alone * slowed(active)
	if n.gpu {
		compute = n.compute
	}
	work := (n.cpu/slowed(n.beside)*slowed(active) + m.cpu) / n.cores
	mid := max(compute, work, m.wall*float64(m.cores)/max(n.cores, float64(m.cores))) + handOff
	p := why.Prediction{Step: n.step, Compute: n.compute, Batch: m.wall, New: mid,
		NewLow: max(mid*0.92, handOff), NewHigh: max(mid*1.08, mid+0.2*m.cpu/n.cores)}
	if n.most > n.cpu {
		p.NewHigh = max(p.NewHigh, (n.most+m.cpu)/n.cores)
	}
	if n.bytesRate > 0 {
		if read := m.bytes / n.bytesRate; read > p.New {
			p.New, p.NewHigh = read, max(read*1.1, p.NewHigh)
			p.Notes = append(p.Notes, fmt.Sprintf("the disk gave %.0f MB/s, which limits packed data too; from memory a step would take %.3g s", n.bytesRate/1e6, mid))
		}
	}
	if math.IsNaN(p.New) || p.NewHigh < p.New {
		p.NewHigh = p.New
	}
	return p
}
