package progress

// Speech toolkits: ESPnet 2 (trainer.py, reporter.py), Chainer's extension that
// ESPnet 1 used, and the VITS family (so-vits-svc, RVC).
var speechFormats = []format{
	pattern("espnet", []string{"epoch:train:", "epoch:valid:"},
		`\b(?P<epoch>\d+)epoch:(?P<mode>train|valid):\d+-(?P<n>\d+)batch: (?P<post>.*)$`, readESPnet),
	pattern("espnet", []string{"epoch started"},
		`\b(?P<epoch>\d+)/(?P<epochs>\d+)epoch started`, func(g groups, c *context) (Event, bool) {
			return Event{Kind: Epoch, Epoch: g.int("epoch"), Epochs: g.int("epochs"), Phase: Train}, true
		}),
	pattern("chainer", []string{" iter, "},
		`^\s*(?P<n>\d+) iter, (?P<epoch>\d+) epoch / (?P<epochs>\d+) epochs`, func(g groups, c *context) (Event, bool) {
			return Event{Kind: Step, Step: g.count("n"), Epoch: g.int("epoch") + 1, Epochs: g.int("epochs"), Scope: ScopeRun, Phase: Train, Unit: "it", Bar: "iter"}, true
		}),
	pattern("vits", []string{"Train Epoch: "},
		`Train Epoch: (?P<epoch>\d+) \[(?P<pct>\d+)%\]`, func(g groups, c *context) (Event, bool) {
			return Event{Kind: Step, Step: g.count("pct"), Steps: 100, Epoch: g.int("epoch"), Scope: ScopeEpoch, Phase: Train, Unit: "%", Bar: "Train Epoch"}, true
		}),
}

func readESPnet(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Epoch: g.int("epoch"), Scope: ScopeEpoch, Phase: phaseOf(g.str("mode")), Unit: "it", Bar: g.str("mode")}
	post := g.str("post")
	e.addPairs(post)
	e.addMetric("data_time", pairIn(post, "iter_time"))
	if t := pairIn(post, "train_time"); t != "" {
		delete(e.Metrics, "step_time")
		e.addMetric("step_time", t)
	}
	return e, true
}
