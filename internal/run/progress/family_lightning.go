package progress

// Rich bars: Lightning's RichProgressBar, rich.progress.track, pip. Lightning's
// default bar is tqdm's. Lightning prints the last index as the number of epochs
// ("0/9" are ten epochs) and -2 where there is no limit.
var lightningFormats = []format{
	pattern("rich_pl", []string{" • "},
		`(?:Epoch (?P<epoch>\d+)(?:/(?P<epochs>-?\d+))?|(?P<phase>Validation|Testing|Predicting|Sanity Checking)(?: DataLoader \d+)?)\s+[━╸╺ -]*\s*(?P<n>\d+)/(?P<total>\d+|--)\s+(?:\d+:\d{2}:\d{2}|-:--:--) • (?:\d+:\d{2}:\d{2}|-:--:--)\s+(?P<rate>{N})it/s(?P<post>.*)$`, readLightningRich),
	pattern("rich_count", []string{"━", "╸"},
		`^(?P<desc>.*?)\s*[━╸╺]+\s+(?:(?P<pct>\d{1,3})%\s+)?(?P<n>{N}{S})/(?P<total>{N}{S})(?: (?P<unit>[kKMGT]?i?B|bytes|it|steps?))?\b.*$`, readRichCount),
	pattern("rich", []string{"%"},
		`^(?P<desc>.*?)\s*[━╸╺]+\s+(?P<pct>\d{1,3})%(?:\s+(?:\d+:\d{2}:\d{2}|-:--:--))?\s*$`, readRich),
}

func readLightningRich(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Steps: count(g.str("total")), Unit: "it", Scope: ScopeEpoch, Phase: Train, Bar: "Epoch"}
	if p := g.str("phase"); p != "" {
		e.Phase, e.Bar = phaseOf(p), p
		return e, true
	}
	c.epochNumber("rich_pl", 0) // always from 0
	e.Epoch = g.int("epoch") + 1
	if t := g.str("epochs"); t != "" && t[0] != '-' {
		e.Epochs = g.int("epochs") + 1
	}
	e.addPairs(g.str("post"))
	return e, true
}

func readRichCount(g groups, c *context) (Event, bool) {
	unit := g.str("unit")
	n, t := g.str("n"), g.str("total")
	if len(unit) > 1 && unit[len(unit)-1] == 'B' { // "12.3/45.6 MB" shares one suffix
		n, t, unit = n+unit[:1], t+unit[:1], "B"
	}
	e := Event{Kind: Step, Step: count(n), Steps: count(t), Unit: unit}
	describe(&e, g.str("desc"), c)
	return e, e.Steps > 0
}

func readRich(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("pct"), Steps: 100, Unit: "%"}
	describe(&e, g.str("desc"), c)
	return e, true
}
