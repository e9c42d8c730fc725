package progress

// fastai: the table that learners print, one row for each epoch including its
// validation; and fastprogress's console bar. The columns after the epoch are
// train_loss and valid_loss.
var fastaiFormats = []format{
	pattern("fastai_row", []string{":"},
		`^(?P<epoch>\d+)\s+(?P<vals>(?:(?:{F}|#na#|None)\s+)+)(?P<t>\d{2}:\d{2}(?::\d{2})?)\s*$`, readFastaiRow),
	pattern("fastai_bar", []string{"% ["},
		`^(?:Epoch (?P<epoch>\d+)/(?P<epochs>\d+)\s*:?\s*)?(?:\|[-█]*\| )?(?P<pct>{N})% \[(?P<n>\d+)/(?P<total>\d+) {C}<{C}(?P<post>.*)\]?\s*$`, readFastaiBar),
}

func readFastaiRow(g groups, c *context) (Event, bool) {
	e := Event{Kind: Epoch, Epoch: g.int("epoch") + 1, Done: true, Phase: Train}
	vals := splitFields(g.str("vals"))
	if len(vals) > 0 {
		e.addMetric("loss", vals[0])
	}
	if len(vals) > 1 {
		e.addMetric("val_loss", vals[1])
	}
	return e, true
}

func readFastaiBar(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Unit: "it", Scope: ScopeEpoch, Bar: "bar"}
	if g.has("epoch") {
		e.Epoch, e.Epochs, e.Phase = c.epochNumber("fastai_bar", g.int("epoch")), g.int("epochs"), Train
	}
	e.addPairs(g.str("post"))
	return e, true
}
