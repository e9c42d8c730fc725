// Package calibrate measures what a machine can do for training, in under a
// minute and on the user's own data where there is any: `stoker calibrate`.
//
// Run fills a Report: rows of figures, each of several short blocks with their
// range, beside what a usual machine gives. The blocks of all figures take turns
// over the whole time, so that some seconds in which the machine is slow spoil a
// part of each and none of them alone, and a block that others disturbed is
// measured again (see load). From the figures Predict says what `stoker bench`
// will give, and a Report of another machine says what it would make of a run
// (package forecast).
//
// Measuring takes all usable cores and some hundred megabytes of memory. Run
// starts goroutines, one engine in a process of its own for the hand-off and one
// Python for the framework, and waits for all of them. Files are only read; what
// must be written goes to a temporary folder that is removed.
package calibrate

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"stoker/internal/errs"
	"stoker/internal/progress"
	"stoker/internal/run/procs"
	"stoker/internal/sysinfo"
)

// ReportVersion changes when the meaning of a Report's members does.
const ReportVersion = 1

// Options say what to measure.
type Options struct {
	Data      string   // a dataset, or a folder of pictures; "" is pictures that are made
	Python    string   // interpreter for the framework's figures; "" looks for the active one
	Framework string   // of Frameworks; "" is the first that the interpreter has
	Engine    []string // command that serves the engine: "stoker", "serve"; empty leaves the hand-off out
	Quick     bool     // fewer, shorter blocks and less memory: figures good for tests only

	// Limit bounds the whole measurement, 0 is DefaultLimit. What is not done by then is
	// left out and said; the framework, which may take long to load, comes last.
	Limit time.Duration

	Meter *progress.Meter // may be nil
}

// Row is one figure of a Report.
type Row struct {
	ID      string `json:"id"`    // such as "decode.all"; fixed, for programs
	Group   string `json:"group"` // heading of the table
	Name    string `json:"name"`
	Value   Value  `json:"value"`
	Typical string `json:"typical,omitempty"` // of a usual machine, in words; see Legend
	Note    string `json:"note,omitempty"`
	// Disturbed says that others kept the machine busy in most of the blocks.
	Disturbed bool `json:"disturbed,omitempty"`
}

// Machine are the facts that need no measuring.
type Machine struct {
	Text        string  `json:"text"` // as the history names it
	CPU         string  `json:"cpu"`
	CPUs        int     `json:"cpus"`     // of the machine
	Affinity    int     `json:"affinity"` // that this process may run on
	Quota       float64 `json:"quota"`    // cores of time a second that its control groups allow; 0 is no limit
	Cores       int     `json:"cores"`    // usable at once: what follows from the two
	MemoryBytes int64   `json:"memory_bytes"`
	FreeBytes   int64   `json:"free_bytes"`
	ShmBytes    int64   `json:"shm_bytes"` // free in /dev/shm; -1 where there is none
}

// Report is what Run measured.
type Report struct {
	Version    int       `json:"version"`
	Stoker     string    `json:"stoker,omitempty"`
	Host       string    `json:"host"`
	MachineKey string    `json:"machine_key"` // equal on machines whose speeds can be compared, as in the history
	At         time.Time `json:"at"`
	Seconds    float64   `json:"seconds"` // that it took
	Machine    Machine   `json:"machine"`
	Data       Data      `json:"data"`
	Load       Load      `json:"load"`              // of others, meanwhile
	Compute    *Compute  `json:"compute,omitempty"` // nil where no framework was found
	Rows       []Row     `json:"rows"`
	Prediction *Predict  `json:"prediction,omitempty"`
	Notes      []string  `json:"notes,omitempty"` // what the reader should know
}

// Row returns the figure with this id, or nil.
func (r *Report) Row(id string) *Row {
	for i := range r.Rows {
		if r.Rows[i].ID == id {
			return &r.Rows[i]
		}
	}
	return nil
}

// Mid returns the median of a figure, 0 where it was not measured.
func (r *Report) Mid(id string) float64 {
	if row := r.Row(id); row != nil {
		return row.Value.Mid
	}
	return 0
}

// Parse reads a Report from JSON: errs.Corrupt where it is none, errs.Unsupported
// where a later Stoker wrote it.
func Parse(raw []byte) (*Report, error) {
	var r Report
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, errs.New(errs.Corrupt, "this is no calibration: %w", err)
	}
	switch {
	case r.Version == 0 || r.MachineKey == "" || len(r.Rows) == 0:
		return nil, errs.New(errs.Corrupt, "this is no calibration").WithHint("make one with: stoker calibrate --json > machine.json")
	case r.Version > ReportVersion:
		return nil, errs.New(errs.Unsupported, "the calibration has version %d, this stoker knows %d", r.Version, ReportVersion)
	}
	return &r, nil
}

// calibrator is one run.
type calibrator struct {
	Options
	report *Report
	cores  int
	begin  time.Time
	temp   string   // removed at the end
	helper int      // process that works for this one; 0: none
	ends   []func() // give back what the figures were measured with, the last one first
}

// atEnd has f called when the measurement is over.
func (c *calibrator) atEnd(f func()) { c.ends = append(c.ends, f) }

func (c *calibrator) end() {
	for _, f := range slices.Backward(c.ends) {
		f()
	}
}

// block is how long a block lasts.
func (c *calibrator) block(usual time.Duration) time.Duration {
	if c.Quick {
		return usual / 5
	}
	return usual
}

// DefaultLimit keeps the promise of a minute.
const DefaultLimit = 55 * time.Second

// Run measures. Interrupted it returns errs.Canceled.
func Run(ctx context.Context, o Options) (*Report, error) {
	text, key := procs.Machine()
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &calibrator{Options: o, begin: time.Now(), report: &Report{Version: ReportVersion, Host: procs.Host(), MachineKey: key, At: time.Now()}}
	c.report.Machine = machine(text)
	c.cores = c.report.Machine.Cores
	temp, err := os.MkdirTemp("", "stoker-calibrate-")
	if err != nil {
		return nil, errs.New(errs.Permission, "no temporary folder can be made: %w", err).WithHint("set TMPDIR to a folder that can be written")
	}
	c.temp = temp
	defer os.RemoveAll(temp) //nolint:errcheck // a temporary folder that stays is no failure of the measurement
	defer c.end()
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(o.Limit, DefaultLimit), errTime)
	defer cancel()
	if err := c.steps(ctx); err != nil {
		return nil, err
	}
	c.report.Prediction = c.predict()
	c.report.Seconds = time.Since(c.begin).Seconds()
	c.noteLoad()
	return c.report, nil
}

// check finds what is wrong before a minute's work is, and the interpreter that is named.
func (o *Options) check() (err error) {
	if o.Framework != "" && !slices.Contains(Frameworks, o.Framework) {
		return errs.New(errs.Invalid, "framework %q is not known", o.Framework).WithHint("one of %s", strings.Join(Frameworks, ", "))
	}
	if o.Python == "" {
		return nil
	}
	named := o.Python
	if o.Python, err = exec.LookPath(named); err != nil {
		return errs.New(errs.NotFound, "--python: there is no program %q", named).WithHint("give the path of an interpreter, such as .venv/bin/python")
	}
	return nil
}

// errTime is the cause of a measurement that ran out of its time.
var errTime = errs.New(errs.Canceled, "the time was over")

// part are figures that are measured with the same things.
type part struct {
	items []*item
	tell  func() // when their rows are there: what follows from them; may be nil
}

// steps prepares every part, measures them all in turns, and the framework at last.
// Only the user's own data can fail it; what this machine lacks is noted.
func (c *calibrator) steps(ctx context.Context) error {
	c.Meter.Phase("preparing", "", 0, 0)
	data, err := c.openData(ctx)
	if err != nil {
		return err
	}
	c.atEnd(data.close)
	var parts []part
	var items []*item
	for _, prepare := range []func(context.Context, *sample) (part, error){c.memory, c.disk, c.decode, c.handoff, c.network} {
		p, err := prepare(ctx, data)
		if err := c.lacks(ctx, err); err != nil {
			return err
		}
		parts, items = append(parts, p), append(items, p.items...)
	}
	before := look(c.helper)
	if err := c.measure(ctx, items); err != nil {
		return err
	}
	c.report.Load = before.until(look(c.helper))
	for _, p := range parts {
		for _, it := range p.items {
			c.finish(it)
		}
		if p.tell != nil {
			p.tell()
		}
	}
	return c.lacks(ctx, c.framework(ctx))
}

// lacks notes what cannot be measured on this machine, and that the time was over;
// it returns what is left of an error.
func (c *calibrator) lacks(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case context.Cause(ctx) == errTime:
		c.note("the time was over before all was measured")
		return nil
	case ctx.Err() != nil:
		return errs.New(errs.Canceled, "interrupted while measuring")
	case errs.Is(err, errs.Unsupported): // by this machine or file system
		c.note("%v", err)
		return nil
	}
	return err
}

// note tells the reader something, once.
func (c *calibrator) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(c.report.Notes, n) {
		c.report.Notes = append(c.report.Notes, n)
	}
}

// add puts a figure into the report.
func (c *calibrator) add(r Row) { c.report.Rows = append(c.report.Rows, r) }

// machine gathers the facts.
func machine(text string) Machine {
	m := sysinfo.Read()
	out := Machine{Text: text, CPU: m.CPUModel, CPUs: max(look(0).cpus, m.Affinity), Affinity: m.Affinity, Quota: m.Quota,
		Cores: m.Cores, MemoryBytes: m.MemoryBytes, FreeBytes: m.FreeBytes, ShmBytes: -1}
	if free, ok := freeBytes("/dev/shm"); ok {
		out.ShmBytes = free
	}
	return out
}
