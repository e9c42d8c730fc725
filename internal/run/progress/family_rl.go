package progress

// Reinforcement learning: the tables of Stable-Baselines (2 and 3) and OpenAI
// baselines, whose counter is a row of its own. The total is in argv or history.
var rlFormats = []format{
	pattern("sb3", []string{"total_timesteps", "TimestepsSoFar"},
		`^\s*\|\s*(?:total_timesteps|TimestepsSoFar)\s*\|\s*(?P<n>\d+)\s*\|`, func(g groups, c *context) (Event, bool) {
			return Event{Kind: Step, Step: g.count("n"), Scope: ScopeRun, Phase: Train, Unit: "timestep", Bar: "timesteps"}, true
		}),
}
