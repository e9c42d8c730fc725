package progress

// TensorFlow's Estimator, slim, the object detection API and the Model Garden.
// The seconds behind an Estimator's step are those since the last line, slim's
// are per step: neither is used as a step time unless it is one. No totals.
var tensorFlowFormats = []format{
	pattern("tf_slim", []string{"global step "},
		`global step (?P<n>\d+): loss = (?P<loss>{F}) \((?P<t>{F}) sec/step\)`, readTF),
	pattern("tf_od2", []string{"per-step time"},
		`Step (?P<n>\d+) per-step time (?P<t>{F})s(?: loss=(?P<loss>{F}))?`, readTF),
	pattern("tf_garden", []string{"train | step"},
		`train \| step:\s+(?P<n>\d+) \| (?:training until|steps/sec:)\s*(?P<post>.*)$`, readTF),
	pattern("tf_rate", []string{"global_step/sec"}, `global_step/sec: (?P<sps>{F})`, readTFRate),
	pattern("tf_est", []string{"step = "},
		`loss = (?P<loss>{F}), (?:global_)?step = (?P<n>\d+)(?: \((?P<secs>{F}) sec\))?`, readTF),
	pattern("tf_eval", []string{"Starting evaluation", "Finished evaluation", "Saving checkpoints for", "Evaluation ["},
		`(?P<k>Starting evaluation|Finished evaluation|Saving checkpoints for (?P<n>\d+)|Evaluation \[(?P<i>\d+)/(?P<total>\d+)\])`, readTFNews),
}

func readTF(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Scope: ScopeRun, Phase: Train, Unit: "it", Bar: "global_step"}
	e.addMetric("loss", g.str("loss"))
	e.addMetric("step_time", g.str("t"))
	return e, true
}

func readTFRate(g groups, c *context) (Event, bool) {
	e := Event{Kind: Metric}
	if r, ok := number(g.str("sps")); ok && r > 0 {
		e.setMetric("step_time", 1/r)
	}
	return e, true
}

func readTFNews(g groups, c *context) (Event, bool) {
	switch {
	case g.has("n"):
		return Event{Kind: Checkpoint, Step: g.count("n")}, true
	case g.has("i"):
		return Event{Kind: Step, Step: g.count("i"), Steps: g.count("total"), Phase: Validation, Scope: ScopeEpoch, Bar: "eval"}, true
	case g.str("k")[0] == 'S':
		return Event{Kind: Phase, Phase: Validation}, true
	}
	return Event{Kind: Phase, Phase: Train}, true
}
