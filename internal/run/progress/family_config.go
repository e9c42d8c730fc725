package progress

import "strings"

// Configurations that programs print before they train: argparse's Namespace,
// OpenMMLab's and detectron2's configs, Megatron's and ultralytics' arguments.
// Only lengths are taken, as hints where no counter tells them.
var configFormats = []format{
	pattern("config", []string{"epochs", "iters", "MAX_ITER", "max_epoch", "max_steps", "max_update", "train_iters"},
		`(?:^|[\s(,{'"])(?P<key>max_epochs|num_epochs|num_train_epochs|total_epochs|epochs|max_epoch|max_iters|max_steps|max_train_steps|max_update|train_iters|MAX_ITER|SOLVER\.MAX_ITER)['"]?(?: ?[=:] ?| \.{3,} )(?P<n>\d+)(?:[\s,)}]|$)`, readConfig),
	pattern("config", []string{", max: "}, `workflow: .*, max: (?P<n>\d+) (?P<key>epochs|iters)`, readConfig),
	pattern("config", []string{"Scheduled epochs: "}, `Scheduled (?P<key>epochs): (?P<n>\d+)`, readConfig),
}

func readConfig(g groups, c *context) (Event, bool) {
	if c.sure {
		return Event{}, false // a counter runs: this is something else
	}
	e := Event{Kind: Banner, Source: "config"}
	if key := lower(g.str("key")); strings.Contains(key, "epoch") {
		e.Epochs = g.int("n")
	} else {
		e.Steps, e.Scope = g.count("n"), ScopeRun
	}
	return e, e.Epochs > 0 || e.Steps > 0
}
