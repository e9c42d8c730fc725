package progress

// Reference scripts of PyTorch: torchvision's references (and DETR, MAE, DINO,
// which took over its MetricLogger), and examples/imagenet with its many
// children. Both print the index of the step just done, counted from 0.
var pytorchFormats = []format{
	pattern("tv", []string{"eta: "},
		`^(?P<hdr>.*?)\s*\[\s*(?P<n>\d+)/(?P<total>\d+)\]\s+eta: (?:\d+ days?, )?\d+:\d{2}:\d{2}\s+(?P<post>.*\btime: {F}\s+(?:\S+: \S+\s+)*?data(?:_time)?: {F}.*)$`, readTorchvision),
	pattern("tv_total", []string{"Total time: "},
		`^(?P<hdr>\S.*?)\s+Total time: (?:\d+ days?, )?\d+:\d{2}:\d{2}(?: \({F} s / it\))?\s*$`, readTorchvisionTotal),
	pattern("imagenet", []string{"Time"},
		`(?:Epoch:? ?\[(?P<epoch>\d+)(?:/(?P<epochs>\d+))?\]|(?P<test>Test|Val|Validation|Eval(?:uate)?): ?)\s*\[\s*(?P<n>\d+)/(?P<total>\d+)\],?\s*(?:\|\s*)?(?:Batch )?Time:?\s+(?P<t>{F})s? \(\s*(?:avg:\s*)?(?P<tavg>{F})s?\)(?:,?\s*(?:\|\s*)?(?:Data|DT|Data Time|data):?\s+(?P<dt>{F})s? \(\s*(?P<dtavg>{F})s?\))?(?P<post>.*)$`, readImageNet),
	pattern("swin", []string{"Train: ["},
		`Train: \[(?P<epoch>\d+)/(?P<epochs>\d+)\]\[\s*(?P<n>\d+)/(?P<total>\d+)\](?P<post>.*)$`, readSwin),
	pattern("cifar", []string{"] loss: "}, `^\[(?P<epoch>\d+), +(?P<n>\d+)\] loss: (?P<loss>{F})`, readCIFAR),
	pattern("mnist", []string{"Train Epoch", "Train epoch"},
		`Train [Ee]poch:? (?P<epoch>\d+) \[\s*(?P<n>\d+)/(?P<total>\d+) \(\s*(?P<pct>\d+)%\)\](?P<post>.*)$`, readMNIST),
}

func readTorchvision(g groups, c *context) (Event, bool) {
	hdr := g.str("hdr")
	e := Event{Kind: Step, Step: g.count("n") + 1, Steps: g.count("total"), Unit: "it", Scope: ScopeEpoch}
	describe(&e, hdr, c)
	if e.Epoch > 0 {
		e.Epoch, e.Phase = zeroFirst(c, "tv", e.Epoch, hdr), Train
	}
	e.Kind = Step
	e.addPairs(g.str("post"))
	return e, true
}

// zeroFirst returns the ordinal of a format that is known to count from 0: what
// describe read is one too low unless the script printed a 0 before.
func zeroFirst(c *context, id string, epoch int, hdr string) int {
	if n, _, ok := epochIn(hdr); ok {
		return n + 1
	}
	return epoch
}

func readTorchvisionTotal(g groups, c *context) (Event, bool) {
	n, _, ok := epochIn(g.str("hdr"))
	if !ok {
		return Event{Kind: Metric, Phase: phaseOf(g.str("hdr"))}, true
	}
	return Event{Kind: Epoch, Epoch: n + 1, Done: true}, true
}

func readImageNet(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Unit: "it", Scope: ScopeEpoch, Phase: Train, Bar: "Epoch"}
	if g.has("test") {
		e.Phase, e.Bar = Validation, "Test"
	} else {
		c.epochNumber("imagenet", 0) // this family counts epochs from 0
		e.Epoch, e.Epochs = g.int("epoch")+1, g.int("epochs")
	}
	e.Step = int64(c.epochNumber("imagenet "+e.Bar, int(min(e.Step, 1<<30)))) // newer scripts print i+1
	e.addMetric("step_time", g.str("t"))
	e.addMetric("data_time", g.str("dt"))
	e.addPairs(g.str("post"))
	return e, true
}

// readSwin reads Swin Transformer's line; epochs and steps count from 0.
func readSwin(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n") + 1, Steps: g.count("total"), Unit: "it", Scope: ScopeEpoch, Phase: Train, Bar: "Train",
		Epoch: g.int("epoch") + 1, Epochs: g.int("epochs")}
	e.Step = min(e.Step, e.Steps)
	e.addPairs(g.str("post"))
	return e, true
}

// readCIFAR reads the line of PyTorch's classifier tutorial: epoch, batch.
func readCIFAR(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Epoch: g.int("epoch"), Scope: ScopeEpoch, Phase: Train, Unit: "it", Bar: "batch"}
	e.addMetric("loss", g.str("loss"))
	return e, true
}

// readMNIST reads the line of examples/mnist, whose counter is in samples.
func readMNIST(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Unit: "sample", Scope: ScopeEpoch, Phase: Train, Bar: "Train Epoch"}
	e.Epoch = c.epochNumber("mnist", g.int("epoch"))
	e.addPairs(g.str("post"))
	return e, true
}
