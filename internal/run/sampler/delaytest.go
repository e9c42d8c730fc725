package sampler

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/rundir"
)

// DelayOptions are those of a delay test; the zero value has the defaults.
type DelayOptions struct {
	// Share is by how much of a step the data of each delayed step are held back,
	// default 0.25, at most 1.
	Share float64
	// Most is after how many counted steps the test ends that is not conclusive
	// before, default 240; half of them are delayed. The least are 48. Where the data
	// are on the critical path the run gets longer by Share/2 of a step for each.
	Most int
}

func (o DelayOptions) withDefaults() DelayOptions {
	if !(o.Share > 0 && o.Share <= 1) {
		o.Share = 0.25
	}
	if o.Most <= 0 {
		o.Most = 240
	}
	o.Most = min(o.Most, maxBlocks)
	return o
}

// order is what control.json says. Numbers only: it is read without a JSON library.
type order struct {
	ID    int64   `json:"id"`
	Delay float64 `json:"delay"`
	Steps int     `json:"steps"` // at most
	Seed  int64   `json:"seed"`
}

// pollEvery is how often the reports are looked at for the result.
const pollEvery = 300 * time.Millisecond

// DelayTest orders a delay test from the processes of a run and waits for its end:
// the producers of the training's batches are slowed down in alternating blocks of
// steps, in random order. The training stays correct. It ends as soon as the
// interval leaves out 0 or 1. When ctx ends it returns what there is, with an error.
// tick, which may be nil, is called with the share that is done.
//
// errs.NotFound where no process of the run has a sampler, errs.Unsupported where
// its loader's producers cannot be slowed.
func DelayTest(ctx context.Context, dir string, o DelayOptions, tick func(float64)) (Delay, error) {
	o = o.withDefaults()
	reports, err := Read(dir)
	if err != nil {
		return Delay{}, err
	}
	if len(Main(reports)) == 0 {
		return Delay{}, errs.New(errs.NotFound, "no Python process of this run trains, as far as the sampler sees").At(dir)
	}
	ord := order{ID: 1 + rand.Int64N(1<<40), Delay: o.Share, Steps: o.Most, Seed: 1 + rand.Int64N(1<<40)}
	if err := give(dir, ord); err != nil {
		return Delay{}, err
	}
	defer withdraw(dir)
	live := NewLive(dir)
	timer := time.NewTicker(pollEvery)
	defer timer.Stop()
	var last Delay
	for {
		if d, ok := resultOf(live.Look(), ord.ID); ok {
			last = d
			if reason, refused := strings.CutPrefix(d.State, "refused: "); refused {
				return last, errs.New(errs.Unsupported, "no delay test: %s", reason)
			}
			if d.State == "done" || d.conclusive() {
				last.State = "done"
				return last, nil
			}
			if tick != nil {
				tick(min(1, float64(d.steps())/float64(o.Most)))
			}
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return last, errs.New(errs.Canceled, "the delay test did not finish: %w", ctx.Err())
		}
	}
}

// give writes the order whole: processes look at any moment.
func give(dir string, ord order) error {
	raw, err := json.Marshal(ord)
	if err != nil {
		return errs.New(errs.Internal, "delay test: %w", err)
	}
	return rundir.Replace(filepath.Join(dir, controlFile), raw)
}

// withdraw takes the order back, and the delay with it, also where the process
// that orders it ended in the middle of a block.
func withdraw(dir string) {
	_ = os.Remove(filepath.Join(dir, controlFile))
	// Processes have it mapped: it must not become shorter.
	if f, err := os.OpenFile(filepath.Join(dir, sharedFile), os.O_WRONLY, 0); err == nil {
		_, _ = f.WriteAt([]byte(strings.Repeat("0", 16)), 0)
		f.Close()
	}
}

// resultOf finds the test in the report of the process that took most steps. The
// ranks of a distributed run test at the same time, and each slows its own
// producers; steps that wait for each other see the delays of all.
func resultOf(mains []Report, id int64) (d Delay, ok bool) {
	var most int64 = -1
	for _, r := range mains {
		if r.Delay != nil && r.Delay.ID == id && r.Steps.Count > most {
			d, ok, most = *r.Delay, true, r.Steps.Count
		}
	}
	return d, ok
}

func (d Delay) steps() (n int) {
	for _, b := range d.Blocks {
		n += b.Steps
	}
	return n
}
