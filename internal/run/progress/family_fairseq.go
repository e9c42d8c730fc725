package progress

import "stoker/internal/run/rx"

// fairseq: logging/progress_bar.py, the simple, json and tqdm forms (the last is
// tqdm's own), and the summary lines of train.py.
var fairseqFormats = []format{
	pattern("fairseq", []string{" / "},
		`epoch (?P<epoch>\d+)(?P<valid> \| valid on [^:\d]*)?:?\s+(?P<n>\d+) / (?P<total>\d+) (?P<post>.*)$`, readFairseq),
	pattern("fairseq_json", []string{`"num_updates"`}, `(?P<post>\{.*"num_updates": "?(?P<updates>\d+).*\})\s*$`, readFairseqJSON),
	pattern("fairseq_end", []string{"| epoch", "| done training", "| begin"},
		`(?:\| (?P<what>train|valid) \| epoch (?P<epoch>\d+) \| (?P<post>.*)|\| epoch (?P<epoch2>\d+) \| valid on (?P<post2>.*)|(?P<done>done training in)|begin (?P<begin>training|validation) )`, readFairseqSummary),
}

func readFairseq(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Epoch: g.int("epoch"), Step: g.count("n"), Steps: g.count("total"), Scope: ScopeEpoch, Phase: Train, Unit: "it", Bar: "epoch"}
	if g.has("valid") {
		e.Phase, e.Bar = Validation, "valid"
	}
	e.addPairs(g.str("post"))
	return e, true
}

var jsonEpoch = rx.New(`"epoch": (\d+)`)

func readFairseqJSON(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("updates"), Scope: ScopeRun, Phase: Train, Unit: "it", Bar: "updates"}
	if m := jsonEpoch().FindStringSubmatch(g.str("post")); m != nil {
		e.Epoch = int(count(m[1]))
	}
	e.addPairs(g.str("post"))
	return e, true
}

func readFairseqSummary(g groups, c *context) (Event, bool) {
	switch {
	case g.has("done"):
		return Event{Kind: End}, true
	case g.str("begin") == "validation":
		return Event{Kind: Phase, Phase: Validation}, true
	case g.has("begin"):
		return Event{Kind: Phase, Phase: Start}, !c.sure
	case g.has("epoch2"):
		e := Event{Kind: Metric, Phase: Validation}
		for _, name := range []string{"valid_loss", "valid loss"} {
			e.addMetric("val_loss", pairIn(g.str("post2"), name))
		}
		return e, true
	case g.str("what") == "valid":
		e := Event{Kind: Metric, Phase: Validation}
		e.addMetric("val_loss", pairIn(g.str("post"), "loss"))
		return e, true
	}
	e := Event{Kind: Epoch, Epoch: g.int("epoch"), Done: true}
	e.addMetric("loss", pairIn(g.str("post"), "train_loss"))
	return e, true
}
