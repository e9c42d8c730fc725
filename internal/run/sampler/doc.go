// Package sampler tells where an unchanged Python process spends its time. A
// part of it is Python (the directory py, embedded here): Prepare writes it into
// the run's directory, Env puts it into the environment of the run's command, and
// every Python that the command starts then looks at its own main thread, times
// the batches of the loaders that it knows, and writes what it saw to
// RUN/probe/PID.json. Read reads that. docs/runner.md says what is put in, what
// it costs and how to switch it off; docs/formats/run.md describes the files.
//
// The reports come from processes that run whatever the user runs: Read trusts
// no byte of them.
package sampler
