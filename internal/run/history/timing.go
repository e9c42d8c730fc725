package history

// Timing is how fast a run went. Seconds throughout; zero is not measured unless
// said otherwise.
type Timing struct {
	// Source says who measured: "sampler" and "stoker" timed every step, "log" is
	// read off the times at which lines came, "printed" is what a saved log says
	// of itself, rounded as it prints.
	Source string `json:"source"`

	StepMedian       float64 `json:"step_median"`
	StepP95          float64 `json:"step_p95"`
	StepMean         float64 `json:"step_mean"`
	Steps            int64   `json:"steps"`                // that were measured
	BatchSize        int     `json:"batch_size,omitempty"` // of all devices together
	SamplesPerSecond float64 `json:"samples_per_second,omitempty"`
	DataWait         float64 `json:"data_wait"` // share of the step time, -1 unknown

	// Epochs holds the seconds of each epoch with its validation; the first one is
	// cold. Validation is seconds per epoch, contained in them.
	Epochs     []float64     `json:"epochs,omitempty"`
	Validation float64       `json:"validation,omitempty"`
	Metrics    []MetricPoint `json:"metrics,omitempty"` // oldest first, at most MaxMetricPoints

	Watts           float64 `json:"watts,omitempty"`  // mean electric power that was measured
	Joules          float64 `json:"joules,omitempty"` // over the run
	GPU             string  `json:"gpu,omitempty"`
	Devices         int     `json:"devices,omitempty"` // accelerators or ranks that shared the work
	DataPath        string  `json:"data_path,omitempty"`
	DataFingerprint string  `json:"data_fingerprint,omitempty"` // equal for equal data
}

// MaxMetricPoints bounds Timing.Metrics: who has more keeps every other one.
const MaxMetricPoints = 500

// MetricPoint is a number that the run printed about itself.
type MetricPoint struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"` // since the run's start
	Epoch   int     `json:"epoch,omitempty"`
	Value   float64 `json:"value"`
}

// ThinMetrics returns points with at most MaxMetricPoints of them: each name
// loses every other point, but for its last, as often as needed.
func ThinMetrics(points []MetricPoint) []MetricPoint {
	for len(points) > MaxMetricPoints {
		last := map[string]int{}
		for i, p := range points {
			last[p.Name] = i
		}
		nth := map[string]int{}
		kept := points[:0:0]
		for i, p := range points {
			if nth[p.Name]%2 == 0 || last[p.Name] == i {
				kept = append(kept, p)
			}
			nth[p.Name]++
		}
		if len(kept) == len(points) { // as many names as points: the newest names stay
			kept = points[len(points)-MaxMetricPoints:]
		}
		points = kept
	}
	return points
}
