package progress

import "strings"

// Keras 2 and 3: keras/src/utils/progbar.py and TensorFlow's older copy. The
// second number of a bar is the remaining time while it runs and the elapsed time
// once it is full, so neither is used. The line of a full bar is printed again
// after validation, with val_ metrics: that is the end of the epoch.
var kerasFormats = []format{
	pattern("epoch_hdr", []string{"poch"},
		`^\s*(?:\[[^\]]*\]\s*)?[Ee]poch:? (?P<epoch>\d+) ?/ ?(?P<epochs>\d+)\s*$`, readEpochHeader),
	pattern("keras3", []string{"━"},
		`^\s*(?P<n>\d+)/(?P<total>\d+) (?P<bar>━+) (?P<eta>(?:\d+:)*\d+s?) (?P<per>\d+)(?P<unit>s|ms|us)/(?P<u>\w+)(?P<post>.*)$`, readKeras("keras3")),
	pattern("keras2", []string{"[=", "[>", "[."},
		`^\s*(?P<n>\d+)/(?P<total>\d+) \[(?P<bar>[=>.]+)\] - (?:ETA: (?P<eta>(?:\d+:)*\d+s?)|(?P<el>\d+)s(?: (?P<per>\d+)(?P<unit>s|ms|us)/(?P<u>\w+))?)(?P<post>.*)$`, readKeras("keras2")),
	pattern("keras_unknown", []string{"/Unknown"},
		`^\s*(?P<n>\d+)/Unknown(?: -)? (?P<el>\d+)s (?P<per>\d+)(?P<unit>s|ms|us)/(?P<u>\w+)(?P<post>.*)$`, readKeras("keras_unknown")),
	pattern("keras_v2", []string{"s - "},
		`^\s*(?P<n>\d+)/(?P<total>\d+) - (?P<el>\d+)s -(?: (?P<per>\d+)(?P<unit>s|ms|us)/(?:step|epoch) -)?(?P<post>.*)$`, readKerasLine),
}

func readEpochHeader(g groups, c *context) (Event, bool) {
	n := c.epochNumber("epoch_hdr", g.int("epoch"))
	return Event{Kind: Epoch, Epoch: n, Epochs: c.epochTotal("epoch_hdr", g.int("epochs")), Phase: Train}, true
}

// readKeras reads a bar. A full bar with validation metrics ends its epoch. Bars
// outside fit (evaluate, predict) look the same: a bar that starts while the
// epoch's own bar is full, with another total, is a validation with verbose=1.
func readKeras(id string) func(g groups, c *context) (Event, bool) {
	return func(g groups, c *context) (Event, bool) {
		e := Event{Kind: Step, Source: id, Step: g.count("n"), Steps: g.count("total"), Unit: g.str("u"), Scope: ScopeEpoch, Bar: "keras"}
		e.addKerasMetrics(g.str("post"))
		e.Phase = c.kerasPhase(&e)
		e.Done = e.Steps > 0 && e.Step >= e.Steps && strings.Contains(g.str("post"), "val_")
		return e, true
	}
}

func readKerasLine(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Source: "keras_v2", Step: g.count("n"), Steps: g.count("total"), Scope: ScopeEpoch, Phase: Train, Bar: "keras"}
	e.addKerasMetrics(g.str("post"))
	e.Done = e.Step >= e.Steps
	return e, true
}

// kerasPhase tells fit from evaluate by the total: the first bar's is fit's.
func (c *context) kerasPhase(e *Event) string {
	if c.epoch == 0 && e.Steps > 200_000 {
		return Start // a download of keras.utils.get_file, counted in bytes
	}
	if e.Steps == 0 {
		return Train
	}
	if c.kerasTotal == 0 || c.epoch != c.kerasEpoch && e.Step <= 1 {
		c.kerasTotal, c.kerasEpoch = e.Steps, c.epoch
	}
	if e.Steps == c.kerasTotal {
		return Train
	}
	return Validation
}

func (e *Event) addKerasMetrics(s string) {
	for part := range strings.SplitSeq(s, " - ") {
		if k, v, ok := strings.Cut(part, ": "); ok {
			e.addMetric(strings.TrimLeft(k, "- "), v)
		}
	}
}
