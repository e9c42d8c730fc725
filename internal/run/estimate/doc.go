// Package estimate forecasts when a run will be over.
//
// An Estimator takes the events that package progress reads from a run's output,
// each with the time at which it came, and splits the run into phases: start
// (imports, compilation, the first step), plain steps, pauses (validation and
// checkpoints, told by lines or seen from the clock) and the end. Every phase has
// its own speed. The rates that programs print are never used. The remaining time
// is steps left times the speed of the current regime, plus the pauses still to
// come, plus the end; an interval comes from drawn futures of all three.
// A change of speed drops what was measured before it and is said in the notes.
// Records of earlier runs of the same command give what a run cannot know yet:
// the cost of the first validation, how much faster warm caches are, where the
// run slows down.
//
// Sources of the method: progress indicators with separate speeds per phase (Dong
// and Luo, IEEE Access 2020 and 2024), ninja's forecasts from earlier builds, and
// the block bootstrap (Künsch 1989).
//
//	est := estimate.New(estimate.Options{Start: time.Now()}, history)
//	for _, ev := range parser.Feed(now, bytes) {
//		est.Observe(ev)
//	}
//	line := bar.Render(est.Status(now), 100, true)
//	record := est.Record(end, true) // keep it for the next run
package estimate
