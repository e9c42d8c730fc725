package forecast

import (
	"fmt"
	"math"

	"stoker/internal/errs"
)

// Machine is what a calibration says that a machine can do. Zero is not measured.
type Machine struct {
	Name   string
	Key    string // fingerprint, as in the history
	Device string // that computes, such as "NVIDIA H200"; "CPU"
	GPU    bool

	MeanBytes float64 // of the samples that were read
	Feed      float64 // pictures a second that all cores decode, the same pictures on every machine
	DiskFiles float64 // samples a second that the disk below the data reads
	DiskBytes float64 // bytes a second of the same
	InMemory  bool    // the data come from the page cache after the first epoch

	Products map[string]float64 // FLOP/s of a matrix product by type, such as "float32"
	Copy     float64            // bytes a second within the computing device's memory
}

// Ratios says how many times as fast another machine is.
type Ratios struct {
	ComputeLow  float64 `json:"compute_low"` // by the component of computing that gains least
	ComputeHigh float64 `json:"compute_high"`
	Data        float64 `json:"data"`   // by feeding
	Limits      string  `json:"limits"` // which of them bounds the speed-up: "data", "compute", "either"
	ByLow       string  `json:"by_low"` // what ComputeLow and ComputeHigh were measured by
	ByHigh      string  `json:"by_high"`
	DataBy      string  `json:"data_by"` // "decoding" or "disk"
	SpeedLow    float64 `json:"speed_low"`
	SpeedHigh   float64 `json:"speed_high"`
}

// Elsewhere scales a forecast for the machine here to the one there. Errors:
// Invalid where the two calibrations have no component of computing, or none of
// feeding, in common.
func Elsewhere(local Forecast, s Seen, here, there Machine) (Forecast, Ratios, error) {
	r, err := compare(here, there)
	if err != nil {
		return Forecast{}, r, err
	}
	// Shares of a step here: c computes; feeding takes d, all of the step where it
	// is what the step waits for, and else anything up to that.
	waitLow, waitHigh := 0.0, unknownWait
	if s.Wait >= 0 {
		waitLow, waitHigh = max(0, s.Wait-s.WaitHalf), min(1, s.Wait+s.WaitHalf)
	}
	feedLow := 0.0
	if s.Wait > bound {
		feedLow = 1
	}
	best := max((1-waitHigh)/r.ComputeHigh, feedLow/r.Data)
	worst := max((1-waitLow)/r.ComputeLow, 1/r.Data)
	if s.Wait >= 0 && s.Wait <= bound && r.Data >= r.ComputeHigh { // feeding gains more than computing: slack stays slack
		worst = (1 - waitLow) / r.ComputeLow
	}
	best = max(best, minShare)
	worst = max(worst, best)
	mid := math.Sqrt(best * worst)
	r.SpeedLow, r.SpeedHigh = 1/worst, 1/best
	r.Limits = limits(s, r)
	f := Forecast{Low: local.Low * best, Mid: local.Mid * mid, High: local.High * worst, Step: local.Step * mid, Steps: local.Steps,
		Reasons: []string{"which part of the machine the network's time depends on is not known"}}
	if s.Wait < 0 {
		f.Reasons = append(f.Reasons, "how long a step waits for data is not known: up to half was allowed for")
	}
	return f, r, nil
}

const (
	bound       = 0.05 // of a step: who waits longer is fed too slowly (as TF's input pipeline analyser has it)
	unknownWait = 0.5
	minShare    = 1e-4
	manyTimes   = 10 // as fast: launching an operation then takes longer than computing a small one
)

func limits(s Seen, r Ratios) string {
	switch {
	case s.Wait > bound && r.Data < r.ComputeLow:
		return "data"
	case r.Data >= r.ComputeHigh:
		return "compute"
	}
	return "either"
}

// compare finds the ratios.
func compare(here, there Machine) (Ratios, error) {
	var r Ratios
	consider := func(by string, a, b float64) {
		if a <= 0 || b <= 0 {
			return
		}
		ratio := b / a
		if r.ComputeLow == 0 || ratio < r.ComputeLow {
			r.ComputeLow, r.ByLow = ratio, by
		}
		if ratio > r.ComputeHigh {
			r.ComputeHigh, r.ByHigh = ratio, by
		}
	}
	kinds := []string{"float32", "tf32"}
	if here.GPU == there.GPU { // else a script would have to be changed for them
		kinds = append(kinds, "bfloat16", "float16")
	}
	for _, kind := range kinds {
		consider("matrix products in "+kind, here.product(kind), there.product(kind))
	}
	consider("copying in the device's memory", here.Copy, there.Copy)
	if r.ComputeHigh == 0 {
		return r, errs.New(errs.Invalid, "the calibrations of %s and %s have no figure of computing in common", here.Name, there.Name).
			WithHint("calibrate both with the framework that trains: stoker calibrate --python .venv/bin/python")
	}
	feedHere, _ := here.feed(here.MeanBytes)
	feedThere, by := there.feed(here.MeanBytes)
	if feedHere <= 0 || feedThere <= 0 {
		return r, errs.New(errs.Invalid, "the calibrations of %s and %s have no figure of feeding in common", here.Name, there.Name)
	}
	r.Data, r.DataBy = feedThere/feedHere, by
	return r, nil
}

// product is the speed of matrix products of a type. Where a device has none of
// its own for TF32 or half floats, programs that ask for them get float32.
func (m *Machine) product(kind string) float64 {
	if v := m.Products[kind]; v > 0 {
		return v
	}
	if kind == "tf32" {
		return m.Products["float32"]
	}
	return 0
}

// feed is how fast samples of so many bytes can come: the least of what the disk
// reads, by files and by bytes, and what the cores decode.
func (m *Machine) feed(bytes float64) (rate float64, by string) {
	rate, by = m.Feed, "decoding"
	disk := m.DiskFiles
	if bytes > 0 {
		disk = min(disk, m.DiskBytes/bytes)
	}
	if !m.InMemory && disk > 0 && (disk < rate || rate == 0) {
		rate, by = disk, "the disk"
	}
	return rate, by
}

// Sentence says what the ratios mean.
func (r *Ratios) Sentence(there string) string {
	speed := func(x float64) string {
		if x < 10 {
			return fmt.Sprintf("%.1f", x)
		}
		return fmt.Sprintf("%.0f", x)
	}
	span := speed(r.SpeedLow) + " to " + speed(r.SpeedHigh)
	if speed(r.SpeedLow) == speed(r.SpeedHigh) {
		span = speed(r.SpeedLow)
	}
	compute := fmt.Sprintf("it computes %s (%s) to %s (%s) times as fast", speed(r.ComputeLow), r.ByLow, speed(r.ComputeHigh), r.ByHigh)
	if r.ByLow == r.ByHigh || speed(r.ComputeLow) == speed(r.ComputeHigh) {
		compute = fmt.Sprintf("it computes %s times as fast (%s)", speed(r.ComputeHigh), r.ByHigh)
	}
	s := fmt.Sprintf("%s: %s times as fast; %s, and feeds %s times as fast (%s)", there, span, compute, speed(r.Data), r.DataBy)
	switch r.Limits {
	case "data":
		s += "; feeding is the limit there"
	case "either":
		s += "; feeding may become the limit there"
	}
	if r.ComputeHigh > manyTimes {
		s += "; a network of many small operations gains less"
	}
	return s
}
