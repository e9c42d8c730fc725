package progress

// Gradient boosting: LightGBM and XGBoost print the round in brackets, CatBoost
// "100: learn: 0.5 total: 1.2s remaining: 11s".
var boostingFormats = []format{
	pattern("boosting", []string{"]\t", "]  "},
		`^\[(?P<n>\d+)\]\s+\S.*?(?:: ?|:\s)(?P<loss>{F})(?:\s|$)`, func(g groups, c *context) (Event, bool) {
			return Event{Kind: Step, Step: g.count("n"), Scope: ScopeRun, Phase: Train, Unit: "round", Bar: "round"}, true
		}),
	pattern("catboost", []string{"remaining: "},
		`^(?P<n>\d+):\s+learn: (?P<loss>{F})\s.*remaining: `, func(g groups, c *context) (Event, bool) {
			e := Event{Kind: Step, Step: g.count("n") + 1, Scope: ScopeRun, Phase: Train, Unit: "round", Bar: "round"}
			e.addMetric("loss", g.str("loss"))
			return e, true
		}),
}
