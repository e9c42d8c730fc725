package progress

import "strings"

// argSteps and argEpochs are the names under which training scripts take their
// length, without dashes and with underscores.
var (
	argSteps = map[string]bool{"max_steps": true, "max_iters": true, "max_train_steps": true, "train_iters": true, "total_steps": true,
		"num_steps": true, "num_train_steps": true, "train_steps": true, "max_iter": true, "iterations": true, "num_iterations": true,
		"max_update": true, "total_iters": true, "n_iters": true, "steps": true, "total_timesteps": true, "timesteps": true, "solver.max_iter": true, "trainer.max_steps": true}
	argEpochs = map[string]bool{"epochs": true, "num_epochs": true, "max_epochs": true, "num_train_epochs": true, "n_epochs": true, "max_epoch": true,
		"total_epochs": true, "train_epochs": true, "nepochs": true, "max_train_epochs": true, "trainer.max_epochs": true}
)

// ArgTotals reads the length of a run from its command line: --max_iters=600,
// --epochs 10, max_steps=5000 (Hydra). What stands nowhere is 0. A hint only: a
// counter's own total goes first.
func ArgTotals(argv []string) (steps int64, epochs int) {
	for i, a := range argv {
		name, value, has := strings.Cut(a, "=")
		dashed := strings.HasPrefix(name, "-")
		if !has {
			if !dashed || i+1 == len(argv) {
				continue
			}
			value = argv[i+1]
		}
		name = strings.ReplaceAll(lower(strings.TrimLeft(name, "-+")), "-", "_")
		n := count(strings.ReplaceAll(value, "_", ""))
		if n < 1 || n > 1e12 || strings.Trim(value, "0123456789_,") != "" {
			continue
		}
		switch {
		case argSteps[name]:
			steps = n
		case argEpochs[name]:
			epochs = int(min(n, 1<<30))
		}
	}
	return steps, epochs
}
