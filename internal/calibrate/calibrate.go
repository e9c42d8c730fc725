// Package calibrate measures what a machine can do for training, in under a
// minute and on the user's own data where there is any: `stoker calibrate`.
//
// Run fills a Report: rows of figures, each the median of several short blocks
// with their range, beside what a usual machine gives. The blocks of figures that
// are compared with each other alternate, so that a machine whose load changes
// spoils none of them alone, and a block that others disturbed is measured again
// (see load). From the figures Predict says what `stoker bench` will give, and a
// Report of another machine says what it would make of a run (package forecast).
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
	until  time.Time // when the part that is measured should be over
	temp   string    // removed at the end
	verb   string    // what is done, for the meter
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
	if o.Framework != "" && !slices.Contains(Frameworks, o.Framework) {
		return nil, errs.New(errs.Invalid, "framework %q is not known", o.Framework).WithHint("one of %s", strings.Join(Frameworks, ", "))
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

// errTime is the cause of a measurement that ran out of its time.
var errTime = errs.New(errs.Canceled, "the time was over")

// steps runs every part in turn. Only the user's own data can fail it; what this
// machine lacks is noted.
func (c *calibrator) steps(ctx context.Context) error {
	data, err := c.openData(ctx)
	if err != nil {
		return err
	}
	defer data.close()
	parts := []struct {
		verb  string
		usual time.Duration // more only where the least number of blocks takes longer
		do    func(context.Context, *sample) error
	}{
		{"memory", 8 * time.Second, c.memory}, {"disk", 9 * time.Second, c.disk}, {"decoding", 14 * time.Second, c.decode},
		{"hand-off", 3 * time.Second, c.handoff}, {"network", 3 * time.Second, c.network}, {"framework", frameworkLimit, c.framework},
	}
	before := look(0)
	for i, p := range parts {
		if p.verb == "hand-off" { // from here on other processes work for us
			c.report.Load = before.until(look(0))
		}
		c.until = time.Now().Add(p.usual)
		c.verb = fmt.Sprintf("measuring %s (%d of %d)", p.verb, i+1, len(parts))
		c.Meter.Phase(c.verb, "", 0, 0)
		err := p.do(ctx, data)
		switch {
		case context.Cause(ctx) == errTime:
			c.note("the time was over before %s was measured to its end", p.verb)
			return nil
		case ctx.Err() != nil:
			return errs.New(errs.Canceled, "interrupted while measuring %s", p.verb)
		case errs.Is(err, errs.Unsupported): // of this machine or file system
			c.note("%s: %v", p.verb, err)
		case err != nil:
			return err
		}
	}
	return nil
}

func (c *calibrator) note(format string, args ...any) {
	c.report.Notes = append(c.report.Notes, fmt.Sprintf(format, args...))
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
