package progress

// timm's train.py and OpenPCDet, which took over its lines. "(  0%)" is the share
// of the last index.
var timmFormats = []format{
	pattern("timm", []string{"Train: "},
		`Train: (?P<epoch>\d+) \[\s*(?P<n>\d+)/(?P<total>\d+) \(\s*(?P<pct>\d+)%\)\]\s+(?P<post>.*Time: (?P<t>{F})s.*)$`, readTimm),
	pattern("timm", []string{"Test"},
		`Test(?: \((?P<ema>EMA)\))?: \[\s*(?P<n>\d+)/(?P<total>\d+)\]\s+(?:Batch)?Time: (?P<t>{F}) \({F}\)(?P<post>.*)$`, readTimmTest),
	pattern("openpcdet", []string{"Train: "},
		`Train:\s+(?P<epoch>\d+)/(?P<epochs>\d+) \(\s*\d+%\) \[\s*(?P<n>\d+)/(?P<total>\d+) \(\s*\d+%\)\]\s+(?P<post>.*)$`, readOpenPCDet),
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

func readOpenPCDet(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n") + 1, Steps: g.count("total"), Unit: "it", Scope: ScopeEpoch, Phase: Train,
		Epoch: g.int("epoch"), Epochs: g.int("epochs"), Bar: "Train"}
	e.Step = min(e.Step, e.Steps)
	e.addMetric("loss", pairIn(g.str("post"), "loss"))
	e.addMetric("data_time", pairIn(g.str("post"), "data time"))
	e.addMetric("step_time", pairIn(g.str("post"), "batch time"))
	return e, true
}
