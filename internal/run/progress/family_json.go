package progress

import (
	"strings"
)

// Lines that are JSON objects: LLaMA-Factory's trainer log, DeiT's log.txt and
// its children, and others that name their counter as people do. The keys are
// found by expression, so that a prefix or a broken object does no harm.
var jsonFormats = []format{
	pattern("llamafactory", []string{`"current_steps"`},
		`"current_steps": (?P<n>\d+), "total_steps": (?P<total>\d+)(?P<post>.*)$`, func(g groups, c *context) (Event, bool) {
			e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Scope: ScopeRun, Phase: Train, Unit: "it", Bar: "json"}
			e.addPairs(g.str("post"))
			return e, true
		}),
	pattern("json_epoch", []string{`"train_loss"`},
		`(?P<post>\{.*"epoch": (?P<epoch>\d+)\b.*)$`, func(g groups, c *context) (Event, bool) {
			e := Event{Kind: Epoch, Epoch: c.epochNumber("json_epoch", g.int("epoch")), Done: true}
			e.addMetric("loss", jsonNumber(g.str("post"), "train_loss"))
			e.addMetric("val_loss", jsonNumber(g.str("post"), "test_loss"))
			return e, true
		}),
	pattern("json_step", []string{`"step"`, `"global_step"`, `"iter"`, `"iteration"`},
		`(?P<post>\{.*"(?:global_step|step|iter|iteration)": ?(?P<n>\d+)\b.*)$`, func(g groups, c *context) (Event, bool) {
			e := Event{Kind: Step, Step: g.count("n"), Scope: ScopeRun, Phase: Train, Bar: "json"}
			if n := jsonNumber(g.str("post"), "epoch"); n != "" && strings.Contains(g.str("post"), `"mode": "`) { // mmcv's .log.json
				e.Epoch, e.Scope = int(count(n)), ScopeEpoch
				if strings.Contains(g.str("post"), `"mode": "val"`) {
					e.Phase = Validation
				}
			}
			e.addPairs(g.str("post"))
			return e, true
		}),
}

// jsonNumber returns the number of a member as text, "" if there is none.
func jsonNumber(s, name string) string {
	_, s, _ = strings.Cut(s, `"`+name+`":`)
	s = strings.TrimPrefix(strings.TrimPrefix(s, " "), `"`)
	return s[:len(s)-len(strings.TrimLeft(s, "-+0123456789.eE"))]
}
