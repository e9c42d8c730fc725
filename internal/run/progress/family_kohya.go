package progress

// kohya's sd-scripts and its interface kohya_ss: totals before the first step,
// in English and Japanese. The bar ("steps: ...") is tqdm's and runs through the
// whole run; "epoch 1/4" lines stand between.
var kohyaFormats = []format{
	pattern("kohya", []string{"override steps", "num epochs / epoch", "Max train steps", "max_train_steps", "total optimization steps /"},
		`(?:override steps\. steps for \d+ epochs is[^:]*: (?P<steps>\d+)|(?:Max train steps|total optimization steps / [^:]*|max_train_steps[^:=]*)\s*[:=] (?P<max>\d+)|num epochs / epoch[^:]*: (?P<epochs>\d+))\s*$`, readKohya),
}

func readKohya(g groups, c *context) (Event, bool) {
	e := Event{Kind: Banner, Epochs: g.int("epochs"), Steps: g.count("steps") + g.count("max")}
	if e.Steps > 0 {
		e.Scope = ScopeRun
	}
	return e, true
}
