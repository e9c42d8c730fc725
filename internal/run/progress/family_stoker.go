package progress

// Stoker's own lines: the bar of pack and bench on a pipe, and the line that
// `stoker run` itself prints on a pipe.
var stokerFormats = []format{
	pattern("stoker", []string{"stoker:", "stoker "},
		`^stoker(?: run)?: (?:(?P<phase>[a-z]+)\b.*?)?(?:epoch (?P<epoch>\d+)(?:/(?P<epochs>\d+))?.*?)?(?:step )?(?P<n>[\d,]+)/(?P<total>[\d,]+)\b(?P<post>.*)$`, readStoker),
}

func readStoker(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Phase: phaseOf(g.str("phase")), Bar: g.str("phase")}
	e.Epoch, e.Epochs = g.int("epoch"), g.int("epochs")
	e.addPairs(g.str("post"))
	return e, true
}
