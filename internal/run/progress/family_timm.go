package progress

// timm's train.py. "(  0%)" is the share of the last index.
var timmFormats = []format{
	pattern("timm", []string{"Train: "},
		`Train: (?P<epoch>\d+) \[\s*(?P<n>\d+)/(?P<total>\d+) \(\s*(?P<pct>\d+)%\)\]\s+(?P<post>.*Time: (?P<t>{F})s.*)$`, readTimm),
	pattern("timm", []string{"Test"},
		`Test(?: \((?P<ema>EMA)\))?: \[\s*(?P<n>\d+)/(?P<total>\d+)\]\s+(?:Batch)?Time: (?P<t>{F}) \({F}\)(?P<post>.*)$`, readTimmTest),
}

func readTimm(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n") + 1, Steps: g.count("total"), Unit: "it", Scope: ScopeEpoch, Phase: Train, Epoch: g.int("epoch") + 1, Bar: "Train"}
	e.Step = min(e.Step, e.Steps)
	e.addMetric("step_time", g.str("t"))
	e.addPairs(g.str("post"))
	return e, true
}

// readTimmTest reads the validation's line: its total is the last index.
func readTimmTest(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n") + 1, Steps: g.count("total") + 1, Unit: "it", Scope: ScopeEpoch, Phase: Validation, Bar: "Test" + g.str("ema")}
	e.addMetric("step_time", g.str("t"))
	e.addMetric("val_loss", pairIn(g.str("post"), "loss"))
	return e, true
}
