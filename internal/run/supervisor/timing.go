package supervisor

import (
	"math"
	"slices"
	"time"

	"stoker/internal/run/account"
	"stoker/internal/run/estimate"
	"stoker/internal/run/history"
	"stoker/internal/run/progress"
	"stoker/internal/run/sampler"
)

// course is what the output tells of the run's course over time: when epochs
// ended, and the metrics. It is kept over restarts, as long as the log is.
type course struct {
	start   time.Time
	epoch   int       // that runs, from 1
	began   time.Time // it
	epochs  []float64
	metrics []history.MetricPoint
}

const (
	maxEpochs = 4096
	maxPoints = 4 * history.MaxMetricPoints
)

func (c *course) observe(e progress.Event) {
	c.inEpoch(e)
	for name, value := range e.Metrics {
		if math.IsNaN(value) || math.IsInf(value, 0) || len(name) > 64 {
			continue
		}
		c.metrics = append(c.metrics, history.MetricPoint{Name: name, Seconds: e.Time.Sub(c.start).Seconds(), Epoch: c.epoch, Value: value})
	}
	if len(c.metrics) > maxPoints {
		c.metrics = history.ThinMetrics(c.metrics)
	}
}

// inEpoch notices the end of one epoch and the beginning of the next: a line of
// either tells of both.
func (c *course) inEpoch(e progress.Event) {
	if e.Epoch <= 0 || e.Epoch == c.epoch {
		return
	}
	if c.epoch > 0 && e.Epoch == c.epoch+1 && len(c.epochs) < maxEpochs {
		c.epochs = append(c.epochs, e.Time.Sub(c.began).Seconds())
	}
	c.epoch, c.began = e.Epoch, e.Time
}

// end completes the last epoch.
func (c *course) end(at time.Time, complete bool) {
	if complete && c.epoch > 0 && len(c.epochs) < maxEpochs {
		c.epochs = append(c.epochs, at.Sub(c.began).Seconds())
	}
}

// timing is how fast the run was: by the clocks in its processes where there were
// any, else by the times at which its lines came. nil where neither tells.
func timing(c *course, rec *estimate.Record, dataWait float64, reports []sampler.Report, acc account.Account) *history.Timing {
	t := &history.Timing{Source: "log", DataWait: dataWait, Epochs: c.epochs, Metrics: history.ThinMetrics(slices.Clone(c.metrics))}
	if mains := sampler.Main(reports); len(mains) > 0 {
		fromProcesses(t, mains)
	}
	if t.Steps == 0 && rec != nil {
		fromLines(t, rec)
	}
	if g := acc.GPU; g != nil {
		t.GPU, t.Watts, t.Joules = g.Name, g.Watts, g.Joules
	}
	if t.Steps == 0 && len(t.Epochs) == 0 && len(t.Metrics) == 0 {
		return nil
	}
	return t
}

// fromProcesses takes the clocks in the processes that trained. Ranks of one run
// work at the same step; the first stands for all but for the wait, where the
// slowest counts.
func fromProcesses(t *history.Timing, mains []sampler.Report) {
	r := mains[0]
	loader, steps := r.Training(), r.Steps
	if loader != nil {
		t.DataPath = loader.Root
		if loader.Kind == "stoker" {
			t.Source = "stoker"
		}
	}
	if t.DataPath == "" && len(r.Files) > 0 {
		t.DataPath = r.Files[0].Dir
	}
	if steps.Count == 0 {
		return
	}
	if t.Source == "log" {
		t.Source = "sampler"
	}
	t.Steps, t.StepMedian, t.StepP95, t.StepMean = steps.Count, steps.Median, steps.P95, steps.Seconds.Sum/float64(steps.Count)
	t.Devices = len(mains)
	t.BatchSize = steps.BatchSize * len(mains)
	if t.StepMean > 0 {
		t.SamplesPerSecond = float64(t.BatchSize) / t.StepMean
	}
	worst := -1.0
	for _, m := range mains {
		if share, ok := m.Steps.DataShare(); ok {
			worst = max(worst, share.Mid)
		}
	}
	if worst >= 0 {
		t.DataWait = worst
	}
	if epochs := wholeEpochs(steps.Epochs); len(epochs) >= len(t.Epochs) {
		t.Epochs = epochs
	}
	if n := len(steps.Epochs); n > 0 && steps.Validations > 0 {
		t.Validation = steps.Validation / float64(n)
		if last := len(t.Epochs) - 1; last == n-1 { // it ends with its last batch
			t.Epochs[last] += t.Validation
		}
	}
}

// wholeEpochs are the times from one epoch's first batch to the next one's: with
// its validation. The last one ends with its last batch.
func wholeEpochs(spans [][2]float64) []float64 {
	epochs := make([]float64, 0, len(spans))
	for i, span := range spans {
		end := span[1]
		if i+1 < len(spans) {
			end = spans[i+1][0]
		}
		epochs = append(epochs, max(0, end-span[0]))
	}
	return epochs
}

// fromLines takes the times at which lines came.
func fromLines(t *history.Timing, rec *estimate.Record) {
	if rec.WarmStep <= 0 || rec.Steps <= 0 {
		return
	}
	t.Steps, t.StepMean, t.StepMedian = rec.Steps, rec.WarmStep, rec.WarmStep
	if len(rec.Profile) > 0 {
		sorted := slices.Sorted(slices.Values(rec.Profile))
		t.StepMedian = sorted[len(sorted)/2]
		t.StepP95 = sorted[min(len(sorted)-1, len(sorted)*95/100)]
	}
	for _, p := range rec.Pauses {
		if p.Kind == progress.Validation && rec.Epochs > 0 {
			t.Validation = (p.First + p.Mean*float64(p.Count)) / float64(rec.Epochs)
		}
	}
}
