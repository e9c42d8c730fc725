package progress

// nanoGPT, its children (nanochat, build-nanogpt, llm.c) and minGPT. nanoGPT
// prints no total: it comes from argv (see ArgTotals), --total, or history.
var nanoGPTFormats = []format{
	pattern("nanogpt", []string{"iter "},
		`(?:^|\s)iter (?P<n>\d+): loss (?P<loss>{F}), time (?P<ms>{F})ms(?:, mfu (?P<mfu>{F})%)?`, readNanoGPT),
	pattern("nanogpt_eval", []string{"val loss"},
		`(?:^|\s)step (?P<n>\d+): train loss (?P<tl>{F}), val loss (?P<vl>{F})`, readNanoGPTEval),
	pattern("llmc", []string{"step "},
		`^step\s+(?P<n>\d+)/(?P<total>\d+) \| (?:train )?loss:?\s+(?P<loss>{F}) (?P<post>.*)$`, readLLMC),
	pattern("nanochat", []string{"step "},
		`^step\s+(?P<n>\d+)/(?P<total>\d+) \({F}%\) \| loss:?\s+(?P<loss>{F}) (?P<post>.*)$`, readLLMC),
	pattern("build_nanogpt", []string{"step "},
		`^step\s+(?P<n>\d+) ?\| loss:? (?P<loss>{F}) ?\|(?P<post>.*)$`, readLLMC),
	pattern("mingpt", []string{"iter_dt"},
		`iter_dt (?P<ms>{F})ms; iter (?P<n>\d+): train loss (?P<loss>{F})`, readNanoGPT),
}

func readNanoGPT(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n") + 1, Scope: ScopeRun, Phase: Train, Unit: "it", Bar: "iter"}
	e.addMetric("loss", g.str("loss"))
	if ms, ok := number(g.str("ms")); ok {
		e.setMetric("step_time", ms/1000)
	}
	return e, true
}

func readNanoGPTEval(g groups, c *context) (Event, bool) {
	e := Event{Kind: Metric, Step: g.count("n"), Phase: Validation}
	e.addMetric("loss", g.str("tl"))
	e.addMetric("val_loss", g.str("vl"))
	return e, true
}

func readLLMC(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Scope: ScopeRun, Phase: Train, Unit: "it", Bar: "step"}
	e.addMetric("loss", g.str("loss"))
	e.addMetric("lr", pairIn(g.str("post"), "lr"))
	return e, true
}
