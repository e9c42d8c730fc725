package progress

// Lines that say that state goes to disk. Only wordings that frameworks use are
// taken; the supervisor sees the files themselves as well.
var checkpointFormats = []format{
	pattern("saving", []string{"aving", "aved", "ave weights", "ave model", "checkpoint to "},
		`(?i)\b(?:saving|saved|save|wrote|writing|successfully saved)\b(?: (?:the|a|current|best|last|final|latest|new|training))*(?: model)?(?: (?:checkpoints?|state|weights|model|current states?|snapshot))\b(?:[^/\s]* (?:to|at|in|as|for|under)(?: (?:epoch|step|iteration|file|path))?:? ?(?P<path>\S+))?`, readSaving),
	pattern("saving", []string{"checkpoint", "Checkpoint"},
		`(?i)\b(?:checkpoint|model)s? (?:saved|written)(?: (?:to|at|in|as) (?P<path>\S+))?`, readSaving),
	pattern("lightning_end", []string{"max_epochs=", "max_steps="},
		"`?Trainer\\.fit`? stopped: `?max_(?:epochs|steps)=", func(g groups, c *context) (Event, bool) { return Event{Kind: End}, true }),
}

func readSaving(g groups, c *context) (Event, bool) {
	return Event{Kind: Checkpoint, Text: g.str("path")}, true
}
