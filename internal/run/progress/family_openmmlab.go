package progress

// OpenMMLab: mmengine/runner/log_processor.py and mmcv 1's text logger hook.
// Both print the data time beside the step time.
var openMMLabFormats = []format{
	pattern("mmengine", []string{"Epoch(", "Iter("},
		`(?P<by>Epoch|Iter)\((?P<mode>train|val|test)\)\s*(?:\[\s*(?P<epoch>\d+)\])?\[\s*(?P<n>\d+)/\s*(?P<total>\d+)\](?P<post>.*)$`, readMMEngine),
	pattern("mmcv1", []string{"lr: "},
		`(?P<by>Epoch|Iter) (?:\[(?P<epoch>\d+)\])?\[(?P<n>\d+)/(?P<total>\d+)\]\s+lr: (?P<post>.*)$`, readMMCV),
	pattern("mmcv1", []string{"Epoch(val)", "Iter(val)"},
		`(?P<by>Epoch|Iter)\(val\)\s*\[\s*(?P<epoch>\d+)\]\[(?P<total>\d+)\]\s+(?P<post>.*)$`, readMMCVVal),
	pattern("mmcv_bar", []string{"elapsed: "},
		`^\[[ >]*\] (?P<n>\d+)/(?P<total>\d+), {N} task/s, elapsed: {N}s, ETA:\s+{N}s\s*$`, readMMBar),
}

func readMMEngine(g groups, c *context) (Event, bool) {
	e := mmEvent(g)
	if m := g.str("mode"); m != "train" {
		e.Phase, e.Scope = phaseOf(m), ScopeEpoch
	}
	return e, true
}

func mmEvent(g groups) Event {
	e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Unit: "it", Phase: Train, Bar: g.str("by") + g.str("mode")}
	if e.Scope = ScopeEpoch; g.str("by") == "Iter" && !g.has("epoch") {
		e.Scope = ScopeRun
	}
	e.Epoch = g.int("epoch")
	e.addPairs(g.str("post"))
	return e
}

func readMMCV(g groups, c *context) (Event, bool) {
	e := mmEvent(g)
	e.addMetric("lr", trimNumber(g.str("post")))
	return e, true
}

// readMMCVVal reads the summary that mmcv 1 prints once a validation is over.
func readMMCVVal(g groups, c *context) (Event, bool) {
	e := Event{Kind: Metric, Phase: Validation}
	e.addPairs(g.str("post"))
	return e, true
}

// readMMBar reads mmcv.ProgressBar, which runs in validations and in data
// preparation.
func readMMBar(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Unit: "task", Bar: "task", Phase: Validation}
	if !c.sure {
		e.Phase = ""
	}
	return e, true
}

// trimNumber returns the number that s starts with.
func trimNumber(s string) string {
	i := 0
	for i < len(s) && (isDigit(s[i]) || s[i] == '.' || s[i] == '-' || s[i] == '+' || s[i] == 'e' || s[i] == 'E') {
		i++
	}
	return s[:i]
}
