package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stoker/internal/errs"
	"stoker/internal/run/compare"
	"stoker/internal/run/history"
	"stoker/internal/run/past"
	"stoker/internal/run/payback"
	"stoker/internal/run/procs"
	"stoker/internal/run/why"
	"stoker/internal/worth"
)

// doneFlags are the options of `stoker worth done`.
type doneFlags struct {
	cure             string
	hours, predicted float64
	anyway, json     bool
}

func worthDoneCommand() *cobra.Command {
	var f doneFlags
	cmd := &cobra.Command{
		Use:   "done [BEFORE] AFTER --cure NAME",
		Short: "Measure what a cure really gained, and put it on the books",
		Long: `Compares AFTER, and the runs of its command since (all since BEFORE where the command
itself changed), with BEFORE and the runs of its command until then on the same
machine. What was gained beyond the noise counts as
worked; the record gives the chances of the next cure, and how much of a forecast
comes true. Without BEFORE it is the runs of AFTER's own command before it.
Booking the same cure and run again replaces it.`,
		Example: `  stoker worth done baseline last --cure workers --hours 0.5
  stoker worth done last --cure pack --hours 1.5`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), cmd.OutOrStdout(), args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.cure, "cure", "", "what was done: a cure's name of stoker why, or your own word")
	flags.Float64Var(&f.hours, "hours", -1, "your work, in hours")
	flags.Float64Var(&f.predicted, "predicted", 0, "share that it was to gain, 0 to 1; otherwise the diagnosis of the run before tells")
	flags.BoolVar(&f.anyway, "anyway", false, "book it although data, batch size or steps differ")
	flags.BoolVar(&f.json, "json", false, "print what was booked as JSON")
	return cmd
}

func (f doneFlags) run(ctx context.Context, out io.Writer, refs []string) error {
	if f.cure == "" {
		return errs.New(errs.Invalid, "--cure is missing").WithHint("say what was done, such as --cure workers")
	}
	if f.predicted < 0 || f.predicted > 1 {
		return errs.New(errs.Invalid, "--predicted is %v, must be between 0 and 1", f.predicted)
	}
	return withHistory(ctx, func(db *history.DB) error {
		b := payback.Booking{Cure: f.cure, Hours: f.hours, Host: procs.Host(), Now: time.Now()}
		if err := f.gather(ctx, db, refs, &b); err != nil {
			return err
		}
		b.Predicted = f.forecast(b.Before)
		cure, said, err := payback.Book(b)
		if err != nil {
			return err
		}
		if err := db.PutCure(ctx, cure); err != nil {
			return err
		}
		if f.json {
			return json.NewEncoder(out).Encode(cure)
		}
		fmt.Fprintln(out, said)
		cures, err := db.Cures(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, recordWords(cures))
		return nil
	})
}

// gather finds the runs on either side.
func (f doneFlags) gather(ctx context.Context, db *history.DB, refs []string, b *payback.Booking) error {
	after, err := db.Find(ctx, refs[len(refs)-1])
	if err != nil {
		return err
	}
	before := after
	if len(refs) == 2 {
		if before, err = db.Find(ctx, refs[0]); err != nil {
			return err
		}
	}
	old, err := db.OfCommand(ctx, before.CommandKey, before.MachineKey, siblings)
	if err != nil {
		return err
	}
	fresh, err := db.OfCommand(ctx, after.CommandKey, after.MachineKey, siblings)
	if err != nil {
		return err
	}
	limit, since := before.Started, after.Started
	switch {
	case len(refs) == 1:
		limit = after.Started.Add(-1)
	case before.CommandKey != after.CommandKey: // the cure is in the command: all its runs have it
		since = before.Started
	}
	measure := past.Best(after)
	b.Before = alike(old, measure, func(r history.Run) bool { return !r.Started.After(limit) })
	b.After = alike(fresh, measure, func(r history.Run) bool { return !r.Started.Before(since) })
	slices.Reverse(b.After) // the run that was named first
	if len(b.Before) == 0 || len(b.After) == 0 {
		return errs.New(errs.NotFound, "no run before, or none after, of which the same was measured").
			WithHint("stoker compare %s shows what is known of them", strings.Join(refs, " "))
	}
	if before.MachineKey != after.MachineKey && !f.anyway {
		return errs.New(errs.Mismatch, "the runs were on different machines").WithHint("stoker compare sets machines side by side; --anyway books it")
	}
	if other := compare.OtherWork(b.Before[0], b.After[0]); len(other) > 0 && !f.anyway {
		return errs.New(errs.Mismatch, "the work differs: %s", strings.Join(other, ", ")).WithHint("--anyway books it all the same")
	}
	return nil
}

// mostRuns is how many runs count on each side: older ones tell of other times.
const mostRuns = 10

// alike are the newest runs that fit and were measured.
func alike(runs []history.Run, m past.Measure, fits func(history.Run) bool) (out []history.Run) {
	for _, r := range runs {
		if _, ok := past.Seconds(r, m); ok && fits(r) && len(out) < mostRuns {
			out = append(out, r)
		}
	}
	return out
}

// forecast is what the cure was to gain: as told, else by a diagnosis before it.
func (f doneFlags) forecast(before []history.Run) *history.Gain {
	if f.predicted > 0 {
		return &history.Gain{Low: f.predicted, Mid: f.predicted, High: f.predicted}
	}
	for _, r := range before {
		var d why.Diagnosis
		if len(r.Diagnosis) == 0 || json.Unmarshal(r.Diagnosis, &d) != nil {
			continue
		}
		for _, c := range d.Cures {
			if c.ID == f.cure {
				return &history.Gain{Low: c.GainLow, Mid: c.Gain, High: c.GainHigh}
			}
		}
	}
	return nil
}

func recordWords(cures []history.Cure) string {
	r := past.RecordOf(cures, "")
	text := fmt.Sprintf("On the books: %d of %d cures worked", r.Works, r.Works+r.Failed)
	if r.Rated > 0 {
		text += fmt.Sprintf("; of what was forecast, %.0f %% came true (median of %d)", 100*r.Ratio, r.Rated)
	}
	return text + "."
}

func worthCuresCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "cures",
		Short: "List the cures on the books, and runs that became faster without one",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withHistory(cmd.Context(), func(db *history.DB) error {
				cures, err := db.Cures(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					if cures == nil {
						cures = []history.Cure{}
					}
					return json.NewEncoder(cmd.OutOrStdout()).Encode(cures)
				}
				return printCures(cmd.Context(), cmd.OutOrStdout(), db, cures)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	return cmd
}

func printCures(ctx context.Context, out io.Writer, db *history.DB, cures []history.Cure) error {
	if len(cures) == 0 {
		fmt.Fprintln(out, "No cure is on the books; stoker worth done BEFORE AFTER --cure NAME measures one.")
	} else {
		fmt.Fprintln(out, recordWords(cures))
	}
	for _, c := range cures {
		fmt.Fprintln(out, cureLine(c))
	}
	recent, err := db.Recent(ctx, siblings)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, r := range recent {
		if seen[r.CommandKey] || r.Imported {
			continue
		}
		seen[r.CommandKey] = true
		runs, err := db.OfCommand(ctx, r.CommandKey, r.MachineKey, mostRuns)
		if err != nil {
			return err
		}
		if before, after, g, found := past.Faster(runs, cures); found && g.Mid > 0 {
			fmt.Fprintf(out, "Run %s takes %.0f %% less time than %d before it. If you did something for it: stoker worth done %s --cure NAME --hours H\n",
				after.ID, 100*g.Mid, len(before), after.ID)
		}
	}
	return nil
}

func cureLine(c history.Cure) string {
	line := fmt.Sprintf("%s  %-24s", c.At.Format("2006-01-02"), c.Cure)
	if c.Measured != nil {
		line += fmt.Sprintf("  %5.1f %% less time", 100*c.Measured.Mid)
	}
	if c.Predicted != nil {
		line += fmt.Sprintf("  forecast %5.1f %%", 100*c.Predicted.Mid)
	}
	if c.Hours >= 0 {
		line += "  " + worth.Duration(c.Hours) + " of work"
	}
	if c.Worked {
		return line + "  worked"
	}
	return line + "  did not work"
}
