package progress

// Long commands that are no training: downloads, builds, installers.
var toolFormats = []format{
	pattern("pip", []string{"eta ", "B/s"},
		`^\s*[━╸╺ ]+\s*(?P<n>{N})/(?P<total>{N}) (?P<u>[kMGT]?B)\b`, readPip),
	pattern("wget", []string{"B/s"},
		`(?:^|\s)(?P<pct>\d{1,3})%\s*\[[=> +<]*\]\s+(?P<n>[\d.,]+{S})\s+(?:--\.-)?[\d.]*{S}B/s`, readPercent("wget")),
	pattern("wget_dots", []string{"........"},
		`^\s*(?P<k>\d+)K [ .,]*\s(?P<pct>\d{1,3})%`, readPercent("wget")),
	pattern("curl", []string{"--:--:--", ":"},
		`^\s*(?P<pct>\d{1,3})\s+(?P<total>{N}{S})\s+\d{1,3}\s+(?P<n>{N}{S})\s+\d{1,3}\s+{N}{S}\s+{N}{S}\s+{N}{S}\s+(?:[\d:d ]+|--:--:--)\s`, readCurl),
	pattern("curl_bar", []string{"%"}, `^[#=O -]*\s(?P<pct>\d{1,3})\.\d%\s*$`, readPercent("curl")),
	pattern("cmake", []string{"%] "}, `^\[\s*(?P<pct>\d{1,3})%\] (?:Building|Linking|Built|Generating|Automatic|Performing|Completed|Creating|Downloading|No \S+ step)`, readPercent("cmake")),
	pattern("ninja", []string{"["}, `^\[(?P<n>\d+)/(?P<total>\d+)\] \S`, readNinja),
	pattern("bazel", []string{"["}, `^\[(?P<n>[\d,]+) / (?P<total>[\d,]+)\] `, readNinja),
	pattern("cargo", []string{"Building ["}, `Building \[[=> ]*\] (?P<n>\d+)/(?P<total>\d+)`, readNinja),
	pattern("rsync", []string{"% ", "xfr#", "B/s"},
		`^\s*(?P<n>[\d,.]+{S})\s+(?P<pct>\d{1,3})%\s+[\d.]+[kMG]?B/s\s+\d+:\d{2}:\d{2}`, readPercent("rsync")),
	pattern("aria2", []string{"(", "DL:"}, `\[#\w+ (?P<n>{N})[KMGT]?i?B/(?P<total>{N})[KMGT]?i?B\((?P<pct>\d{1,3})%\)`, readPercent("aria2")),
	pattern("git", []string{"objects:", "deltas:", "files:"}, `(?P<what>[A-Z][a-z]+ (?:objects|deltas|files)):\s+(?P<pct>\d{1,3})% \((?P<n>\d+)/(?P<total>\d+)\)`, readGit),
	pattern("apt", []string{"Progress: ["}, `^Progress: \[\s*(?P<pct>\d{1,3})%\]`, readPercent("apt")),
	pattern("pv", []string{"[", "%"}, `\[[=> ]*\]\s*(?P<pct>\d{1,3})%(?: ETA [\d:]+)?\s*$`, readPercent("pv")),
	pattern("ffmpeg", []string{"frame="}, `^frame=\s*(?P<n>\d+) fps=`, func(g groups, c *context) (Event, bool) {
		return Event{Kind: Step, Step: g.count("n"), Unit: "frame", Bar: "frame", Scope: ScopeRun}, true
	}),
}

func readPip(g groups, c *context) (Event, bool) {
	u := g.str("u")
	n, t := g.str("n"), g.str("total")
	if len(u) > 1 {
		n, t = n+u[:1], t+u[:1]
	}
	return Event{Kind: Step, Step: count(n), Steps: count(t), Unit: "B", Bar: "pip"}, true
}

// readPercent reads a share in whole per cent.
func readPercent(bar string) func(g groups, c *context) (Event, bool) {
	return func(g groups, c *context) (Event, bool) {
		e := Event{Kind: Step, Step: g.count("pct"), Steps: 100, Unit: "%", Bar: bar}
		return e, e.Step <= 100
	}
}

func readCurl(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Unit: "B", Bar: "curl"}
	return e, e.Steps > 0 && g.count("pct") <= 100
}

func readNinja(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Bar: "build"}
	return e, e.Steps > 1 && e.Step <= e.Steps
}

func readGit(g groups, c *context) (Event, bool) {
	return Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Bar: g.str("what")}, true
}
