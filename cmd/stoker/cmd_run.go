package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"stoker/internal/errs"
	"stoker/internal/run/client"
	"stoker/internal/run/launch"
	"stoker/internal/run/notebook"
	"stoker/internal/run/process"
	"stoker/internal/run/procs"
	"stoker/internal/run/progress"
	"stoker/internal/run/rundir"
)

type runFlags struct {
	detach, noPTY, noBar, exact, resume, noNotify, noSampler bool
	name, pattern                                            string
	total                                                    int64
	restarts                                                 int
	backoff                                                  time.Duration
}

func runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [flags] -- command [arguments]",
		Short: "Run a training script that survives its terminal, with a bar for the whole run",
		Long: `Run starts a command, unchanged, under a supervisor of its own: closing the
terminal, losing the SSH line or logging out ends only the view. Exit status,
signals and input pass through as if nothing stood between. Ctrl-C reaches the
command; Ctrl-Z leaves it running in the background.

A notebook is executed cell by cell (nbclient) without a browser; its outputs go
to NAME.executed.ipynb as they come.

A bar below the output shows the whole run: phase, step, time left as an
interval, time of arrival, and what a crash now would cost.`,
		Example: `  stoker run -- python train.py --epochs 90
  stoker run --detach --name resnet -- torchrun --nproc-per-node 4 train.py
  stoker run train.ipynb
  stoker run --restarts 3 -- python train.py --resume auto
  stoker run --pattern 'iter (?P<step>\d+) of (?P<steps>\d+)' -- ./train`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, argv []string) error { return startRun(cmd.Context(), f, argv) },
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().BoolVarP(&f.detach, "detach", "d", false, "start it and return at once")
	cmd.Flags().BoolVar(&f.exact, "exact", false, "ask tqdm for exact counts through its environment (TQDM_BAR_FORMAT)")
	cmd.Flags().StringVarP(&f.name, "name", "n", "", "name of the run, for the other commands")
	cmd.Flags().BoolVar(&f.noBar, "no-bar", false, "draw no bar and print no progress lines")
	cmd.Flags().BoolVar(&f.noNotify, "no-notify", false, "send no notifications")
	cmd.Flags().BoolVar(&f.noPTY, "no-pty", false, "give the command pipes, not a terminal")
	cmd.Flags().BoolVar(&f.noSampler, "no-sampler", false, "leave Python processes alone: no exact step and wait times (also STOKER_SAMPLER=0)")
	cmd.Flags().StringVar(&f.pattern, "pattern", "", "regular expression of a progress line, with groups step, steps, epoch, epochs, percent")
	cmd.Flags().DurationVar(&f.backoff, "restart-delay", 10*time.Second, "pause before the first restart; doubles with each further one")
	cmd.Flags().IntVar(&f.restarts, "restarts", 0, "restart at most so often, after failures that a restart can cure")
	cmd.Flags().BoolVar(&f.resume, "resume", false, "add the framework's own resume flags at a restart; they are shown first")
	cmd.Flags().Int64Var(&f.total, "total", 0, "number of steps of the whole run, where the output does not say")
	return cmd
}

func startRun(ctx context.Context, f runFlags, argv []string) error {
	if err := (progress.Options{Total: f.total, Pattern: f.pattern}).Validate(); err != nil {
		return err
	}
	if f.resume && f.restarts == 0 {
		return errs.New(errs.Invalid, "--resume needs --restarts: it says how a restart goes on")
	}
	state, err := rundir.OpenState()
	if err != nil {
		return err
	}
	if notebook.Is(argv) {
		if argv, err = notebook.Command(state.Root, argv[0]); err != nil {
			return err
		}
	}
	cols, rows := client.Size(os.Stdout)
	dir, err := os.Getwd()
	if err != nil {
		return errs.New(errs.NotFound, "working directory: %w", err)
	}
	spec := rundir.Spec{
		Name: f.name, Argv: argv, Dir: dir, Created: time.Now(), Host: procs.Host(), BootID: procs.BootID(), Stoker: version,
		PTY: !f.noPTY, Foreground: !f.detach, Piped: !client.Foreground(os.Stdin), Split: !f.detach && !samePlace(os.Stdout, os.Stderr), Cols: cols, Rows: rows, Total: f.total, Pattern: f.pattern,
		Restarts: f.restarts, Backoff: f.backoff, Resume: f.resume, Exact: f.exact, Notify: !f.noNotify,
		Sampler: !f.noSampler && os.Getenv("STOKER_SAMPLER") != "0",
	}
	d, err := state.Create(&spec)
	if err != nil {
		return err
	}
	logout := launch.CheckLogout(ctx)
	for _, note := range []string{state.Note, logout.Warning()} {
		if note != "" {
			fmt.Fprintln(os.Stderr, "stoker: "+note)
		}
	}
	if err := launch.Supervisor(d, false, logout.Prefix); err != nil {
		state.MarkEnded(spec.ID)
		return err
	}
	if f.detach {
		fmt.Println(spec.ID)
		fmt.Fprintf(os.Stderr, "stoker: run %s goes on; see it with: stoker attach %s\n", spec.ID, spec.ID)
		return nil
	}
	return attachTo(d, spec, false, !f.noBar)
}

// samePlace reports whether two outputs go to the same file or terminal.
func samePlace(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX != nil || errY != nil || os.SameFile(x, y)
}

// attachTo is the foreground of a run, new or old.
func attachTo(d rundir.Dir, spec rundir.Spec, attach, showBar bool) error {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGPIPE)
	// Not the command's context: it ends with a signal, which here is passed on.
	result, err := client.Run(context.Background(), client.Options{
		Dir: d, Attach: attach, Bar: showBar && os.Getenv("TERM") != "dumb", Color: os.Getenv("NO_COLOR") == "",
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Signals: signals,
	})
	switch {
	case err != nil:
		return err
	case result.HungUp:
		return exitError(128 + int(syscall.SIGHUP))
	case result.Detached:
		fmt.Fprintf(os.Stderr, "stoker: run %s goes on; see it with: stoker attach %s\n", spec.ID, spec.ID)
		return nil
	case result.End == nil:
		return errs.New(errs.Transient, "lost the run's supervisor; the run goes on").WithHint("stoker attach %s", spec.ID)
	}
	sayEnd(spec, *result.End)
	if attach || result.End.Code == 0 {
		return nil
	}
	dieBy(result.End.Signal)
	return exitError(result.End.Code)
}

// sayEnd explains a failure that the command's own output may not.
func sayEnd(spec rundir.Spec, end rundir.End) {
	switch end.Cause {
	case "done", "user", "usage", "exception", "syntax", "failed":
		return
	}
	fmt.Fprintf(os.Stderr, "stoker: run %s: %s\n", spec.ID, end.Text)
	if end.Advice != "" {
		fmt.Fprintf(os.Stderr, "hint: %s\n", end.Advice)
	}
}

// dieBy ends this process by the signal that ended the command, so that callers
// see what they would have seen. Signals that dump core are left to the exit
// status, 128 + signal.
func dieBy(sig int) {
	switch s := syscall.Signal(sig); s {
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL, syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2:
		signal.Reset(s)
		_ = syscall.Kill(os.Getpid(), s)
		time.Sleep(100 * time.Millisecond) // until it is delivered
	}
}

// runProcesses are the hidden commands of a run's own processes.
func runProcesses() []*cobra.Command {
	revived := false
	sup := &cobra.Command{Use: launch.SupervisorCommand + " DIR", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return process.Supervise(rundir.Dir(args[0]), revived) }}
	sup.Flags().BoolVar(&revived, "revived", false, "an earlier supervisor of this run died")
	holder := &cobra.Command{Use: launch.HolderCommand + " DIR", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return process.Hold(rundir.Dir(args[0])) }}
	return []*cobra.Command{sup, holder}
}
