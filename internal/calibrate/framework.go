package calibrate

import (
	"bufio"
	"cmp"
	"context"
	_ "embed" // framework.py
	"encoding/json"
	"os/exec"
	"strings"
	"time"

	"stoker/internal/errs"
	"stoker/internal/sysinfo"
)

//go:embed framework.py
var script string

// frameworkLimit bounds the loading of the framework and its figures.
const frameworkLimit = 25 * time.Second

// Compute says what computing was measured with.
type Compute struct {
	Framework string `json:"framework"`
	Version   string `json:"version"`
	Device    string `json:"device"` // "CPU", or the name of the GPU
	GPU       bool   `json:"gpu"`
}

// Frameworks are those that the script knows, in the order in which it looks.
var Frameworks = []string{"torch", "jax", "tensorflow"}

// line is one line that the script writes.
type line struct {
	Compute
	ID        string    `json:"id"`
	Unit      string    `json:"unit"`
	Values    []float64 `json:"values"`
	Dropped   int       `json:"dropped"`
	Disturbed bool      `json:"disturbed"`
	Error     string    `json:"error"`
	None      bool      `json:"none"`
	Errors    []string  `json:"errors"`
}

// framework measures through the framework that the active Python has: what
// training itself would get.
func (c *calibrator) framework(ctx context.Context) error {
	c.Meter.Phase("measuring the framework", "", 0, 0)
	python, err := c.python()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, frameworkLimit)
	defer cancel()
	argv := []string{"-c", script}
	if c.Framework != "" {
		argv = append(argv, c.Framework)
	}
	cmd := exec.CommandContext(ctx, python, argv...)
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return errs.New(errs.Exhausted, "no pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return errs.New(errs.Unsupported, "%s cannot be started: %w", python, err).WithHint("name another one with --python")
	}
	var facts line
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l line
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue // something that the framework itself had to say
		}
		switch {
		case l.None:
			facts = l
		case l.Framework != "":
			facts = l
			c.report.Compute = &facts.Compute
			c.Meter.Phase("measuring "+l.Framework, "figures", 0, 0)
		case len(l.Values) > 0:
			c.add(computeRow(facts, l))
			c.Meter.Add(1, 0)
		case l.Error != "":
			c.note("%s could not measure %s: %s", facts.Framework, l.ID, l.Error)
		}
	}
	failed := cmd.Wait()
	c.sayFramework(python, facts, failed, ctx.Err() != nil)
	return nil
}

// sayFramework notes what was measured with, or why nothing was.
func (c *calibrator) sayFramework(python string, f line, failed error, late bool) {
	switch {
	case late:
		c.note("the framework's figures were cut off when the time was over")
	case f.None && len(f.Errors) > 0:
		c.note("compute was not measured: %s", strings.Join(f.Errors, "; "))
	case f.None:
		c.note("compute was not measured: %s has no %s (--python names another interpreter)", python, cmp.Or(c.Framework, "torch, jax or tensorflow"))
	case f.Framework == "":
		c.note("compute was not measured: %s failed (%v)", python, failed)
	case f.GPU:
		c.note("compute was measured with %s %s on %s", f.Framework, f.Version, f.Device)
	default:
		c.note("compute was measured with %s %s on the CPU: it sees no GPU", f.Framework, f.Version)
	}
}

// computeNames are what the script's figures are called, and what is typical on a
// GPU and on a CPU.
var computeNames = map[string][3]string{
	"compute.matmul.float32":  {"matrix product, float32", "20 to 60 TFLOP/s", "50 GFLOP/s a core"},
	"compute.matmul.bfloat16": {"matrix product, bfloat16", "250 (A100), 700 (H100) TFLOP/s", "as float32; 10 times with AMX"},
	"compute.matmul.tf32":     {"matrix product, TF32", "120 (A100), 400 (H100) TFLOP/s", ""},
	"compute.matmul.float16":  {"matrix product, float16", "250 (A100), 700 (H100) TFLOP/s", ""},
	"compute.copy":            {"copying in the device's memory", "1.3 (A100), 2.8 (H100) TB/s", "10 to 20 GB/s a core"},
	"compute.launches":        {"small operations", "100,000 to 250,000/s", "300,000/s torch, 30,000/s jax"},
	"compute.h2d.pinned":      {"to the GPU, pinned", "25 (PCIe 4), 50 (PCIe 5) GB/s", ""},
	"compute.h2d.pageable":    {"to the GPU, pageable", "6 to 12 GB/s", ""},
	"compute.d2h.pinned":      {"from the GPU, pinned", "25 (PCIe 4), 50 (PCIe 5) GB/s", ""},
	"compute.d2h.pageable":    {"from the GPU, pageable", "5 to 10 GB/s", ""},
}

func computeRow(facts line, l line) Row {
	names, ok := computeNames[l.ID]
	if !ok {
		names[0] = strings.TrimPrefix(l.ID, "compute.")
	}
	r := Row{ID: l.ID, Group: "compute", Name: names[0], Typical: names[2], Value: value(l.Unit, l.Values), Note: facts.Framework + " on the CPU"}
	r.Value.Dropped, r.Disturbed = l.Dropped, l.Disturbed
	if facts.GPU {
		r.Typical, r.Note = names[1], facts.Device
	}
	return r
}

// python finds the interpreter: the one that is named, else that of the active
// environment.
func (c *calibrator) python() (string, error) {
	for _, name := range []string{c.Python, sysinfo.ActivePython(), "python3", "python"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errs.New(errs.Unsupported, "there is no Python, so that compute was not measured")
}
