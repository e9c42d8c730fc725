// Package compare sets runs of the same job side by side: is it the same job, how
// long does a step, an epoch, the whole take, what does it cost, and is the
// difference more than noise. It is pure; runs, prices and earlier runs are given.
package compare

import (
	"fmt"
	"math"

	"stoker/internal/run/history"
	"stoker/internal/run/past"
	"stoker/internal/run/prices"
)

// Input is a run with what is known beside its record.
type Input struct {
	Run     history.Run
	Price   prices.Price
	Earlier []history.Run // of the same command on the same machine, for the noise
}

// Phase is a part of the whole run.
type Phase struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// The phases.
const (
	Start       = "start"
	Waiting     = "waiting for data"
	ColdSteps   = "steps of the first epoch"
	Steps       = "steps"
	Validation  = "validation"
	Checkpoints = "checkpoints"
	Pauses      = "other pauses"
	End         = "end"
)

// phaseOrder is the order in which phases are told and drawn.
var phaseOrder = []string{Start, Waiting, ColdSteps, Steps, Validation, Checkpoints, Pauses, End}

// Amount is a number of one run, with its interval where it is a projection.
type Amount struct {
	Value    float64 `json:"value"`
	Low      float64 `json:"low,omitempty"`
	High     float64 `json:"high,omitempty"`
	Measured bool    `json:"measured"`
}

// Side is one run as it is compared. Seconds; what is 0 was not measured.
type Side struct {
	Label   string `json:"label"`
	UID     string `json:"uid"`
	Machine string `json:"machine,omitempty"`
	Source  string `json:"source,omitempty"` // who measured, see history.Timing

	Step       float64 `json:"step"` // median
	StepP95    float64 `json:"step_p95"`
	Samples    float64 `json:"samples_per_second"`
	EpochCold  float64 `json:"epoch_cold"`
	EpochWarm  float64 `json:"epoch_warm"`
	Validation float64 `json:"validation"` // an epoch
	Total      Amount  `json:"total"`      // the whole run
	DataWait   float64 `json:"data_wait"`  // share of the step, -1 unknown
	Epochs     int     `json:"epochs"`
	Phases     []Phase `json:"phases,omitempty"` // of Total

	Price       prices.Price `json:"price"`
	EpochCost   float64      `json:"epoch_cost"` // in money, where the price is known
	RunCost     float64      `json:"run_cost"`
	Watts       float64      `json:"watts"`        // 0 unknown
	WattsRated  bool         `json:"watts_rated"`  // of the data sheet: an upper bound, not measured
	EpochEnergy float64      `json:"epoch_energy"` // kWh
	RunEnergy   float64      `json:"run_energy"`
	Reached     *float64     `json:"reached,omitempty"` // seconds until the metric was; nil: not asked or not reached

	run     history.Run
	earlier []history.Run
}

func newSide(in Input) Side {
	r := in.Run
	s := Side{Label: label(r), UID: r.UID, Machine: r.Machine, DataWait: -1, Price: in.Price, run: r, earlier: in.Earlier}
	if t := r.Timing; t != nil {
		s.Source, s.Step, s.StepP95, s.Samples, s.Validation = t.Source, t.StepMedian, t.StepP95, t.SamplesPerSecond, t.Validation
		s.DataWait = t.DataWait
	}
	if s.DataWait < 0 {
		s.DataWait = r.DataWait
	}
	s.epochs(r)
	s.total(r)
	s.phases(r)
	s.costs(r)
	return s
}

func label(r history.Run) string {
	switch {
	case r.Name != "":
		return r.Name
	case r.ID != "":
		return r.ID
	}
	return r.UID
}

// epochs fills what epochs took: as they were timed, else from the estimator's
// speeds and pauses.
func (s *Side) epochs(r history.Run) {
	if rec := r.Record; rec != nil {
		s.Epochs = rec.Epochs
		if s.Step == 0 {
			s.Step = rec.WarmStep
		}
		pauses := 0.0
		for _, p := range rec.Pauses {
			if p.Kind == "validation" && s.Validation == 0 && rec.Epochs > 0 {
				s.Validation = p.Mean * float64(p.Count) / float64(max(done(r), 1))
			}
			if p.Kind == "epoch" || p.Kind == "validation" {
				pauses += p.Mean * float64(p.Count) / float64(max(done(r), 1))
			}
		}
		if rec.StepsPerEpoch > 0 && rec.ColdStep > 0 {
			s.EpochCold = float64(rec.StepsPerEpoch)*rec.ColdStep + pauses
			if rec.Epochs != 1 {
				s.EpochWarm = float64(rec.StepsPerEpoch)*rec.WarmStep + pauses
			}
		}
	}
	t := r.Timing
	if t == nil || len(t.Epochs) == 0 {
		return
	}
	s.EpochCold, s.EpochWarm = t.Epochs[0], 0
	if len(t.Epochs) > 1 {
		s.EpochWarm = past.Median(t.Epochs[1:])
	}
}

// done is the number of epochs that r completed, as far as known.
func done(r history.Run) int {
	switch {
	case r.Timing != nil && len(r.Timing.Epochs) > 0:
		return len(r.Timing.Epochs)
	case r.Record == nil:
		return 0
	case r.Record.Complete || r.Percent < 0:
		return r.Record.Epochs
	}
	return int(r.Percent / 100 * float64(r.Record.Epochs))
}

// total is what the whole run took, or would have: its own last forecast, else
// the epochs that are missing at the speed of the warm ones.
func (s *Side) total(r history.Run) {
	rec := r.Record
	switch {
	case rec != nil && rec.Complete:
		s.Total = Amount{Value: rec.Seconds, Measured: true}
	case r.Total > 0:
		s.Total = Amount{Value: r.Total}
	case rec != nil && rec.Epochs > 0 && s.EpochCold > 0:
		warm := s.EpochWarm
		if warm == 0 {
			warm = s.EpochCold
		}
		missing := float64(max(rec.Epochs-done(r), 0))
		known := rec.StartSeconds + s.EpochCold + float64(max(done(r)-1, 0))*warm
		s.Total = Amount{Value: known + missing*warm}
		if t := r.Timing; t != nil && len(t.Epochs) > 2 {
			low, high := t.Epochs[1], t.Epochs[1]
			for _, e := range t.Epochs[1:] {
				low, high = min(low, e), max(high, e)
			}
			s.Total.Low, s.Total.High = known+missing*low, known+missing*high
		}
	}
}

// phases divides the total; what no phase explains is other pauses.
func (s *Side) phases(r history.Run) {
	rec, total := r.Record, s.Total.Value
	if rec == nil || total <= 0 {
		return
	}
	epochs := float64(max(rec.Epochs, 1))
	cold, warm := rec.ColdStep*float64(rec.StepsPerEpoch), 0.0
	if n := float64(rec.Steps - rec.StepsPerEpoch); n > 0 {
		warm = n * rec.WarmStep
	}
	part := map[string]float64{Start: rec.StartSeconds, End: rec.FinalSeconds, Validation: s.Validation * epochs}
	for _, p := range rec.Pauses {
		switch sum := p.Mean * float64(p.Count); p.Kind {
		case "checkpoint":
			part[Checkpoints] += sum
		case "gap":
			part[Pauses] += sum
		case "epoch": // it holds the validation where no line tells them apart
			part[Pauses] += math.Max(0, sum-s.Validation*float64(p.Count))
		}
	}
	if r.Timing != nil && r.Timing.Source == "printed" { // a bar's time has the validation in it
		share := math.Max(0, 1-s.Validation*epochs/math.Max(cold+warm, 1e-9))
		cold, warm = cold*share, warm*share
	}
	wait := math.Min(math.Max(s.DataWait, 0), 1)
	part[Waiting], part[ColdSteps], part[Steps] = wait*(cold+warm), (1-wait)*cold, (1-wait)*warm
	sum := 0.0
	for _, v := range part {
		sum += v
	}
	if sum > 0 && sum < total {
		part[Pauses] += total - sum
	}
	scale := 1.0
	if sum > total {
		scale = total / sum
	}
	for _, name := range phaseOrder {
		if v := scale * part[name]; v > 1e-3*total {
			s.Phases = append(s.Phases, Phase{name, v})
		}
	}
}

// costs prices time and energy. A measured power goes before a rated one.
func (s *Side) costs(r history.Run) {
	s.Watts, s.WattsRated = s.Price.Watts, s.Price.Watts > 0
	if t := r.Timing; t != nil && t.Watts > 0 {
		s.Watts, s.WattsRated = t.Watts, false
	}
	epoch := s.EpochWarm
	if epoch == 0 {
		epoch = s.EpochCold
	}
	if s.Price.Known {
		s.EpochCost, s.RunCost = epoch/3600*s.Price.Hour, s.Total.Value/3600*s.Price.Hour
	}
	s.EpochEnergy, s.RunEnergy = epoch/3600*s.Watts/1000, s.Total.Value/3600*s.Watts/1000
	if t := r.Timing; t != nil && t.Joules > 0 && s.Total.Measured {
		s.RunEnergy = t.Joules / 3.6e6
	}
}

// reach fills when the metric was first as good as asked.
func (s *Side) reach(g Goal) {
	if s.run.Timing == nil {
		return
	}
	for _, p := range s.run.Timing.Metrics {
		if g.names(p.Name) && g.met(p.Value) {
			at := p.Seconds
			s.Reached = &at
			return
		}
	}
}

// lastOf is the last value of the goal's metric, in words.
func (s *Side) lastOf(g Goal) string {
	text := "not told"
	if s.run.Timing != nil {
		for _, p := range s.run.Timing.Metrics {
			if g.names(p.Name) {
				text = fmt.Sprintf("not reached (%.4g)", p.Value)
			}
		}
	}
	return text
}
