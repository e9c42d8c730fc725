package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stoker/internal/calibrate"
	"stoker/internal/errs"
	"stoker/internal/progress"
	"stoker/internal/run/estimate"
	"stoker/internal/run/forecast"
	"stoker/internal/run/history"
	"stoker/internal/run/launch"
	"stoker/internal/run/notebook"
	"stoker/internal/run/procs"
	runprogress "stoker/internal/run/progress"
	"stoker/internal/run/rundir"
	"stoker/internal/run/sampler"
	"stoker/internal/run/trial"
)

// estimateFlags are the options of `stoker estimate`.
type estimateFlags struct {
	on                         []string
	steps, total               int64
	epochs                     int
	pattern                    string
	limit, grace               time.Duration
	json, quiet, record, exact bool
}

func estimateCommand() *cobra.Command {
	var f estimateFlags
	cmd := &cobra.Command{
		Use:   "estimate [flags] -- command [arguments]",
		Short: "Run some real steps, stop, and say how long the whole run would take",
		Long: `Estimate starts the command as ` + "`stoker run`" + ` would, follows it for some training steps (the
first ` + fmt.Sprint(trial.Warmup) + ` are warm-up and not counted), interrupts it, and forecasts the whole run: here,
as an interval, and with --on on other machines. The script really runs for these steps,
where it is and as it is: what it writes (checkpoints, logs, uploads) it writes.

--on names a machine by its host name as ` + "`stoker runs import`" + ` brought it, or a file that
` + "`stoker calibrate --json`" + ` or ` + "`stoker runs export`" + ` wrote there. It needs a calibration of this
machine, too. Computing and feeding are each scaled by what the two calibrations say of
them; the answer is a range, since a network may depend on one or the other.

Forecasts are kept, and compared with the truth when the same command ran to its end.`,
		Example: `  stoker estimate -- python train.py --epochs 90
  stoker estimate --steps 100 --full-epochs 90 -- python train.py
  ssh gpu1 stoker runs export | stoker runs import - && stoker estimate --on gpu1 -- python train.py
  stoker estimate --record        # how forecasts held so far`,
		Args: func(_ *cobra.Command, argv []string) error {
			if len(argv) == 0 && !f.record {
				return errs.New(errs.Invalid, "no command given").WithHint("for example: stoker estimate -- python train.py")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, argv []string) error {
			if f.record && len(argv) == 0 {
				return printForecasts(cmd.Context(), cmd.OutOrStdout(), f.json)
			}
			return runEstimate(cmd.Context(), cmd.OutOrStdout(), f, argv)
		},
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	flags.BoolVar(&f.exact, "exact", false, "ask tqdm for exact counts through its environment (TQDM_BAR_FORMAT)")
	flags.IntVar(&f.epochs, "full-epochs", 0, "epochs of the whole run, where the output does not say")
	flags.DurationVar(&f.grace, "grace", 20*time.Second, "time that the command gets to end after the interrupt")
	flags.BoolVar(&f.json, "json", false, "print the forecast as JSON")
	flags.DurationVar(&f.limit, "limit", 15*time.Minute, "give up after so long, start included")
	flags.StringArrayVar(&f.on, "on", nil, "forecast for this `MACHINE` (or file of its calibration), too; may be given more than once")
	flags.StringVar(&f.pattern, "pattern", "", "regular expression of a progress line, with groups step, steps, epoch, epochs, percent")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no bar")
	flags.BoolVar(&f.record, "record", false, "list the forecasts so far and how they held, and run nothing")
	flags.Int64Var(&f.steps, "steps", 30, "training steps to follow")
	flags.Int64Var(&f.total, "total", 0, "number of steps of the whole run, where the output does not say")
	return cmd
}

// estimated is the answer, as --json prints it.
type estimated struct {
	Run       string            `json:"run"` // id of the trial
	Steps     int64             `json:"steps_followed"`
	Seconds   float64           `json:"seconds"` // the trial took
	DataWait  float64           `json:"data_wait"`
	Here      forecast.Forecast `json:"here"`
	Elsewhere []elsewhere       `json:"elsewhere,omitempty"`
	Track     forecast.Track    `json:"track"`
	Finished  bool              `json:"finished,omitempty"` // the run ended in the trial: Here is the truth
	seen      forecast.Seen
}

// elsewhere is the forecast for another machine.
type elsewhere struct {
	Machine string `json:"machine"`
	forecast.Forecast
	Ratios forecast.Ratios `json:"ratios"`
	key    string
}

func runEstimate(ctx context.Context, out io.Writer, f estimateFlags, argv []string) error {
	if err := (runprogress.Options{Total: f.total, Pattern: f.pattern}).Validate(); err != nil {
		return err
	}
	if f.steps < 1 || f.epochs < 0 || f.limit <= 0 || f.grace <= 0 {
		return errs.New(errs.Invalid, "--steps, --limit and --grace must be more than 0, --full-epochs not less")
	}
	state, err := rundir.OpenState()
	if err != nil {
		return err
	}
	here, others, err := machines(ctx, state, f.on)
	if err != nil {
		return err
	}
	t, err := try(ctx, state, f, argv)
	if err != nil {
		return err
	}
	a, err := answer(t, f.epochs, here, others)
	if err != nil {
		return err
	}
	if err := keep(ctx, state, t, a); err != nil {
		fmt.Fprintf(os.Stderr, "stoker: the forecast is not kept: %v\n", err)
	}
	if f.json {
		return printJSON(out, a)
	}
	return printEstimate(out, a)
}

// try runs the trial, with a bar.
func try(ctx context.Context, state rundir.State, f estimateFlags, argv []string) (trial.Result, error) {
	var err error
	if notebook.Is(argv) {
		if argv, err = notebook.Command(state.Root, argv[0]); err != nil {
			return trial.Result{}, err
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return trial.Result{}, errs.New(errs.NotFound, "working directory: %w", err)
	}
	spec := rundir.Spec{Name: "estimate", Argv: argv, Dir: dir, Created: time.Now(), Host: procs.Host(), BootID: procs.BootID(), Stoker: version,
		PTY: true, Total: f.total, Pattern: f.pattern, Exact: f.exact}
	meter := progress.Start(progress.Detect(os.Stderr, f.quiet || f.json, os.Getenv))
	defer meter.Stop()
	meter.Phase("starting the command", "", 0, 0)
	var shown, of int64
	r, err := trial.Run(ctx, trial.Options{State: state, Spec: spec, Steps: f.steps, Limit: f.limit, Grace: f.grace,
		Prefix: launch.CheckLogout(ctx).Prefix,
		Progress: func(done, want int64, _ estimate.Status) {
			if done > 0 && want != of {
				meter.Phase("trying", "steps", want, 0)
				of, shown = want, 0
			}
			meter.Add(min(done, of)-shown, 0)
			shown = min(done, of)
		}})
	meter.Stop()
	if err != nil {
		return r, err
	}
	if e := r.End; e != nil && e.Code != 0 {
		for _, line := range e.Last {
			fmt.Fprintln(os.Stderr, line)
		}
		return r, errs.New(errs.Invalid, "the command failed before %d steps were seen: %s", f.steps, cmp.Or(e.Text, fmt.Sprintf("exit status %d", e.Code))).
			WithHint("all of its output: stoker logs %s", r.ID)
	}
	return r, nil
}

// answer makes the forecasts of what the trial saw.
func answer(t trial.Result, epochs int, here *forecast.Machine, others []forecast.Machine) (*estimated, error) {
	a := &estimated{Run: t.ID, Steps: t.Steps, Seconds: t.Seconds, seen: seenOf(t)}
	a.DataWait = a.seen.Wait
	if t.End != nil { // it was short
		s := t.End.Time.Sub(t.Spec.Created).Seconds()
		a.Here, a.Finished = forecast.Forecast{Low: s, Mid: s, High: s, Steps: t.Status.GlobalStep}, true
	} else {
		var err error
		if a.Here, err = forecast.Here(a.seen, epochs); err != nil {
			return nil, err
		}
	}
	for _, m := range others {
		e, ratios, err := forecast.Elsewhere(a.Here, a.seen, *here, m)
		if err != nil {
			return nil, err
		}
		a.Elsewhere = append(a.Elsewhere, elsewhere{Machine: m.Name, Forecast: e, Ratios: ratios, key: m.Key})
	}
	return a, nil
}

// seenOf takes the wait for data from the best source that there is: timed steps,
// looks at the stack, the log's own figures.
func seenOf(t trial.Result) forecast.Seen {
	s := forecast.Seen{Status: t.Status, Steps: t.Steps, Wait: t.Status.DataWait}
	for _, r := range sampler.Main(t.Reports) {
		share, ok := r.Steps.DataShare()
		if !ok {
			share, ok = r.Stacks.DataShare()
		}
		if ok {
			s.Wait, s.WaitHalf = share.Mid, (share.High-share.Low)/2
		}
		s.BatchSize = r.Steps.BatchSize
	}
	return s
}

// keep stores the forecasts, scores older ones, and fills a.Track.
func keep(ctx context.Context, state rundir.State, t trial.Result, a *estimated) error {
	db, err := history.Open(ctx, state.History())
	if err != nil {
		return err
	}
	defer db.Close()
	_, key := procs.Machine()
	basis, err := json.Marshal(map[string]any{"run": t.ID, "steps": t.Steps, "data_wait": a.DataWait, "step": a.Here.Step})
	if err != nil {
		return errs.New(errs.Internal, "encode: %w", err)
	}
	put := func(f forecast.Forecast, key string) error {
		made := time.Now()
		return db.PutForecast(ctx, history.Forecast{ID: fmt.Sprintf("%s/%s/%s/%s", t.Spec.Host, t.ID, made.UTC().Format(time.RFC3339Nano), key),
			CommandKey: history.CommandKey(t.Spec.Dir, t.Spec.Argv), Made: made, MachineKey: key, Low: f.Low, Mid: f.Mid, High: f.High, Truth: -1, Basis: basis})
	}
	if !a.Finished {
		if err := put(a.Here, key); err != nil {
			return err
		}
	}
	for _, e := range a.Elsewhere {
		if err := put(e.Forecast, e.key); err != nil {
			return err
		}
	}
	all, err := settleForecasts(ctx, db)
	a.Track = forecast.TrackOf(all)
	return err
}

func printEstimate(out io.Writer, a *estimated) error {
	var b strings.Builder
	h := &a.Here
	if a.Finished {
		fmt.Fprintf(&b, "The whole run took %s: it was over before the trial was.\n", forecast.Duration(h.Mid))
	} else {
		fmt.Fprintf(&b, "The whole run should take %s here, %s to %s", forecast.Duration(h.Mid), forecast.Duration(h.Low), forecast.Duration(h.High))
		if h.Steps > 0 && h.Step > 0 {
			fmt.Fprintf(&b, ": %s steps of %s", progress.Count(h.Steps), calibrate.Amount(h.Step, "s"))
		}
		b.WriteString(".\n")
		fmt.Fprintf(&b, "  seen: %d steps after %d of warm-up, in %s", a.Steps, trial.Warmup, forecast.Duration(a.Seconds))
		if a.DataWait >= 0 {
			fmt.Fprintf(&b, "; they waited for data %.0f %% of the time", 100*a.DataWait)
		}
		b.WriteString("\n")
		for _, r := range h.Reasons {
			fmt.Fprintf(&b, "  room: %s\n", r)
		}
	}
	for _, e := range a.Elsewhere {
		fmt.Fprintf(&b, "On %s about %s, %s to %s.\n  %s\n", e.Machine, forecast.Duration(e.Mid), forecast.Duration(e.Low), forecast.Duration(e.High), e.Ratios.Sentence(e.Machine))
		for _, r := range e.Reasons {
			fmt.Fprintf(&b, "  room: %s\n", r)
		}
	}
	if s := a.Track.Sentence(); s != "" {
		fmt.Fprintf(&b, "%s.\n", s)
	}
	fmt.Fprintf(&b, "The trial is run %s of the history.\n", a.Run)
	_, err := io.WriteString(out, b.String())
	return err
}
