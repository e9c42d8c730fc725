// Package process is what the runner's own processes do: the bodies of the
// hidden commands that package launch starts.
package process

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"stoker/internal/run/hold"
	"stoker/internal/run/launch"
	"stoker/internal/run/procs"
	"stoker/internal/run/prune"
	"stoker/internal/run/rundir"
	"stoker/internal/run/supervisor"
)

// small keeps a process of a run small, since it stands for days beside a
// training that wants the memory and the processors, and deaf to terminals. The
// signals are caught, not ignored: what is ignored stays so in the child.
func small() {
	runtime.GOMAXPROCS(1) // there is little to do, and threads that spin cost the training
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(64 << 20)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPIPE,
		syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
	// What starting took is not needed again for days.
	time.AfterFunc(3*time.Second, func() {
		debug.FreeOSMemory()
		procs.DropProgramPages()
	})
}

// Supervise supervises the run in d until its end; revived says that an earlier
// supervisor of it died.
func Supervise(d rundir.Dir, revived bool) error {
	small()
	err := report(d, func(spec rundir.Spec) error {
		return supervisor.Run(context.Background(), supervisor.Options{
			State: d.State(), Dir: d, Spec: spec, Revived: revived,
			StartHolder: func() error { return launch.Holder(d) },
		}, func() { launch.Ready(nil) })
	})
	if err == nil {
		err = tidy(d.State())
	}
	return err
}

// tidy removes old runs, now that nobody waits for this one.
func tidy(state rundir.State) error {
	limits, wrong := prune.FromEnv(os.Getenv)
	_, err := prune.Prune(state, time.Now(), limits)
	return errors.Join(wrong, err)
}

// Hold holds the run in d until its end.
func Hold(d rundir.Dir) error {
	small()
	return report(d, func(spec rundir.Spec) error {
		return hold.Run(context.Background(), hold.Options{
			Dir: d, Spec: spec, Patience: 10 * time.Second, Tries: 5,
			Revive: func() error { return launch.Supervisor(d, true, nil) },
		}, func() { launch.Ready(nil) })
	})
}

// report runs body with the run's specification and tells a failure to the
// process that started this one.
func report(d rundir.Dir, body func(rundir.Spec) error) error {
	spec, err := d.LoadSpec()
	if err == nil {
		err = body(spec)
	}
	if err != nil {
		launch.Ready(err)
	}
	return err
}
