// Package savedlog makes a record of a run from what it once printed, where that
// is all there is: a published log, a notebook's saved output, a colleague's file.
//
// Nothing tells when a saved line came, so the durations that the program printed
// count here, and only here: `119s 5ms/step` of Keras, tqdm's elapsed time, the
// step times of the log lines of many frameworks. They are as coarse as printed.
package savedlog

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/cause"
	"stoker/internal/run/estimate"
	"stoker/internal/run/history"
	"stoker/internal/run/progress"
)

// Options say what a log does not.
type Options struct {
	Name      string
	Machine   string   // as package procs writes it, or just "Tesla T4"
	Argv      []string // the command, where known
	Commit    string
	Data      string // path or name of the data
	BatchSize int
	Ended     time.Time // when it was saved
}

// maxLog bounds a saved log.
const maxLog = 256 << 20

// Read makes a record. A log without any duration that is understood is
// errs.Invalid.
func Read(in io.Reader, o Options) (history.Run, error) {
	raw, err := io.ReadAll(io.LimitReader(in, maxLog+1))
	if err != nil {
		return history.Run{}, errs.New(errs.Transient, "read log: %w", err)
	}
	if len(raw) > maxLog {
		return history.Run{}, errs.New(errs.Exhausted, "the log is longer than %d MiB", maxLog>>20)
	}
	r := newReader(o)
	for len(raw) > 0 {
		n := slices.IndexFunc(raw, func(b byte) bool { return b == '\r' || b == '\n' }) + 1
		if n == 0 {
			n = len(raw)
		}
		r.line(raw[:n])
		raw = raw[n:]
	}
	return r.run(o)
}

// reader follows a log. Its clock only keeps the parser from taking the lines for
// a flood.
type reader struct {
	parser *progress.Parser
	clock  time.Time
	sum    [sha256.Size]byte

	source        string
	epoch, epochs int
	perEpoch      int64
	took          []float64 // seconds of each epoch
	validation    []float64 // part of them
	whole         float64   // seconds of the whole run, where one bar or line tells
	wholeSteps    int64

	steps   []float64 // step times that lines told
	perStep []float64 // of each epoch, printed with it
	waits   float64   // sums of the data and step times of the lines that told both
	times   float64
	metrics []history.MetricPoint
}

func newReader(o Options) *reader {
	_, epochs := progress.ArgTotals(o.Argv)
	return &reader{parser: progress.NewParser(progress.Options{}), clock: time.Unix(0, 0), epochs: epochs}
}

// maxSteps bounds the step times that are kept; the mean of what follows would
// not differ.
const maxSteps = 1 << 16

func (r *reader) line(raw []byte) {
	r.clock = r.clock.Add(2 * time.Second)
	h := sha256.New()
	h.Write(r.sum[:])
	h.Write(raw)
	h.Sum(r.sum[:0])
	text := plain(raw)
	events := r.parser.Feed(r.clock, raw)
	if len(raw) > 0 && raw[len(raw)-1] != '\n' && raw[len(raw)-1] != '\r' {
		events = append(slices.Clone(events), r.parser.Idle(r.clock.Add(time.Second))...)
	}
	if s, ok := runtimeOf(text); ok {
		r.whole = s
	}
	for _, e := range events {
		r.observe(e, text)
	}
}

func (r *reader) observe(e progress.Event, text string) {
	if e.Epochs > 0 {
		r.epochs = e.Epochs
	}
	switch e.Kind {
	case progress.Epoch:
		if e.Epoch > 0 {
			r.epoch = e.Epoch
		}
	case progress.Step:
		if e.Epoch > 0 {
			r.epoch = e.Epoch
		}
		if e.Guess {
			return
		}
		r.source = e.Source
		r.step(e, text)
	}
	r.lineTimes(e.Metrics)
	if e.Kind != progress.Step || e.Done || e.Steps > 0 && e.Step >= e.Steps {
		r.keepMetrics(e)
	}
}

// step takes a counter: only a full one tells how long it took.
func (r *reader) step(e progress.Event, text string) {
	train := e.Phase == "" || e.Phase == progress.Train
	if train && e.Steps > 0 && e.Scope != progress.ScopeRun {
		r.perEpoch = e.Steps
	}
	full := e.Done || e.Steps > 0 && e.Step >= e.Steps
	took, perStep := printed(text)
	if !full || took <= 0 {
		return
	}
	switch {
	case e.Phase == progress.Validation && len(r.took) > 0:
		r.took[len(r.took)-1] += took
		r.validation[len(r.validation)-1] += took
	case !train:
	case e.Scope == progress.ScopeRun && r.epochs != 1:
		r.whole, r.wholeSteps = took, e.Steps
	default:
		r.endEpoch(took, perStep)
	}
}

// endEpoch takes the time of a full bar. The same bar is printed again after the
// validation, with the time of both.
func (r *reader) endEpoch(took, perStep float64) {
	if n := len(r.took); r.epoch > 0 && n >= r.epoch {
		r.validation[n-1] += max(0, took-r.took[n-1])
		r.took[n-1] = max(r.took[n-1], took)
		return
	}
	r.took = append(r.took, took)
	r.validation = append(r.validation, 0)
	if r.perEpoch > 0 {
		// Of the two, what is rounded less.
		if perStep == 0 || took > 100 || took/float64(r.perEpoch) > 10*perStep {
			perStep = took / float64(r.perEpoch)
		}
		r.perStep = append(r.perStep, perStep)
	}
}

func (r *reader) lineTimes(m progress.Metrics) {
	s, ok := m["step_time"]
	if !ok || s <= 0 || len(r.steps) >= maxSteps {
		return
	}
	r.steps = append(r.steps, s)
	if d, ok := m["data_time"]; ok && d >= 0 && d <= s {
		r.waits += d
		r.times += s
	}
}

// notMetrics are numbers that say nothing about what was learnt.
var notMetrics = map[string]bool{"lr": true, "step_time": true, "data_time": true, "epoch": true, "v_num": true}

func (r *reader) keepMetrics(e progress.Event) {
	at := 0.0
	for _, s := range r.took {
		at += s
	}
	if at == 0 {
		return // nothing tells when it was
	}
	names := make([]string, 0, len(e.Metrics))
	for name := range e.Metrics {
		if !notMetrics[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		r.metrics = append(r.metrics, history.MetricPoint{Name: name, Seconds: at, Epoch: len(r.took), Value: e.Metrics[name]})
	}
	if len(r.metrics) > 4*history.MaxMetricPoints {
		r.metrics = history.ThinMetrics(r.metrics)
	}
}

// run is the record of what was read.
func (r *reader) run(o Options) (history.Run, error) {
	t, rec := r.timing(o), r.record()
	if t.StepMedian == 0 && len(t.Epochs) == 0 && rec.Seconds == 0 {
		return history.Run{}, errs.New(errs.Invalid, "the log prints no duration of a step, an epoch or the run that is understood").
			WithHint("lines such as `469/469 - 5s - 10ms/step`, tqdm bars, `time: 0.45 data_time: 0.01` tell; stoker run measures by itself")
	}
	id := hex.EncodeToString(r.sum[:])
	ended := o.Ended
	if ended.IsZero() {
		ended = time.Unix(0, 0)
	}
	out := history.Run{UID: "log/" + id[:16], ID: "log-" + id[:4], Name: o.Name, Argv: o.Argv, Machine: o.Machine, MachineKey: "log-" + id[:8],
		Facts: history.Facts{Commit: o.Commit}, Started: ended.Add(-time.Duration(rec.Seconds * float64(time.Second))), Attempts: 1,
		Percent: -1, DataWait: t.DataWait, Record: &rec, Timing: &t, Imported: true, Host: "log"}
	out.CommandKey = history.CommandKey("", append([]string{out.UID}, o.Argv...))
	out.Ended = ended
	if rec.Complete {
		out.Cause, out.Percent = string(cause.Done), 100
		return out, nil
	}
	out.Cause, out.Text = string(cause.Lost), "the log ends here"
	if rec.Steps > 0 && rec.Seconds > 0 {
		out.Percent = 100 * float64(len(r.took)) * float64(rec.StepsPerEpoch) / float64(rec.Steps)
	}
	return out, nil
}

func (r *reader) record() estimate.Record {
	rec := estimate.Record{Version: estimate.RecordVersion, Source: r.source, Epochs: r.epochs, StepsPerEpoch: r.perEpoch, Steps: r.wholeSteps}
	if r.perEpoch > 0 && r.epochs > 0 {
		rec.Steps = r.perEpoch * int64(r.epochs)
	}
	for _, s := range r.took {
		rec.Seconds += s
	}
	rec.Complete = r.whole > 0 || r.epochs > 0 && len(r.took) >= r.epochs
	if r.whole > 0 {
		rec.Seconds = r.whole
	}
	if seen := r.validations(); len(seen) > 0 {
		rec.Pauses = []estimate.Pauses{{Kind: "validation", Count: len(seen), Mean: mean(seen)}}
	}
	if n := len(r.perStep); n > 0 {
		rec.ColdStep, rec.WarmStep = r.perStep[0], median(r.perStep[min(1, n-1):])
	}
	return rec
}

func (r *reader) timing(o Options) history.Timing {
	t := history.Timing{Source: "printed", BatchSize: o.BatchSize, DataWait: -1, Epochs: r.took, Metrics: history.ThinMetrics(r.metrics), DataPath: o.Data}
	switch {
	case len(r.steps) > 0:
		sorted := slices.Sorted(slices.Values(r.steps))
		t.Steps, t.StepMedian, t.StepP95 = int64(len(sorted)), sorted[len(sorted)/2], sorted[len(sorted)*95/100]
		t.StepMean = mean(sorted)
	case len(r.perStep) > 0:
		t.Steps, t.StepMedian, t.StepMean = int64(len(r.perStep))*r.perEpoch, median(r.perStep), mean(r.perStep)
	case r.whole > 0 && r.wholeSteps > 0:
		t.Steps, t.StepMean = r.wholeSteps, r.whole/float64(r.wholeSteps)
		t.StepMedian = t.StepMean
	}
	if r.times > 0 {
		t.DataWait = r.waits / r.times
	}
	if t.StepMean > 0 && o.BatchSize > 0 {
		t.SamplesPerSecond = float64(o.BatchSize) / t.StepMean
	}
	if seen := r.validations(); len(seen) > 0 {
		t.Validation = mean(seen)
	}
	return t
}

// validations are the seconds of those that were seen.
func (r *reader) validations() []float64 {
	return slices.DeleteFunc(slices.Clone(r.validation), func(s float64) bool { return s <= 0 })
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

func median(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	return sorted[len(sorted)/2]
}

// plain is a line without terminal control.
func plain(raw []byte) string {
	return strings.TrimSpace(control().ReplaceAllString(string(raw), ""))
}
