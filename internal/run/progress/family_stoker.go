package progress

// Stoker's own lines: the bar and the plain lines of pack, verify and other long
// commands (internal/progress), and the line that `stoker run` prints in a pipe.
var stokerFormats = []format{
	pattern("stoker", []string{" of "},
		`^(?P<verb>[a-z]+): (?P<n>[\d,]+) of (?P<total>[\d,]+) (?P<unit>\w+) \(\d+ %\)`, readStoker),
	pattern("stoker", []string{" %  "},
		`^(?P<verb>[a-z]+)  \S.*\s(?P<pct>\d{1,3}) %  (?:(?P<n>[\d,]+)/(?P<total>[\d,]+) (?P<unit>\w+)  )?.*\bleft\s*$`, readStoker),
	pattern("stoker_run", []string{"stoker "},
		`^stoker \w+: (?P<phase>[a-z]+)\b(?:.*? epoch (?P<epoch>\d+)/(?P<epochs>\d+))?.*? step (?P<n>\d+)/(?P<total>\d+)(?P<post>.*)$`, readStokerRun),
}

func readStoker(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Unit: g.str("unit"), Bar: g.str("verb")}
	if !g.has("n") {
		e.Step, e.Steps, e.Unit = g.count("pct"), 100, "%"
	}
	return e, e.Step <= e.Steps
}

func readStokerRun(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Phase: g.str("phase"), Bar: "run"}
	if e.Epoch, e.Epochs = g.int("epoch"), g.int("epochs"); e.Epoch > 0 {
		e.Scope = ScopeEpoch
	}
	e.addPairs(g.str("post"))
	return e, true
}
