package progress

// Ultralytics since 8.3.190: utils/tqdm.py, its own bar. Older versions used
// tqdm's, whose description starts with the epoch as well.
var ultralyticsFormats = []format{
	pattern("ultra", []string{"━", "─"},
		`^(?P<desc>.*?): (?P<pct>\d{1,3})% [━─╸]+ (?P<n>{N}{S})/(?P<total>{N}{S})B? (?:{N}[GMK]?\w+/s )?(?:\d+:)*\d+(?:\.\d)?s?(?:<(?:\d+:)*\d+(?:\.\d)?s?)?\s*$`, readUltralytics),
	pattern("ultra_end", []string{"epochs completed in "},
		`^\d+ epochs completed in {N} hours`, func(g groups, c *context) (Event, bool) { return Event{Kind: End}, true }),
}

func readUltralytics(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Unit: "it"}
	describe(&e, g.str("desc"), c)
	if e.Epoch > 0 {
		return e, true
	}
	if hasWord(g.str("desc"), "mAP50") || hasWord(g.str("desc"), "Class") {
		e.Phase = Validation
	}
	return e, true
}
