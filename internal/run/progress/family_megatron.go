package progress

// Megatron-LM and Megatron-DeepSpeed: megatron/training/training.py.
var megatronFormats = []format{
	pattern("megatron", []string{"iteration "},
		`iteration\s+(?P<n>\d+)/\s*(?P<total>\d+|infinity) \|(?P<post>.*?elapsed time per iteration \((?P<u>ms|s)\): (?P<t>{F}).*)`, readMegatron),
	pattern("megatron_eval", []string{"validation loss at", "Evaluating iter"},
		`(?:validation loss at iteration (?P<n>\d+)|Evaluating iter (?P<i>\d+)/(?P<total>\d+))(?P<post>.*)$`, readMegatronEval),
	pattern("deepspeed", []string{"RunningAvgSamplesPerSec"},
		`epoch=(?P<epoch>\d+)/micro_step=\d+/global_step=(?P<n>\d+), RunningAvgSamplesPerSec=(?P<sps>{F})`, readDeepSpeed),
	pattern("deepspeed", []string{"skipped="},
		`\[Rank \d+\] step=(?P<n>\d+), skipped=\d+, lr=\[(?P<lr>{F})`, readDeepSpeed),
}

func readMegatron(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Unit: "it", Scope: ScopeRun, Phase: Train, Bar: "iteration"}
	if t, ok := number(g.str("t")); ok {
		if g.str("u") == "ms" {
			t /= 1000
		}
		e.setMetric("step_time", t)
	}
	e.addMetric("lr", pairIn(g.str("post"), "learning rate"))
	for _, name := range []string{"lm loss", "lm_loss", "loss"} {
		e.addMetric("loss", pairIn(g.str("post"), name))
	}
	return e, true
}

func readMegatronEval(g groups, c *context) (Event, bool) {
	if g.has("i") {
		return Event{Kind: Step, Step: g.count("i"), Steps: g.count("total"), Phase: Validation, Scope: ScopeEpoch, Bar: "eval"}, true
	}
	e := Event{Kind: Metric, Phase: Validation}
	e.addMetric("val_loss", pairIn(g.str("post"), "lm loss value"))
	return e, true
}

func readDeepSpeed(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Scope: ScopeRun, Phase: Train, Unit: "it", Bar: "global_step"}
	e.addMetric("lr", g.str("lr"))
	return e, true
}
