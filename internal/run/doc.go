// Package run is the runner: `stoker run -- python train.py` on a script that
// nobody changed. This directory only documents how its packages fit; each
// lives in a subdirectory and imports downwards:
//
//	6 e2e         tests with real processes and terminals
//	5 client      a terminal or pipe attached to a run: output, input, the bar, logs
//	  listing     what `stoker ps` shows         process  the bodies of the runner's own processes
//	  trial       a real run, ended after some steps
//	  prune       removes old runs' directories  evidence  what `stoker why` judges, from files and processes
//	4 supervisor  one process per run: parses, estimates, restarts, tells people
//	  follow      `stoker watch`: the same for a process of someone else, read-only
//	  compare     runs of the same job side by side
//	  payback     what the cures of a run are worth, and what they really gained
//	  past        what one's own runs teach: noise, how often, what cures gained
//	  forecast    the whole run from some of its steps, here and on other machines
//	  savedlog    a record from a log that is all there is      prices   what an hour costs
//	3 hold        one tiny process per run: owns the terminal, the child, the raw log
//	2 history     SQLite record of all runs      notify   messages to people
//	  estimate    remaining time as an interval  bar      one line of text
//	  progress    terminal bytes -> events       ckpt     checkpoint files, "if it dies now"
//	  cause       why a run ended                recipe   the frameworks' own resume flags
//	  doing       what a run that stands still is at
//	  notebook    a notebook as a command        launch   starts supervisor and holder; systemd
//	  account     what the kernel counts         why      evidence -> diagnosis and cures, pure
//	  sampler     put into the command's Python processes; its reports, the delay test
//	1 rundir      directories, ids, specification, last known status
//	  journal     append-only events, a checksum each
//	  seglog      capped log of bytes            stream   output with offsets, for readers at any pace
//	  screen      clean lines from terminal bytes
//	  link        frames over Unix sockets       procs    /proc, boot id, machine
//	  rx          regular expressions, compiled at their first use
//	  student     quantiles of Student's t       dataprint  whether two runs read the same data
//
// # Processes
//
//	terminal -- client ==socket== supervisor ==socket== holder ==PTY== child
//
// The client may vanish at any time. The supervisor does everything that can
// fail: parsing, SQLite, network. The holder does nothing that can: it drains
// the PTY into the raw log, waits for the child and writes its end to the
// journal. A supervisor that is killed -9 therefore costs the run nothing; the
// holder starts another one, which catches up from the raw log. All three live
// in sessions of their own, so no terminal's SIGHUP reaches them, and the child
// has a controlling terminal that never goes away.
//
// # Contract between parsing and supervising
//
//	p := progress.NewParser(opts)
//	events := p.Feed(now time.Time, raw []byte) []progress.Event
//	e := estimate.New(opts, history)
//	e.Observe(event)
//	s := e.Status(now) // estimate.Status: Phase, Epoch, Epochs, Step, Steps, Percent, Rate, Elapsed,
//	                   // RemainingLow, RemainingMid, RemainingHigh, Arrival, Coverage, Loss,
//	                   // LastMetricName, Source, Guess, Notes; serialises to JSON
//	line := bar.Render(s, width, color)
//
// Line splitting and terminal control inside the child's output are the
// parser's business: it is fed raw bytes exactly as they came from the PTY, cut
// anywhere. Neither parser nor estimator starts goroutines or reads the clock.
package run
