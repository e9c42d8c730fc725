package progress

import "stoker/internal/run/rx"

// detectron2: utils/events.py, CommonMetricPrinter. time is the mean over the
// run; there is no total, but eta and time give one.
var detectronFormats = []format{
	pattern("d2", []string{"iter: "},
		`(?:eta: (?P<eta>\S.*?)  )?iter: (?P<n>\d+)  (?P<post>.*)$`, readDetectron),
	pattern("d2_eval", []string{"Inference done "},
		`Inference done (?P<n>\d+)/(?P<total>\d+)\. `, readDetectronEval),
	pattern("d2_start", []string{"Starting training from iteration"},
		`Starting training from iteration (?P<n>\d+)`, func(g groups, c *context) (Event, bool) {
			return Event{Kind: Phase, Phase: Start, Step: g.count("n")}, true
		}),
}

func readDetectron(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n") + 1, Scope: ScopeRun, Phase: Train, Unit: "it", Bar: "iter"}
	e.addPairs(g.str("post"))
	t := e.Metrics["step_time"]
	if eta, ok := clockSeconds(g.str("eta")); ok && t > 0 {
		e.Steps = c.steadyTotal(e.Step + int64(eta/t+0.5))
	}
	return e, true
}

// steadyTotal turns totals derived from a rounded ETA into one number: the first
// is rounded to three digits and kept while later ones agree within 3 %.
func (c *context) steadyTotal(t int64) int64 {
	if o := c.derived; o > 0 && float64(t) > 0.97*float64(o) && float64(t) < 1.03*float64(o) {
		return o
	}
	unit := int64(1)
	for t/unit >= 1000 {
		unit *= 10
	}
	c.derived = (t + unit/2) / unit * unit
	return c.derived
}

func readDetectronEval(g groups, c *context) (Event, bool) {
	return Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Unit: "it", Phase: Validation, Scope: ScopeEpoch, Bar: "inference"}, true
}

var clockParts = rx.New(`^(?:(\d+) days?, )?(?:(\d+):)?(\d+):(\d{2})$`)

// clockSeconds reads "1 day, 2:03:04" and "12:34".
func clockSeconds(s string) (float64, bool) {
	m := clockParts().FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	return float64(count(m[1])*86400 + count(m[2])*3600 + count(m[3])*60 + count(m[4])), true
}
