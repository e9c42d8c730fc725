package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stoker/internal/errs"
	"stoker/internal/run/client"
	"stoker/internal/run/compare"
	"stoker/internal/run/history"
	"stoker/internal/run/listing"
	"stoker/internal/run/prices"
	"stoker/internal/run/rundir"
	"stoker/internal/run/savedlog"
	"stoker/internal/settings"
)

// compareFlags are the options of `stoker compare` as typed.
type compareFlags struct {
	logs, prices []string
	to, picture  string
	anyway, json bool
}

func compareCommand() *cobra.Command {
	var f compareFlags
	cmd := &cobra.Command{
		Use:   "compare RUN RUN...",
		Short: "Set runs of the same job side by side: speed, price, energy, and whether it is the same job",
		Long: `Compares runs of the history: ids, names, "last", runs imported from other machines
(stoker runs import), and runs known from a saved log (stoker runs add, or --log).
The first one is what the others are compared with.

What differs between the jobs stands out: !! makes it another job, and no speed-up
is claimed then, ! may explain a difference, ? is not known of all. A difference
counts only beyond the noise between runs of the same work: that of earlier runs
where there are three or more, else 3 and 8 %.`,
		Example: `  stoker compare baseline last
  stoker compare baseline last --to val_acc=0.85 --svg comparison.svg
  stoker compare workstation colab --price workstation=3100+600W --price colab=0
  stoker compare --log keras_gpu.log --log keras_cpu.log`,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), cmd.OutOrStdout(), args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.anyway, "anyway", false, "say how much faster also where the job differs")
	flags.BoolVar(&f.json, "json", false, "print the report as JSON")
	flags.StringArrayVar(&f.logs, "log", nil, "a saved log as a further run")
	flags.StringArrayVar(&f.prices, "price", nil, "RUN=PRICE (A is the first RUN): 0.35/h, a name of the price list (g5.xlarge), or bought hardware (3100+600W)")
	flags.StringVar(&f.picture, "svg", "", "also draw the bars into this file; .png makes a PNG")
	flags.StringVar(&f.to, "to", "", "time until a metric is reached, such as val_acc=0.85 or val_loss<0.3")
	return cmd
}

func (f compareFlags) run(ctx context.Context, out io.Writer, refs []string) error {
	s, err := settings.Load()
	if err != nil {
		return err
	}
	o := compare.Options{Anyway: f.anyway, Currency: s.Currency}
	if f.to != "" {
		goal, err := compare.ParseGoal(f.to)
		if err != nil {
			return err
		}
		o.Goal = &goal
	}
	in, err := f.inputs(ctx, refs, s)
	if err != nil {
		return err
	}
	report, err := compare.Compare(in, o)
	if err != nil {
		return err
	}
	if f.picture != "" {
		if err := report.Draw(f.picture); err != nil {
			return err
		}
	}
	if f.json {
		return printJSON(out, report)
	}
	cols, _ := client.Size(os.Stdout)
	report.Write(out, cols, cols > 0 && os.Getenv("NO_COLOR") == "")
	return nil
}

// spreadRuns is how many earlier runs tell the noise.
const spreadRuns = 30

// inputs gathers the runs, their prices and what came before them.
func (f compareFlags) inputs(ctx context.Context, refs []string, s settings.Settings) (in []compare.Input, err error) {
	list, err := prices.Load(s.Prices)
	if err != nil {
		return nil, err
	}
	if len(refs) > 0 {
		err = withHistory(ctx, func(db *history.DB) error {
			for _, ref := range refs {
				r, err := findRow(ctx, db, ref)
				if err != nil {
					return err
				}
				earlier, err := db.OfCommand(ctx, r.CommandKey, r.MachineKey, spreadRuns)
				if err != nil {
					return err
				}
				in = append(in, compare.Input{Run: r, Earlier: earlier})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for _, path := range f.logs {
		r, err := readLog(path, savedlog.Options{Name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))})
		if err != nil {
			return nil, err
		}
		in, refs = append(in, compare.Input{Run: r}), append(refs, path)
	}
	for i := range in {
		in[i].Price = list.Of(in[i].Run.Machine, s)
		if in[i].Run.Machine == machineHere() && s.MachineHour >= 0 {
			in[i].Price = prices.Told(s.MachineHour)
		}
	}
	return in, f.setPrices(in, refs, list, s)
}

// setPrices applies --price to the run that it names.
func (f compareFlags) setPrices(in []compare.Input, refs []string, list prices.List, s settings.Settings) error {
	for _, text := range f.prices {
		i := strings.LastIndexByte(text, '=')
		if i <= 0 {
			return errs.New(errs.Invalid, "--price is %q", text).WithHint("write RUN=PRICE, such as %s=0.35/h", refs[0])
		}
		name := text[:i]
		n := slices.IndexFunc(in, func(one compare.Input) bool { return name == one.Run.Name || name == one.Run.ID })
		if n < 0 {
			n = slices.Index(refs, name)
		}
		if n < 0 && len(name) == 1 { // A is the first run, B the second
			if n = int(name[0]) - 'A'; n >= len(in) {
				n = -1
			}
		}
		if n < 0 {
			return errs.New(errs.Invalid, "--price names %q, which is none of the runs", name).WithHint("the runs are %s", strings.Join(refs, ", "))
		}
		p, err := list.Parse(text[i+1:], s)
		if err != nil {
			return err
		}
		in[n].Price = p
	}
	return nil
}

// findRow finds a run in the history. One that still goes on is completed with
// what is known of it now.
func findRow(ctx context.Context, db *history.DB, ref string) (history.Run, error) {
	r, err := db.Find(ctx, ref)
	if err != nil || !r.Ended.IsZero() || r.Imported {
		return r, err
	}
	state, err := rundir.OpenState()
	if err != nil {
		return r, nil //nolint:nilerr // what the history knows is enough
	}
	if row, ok := listing.One(state, state.Run(r.ID)); ok {
		completeLive(&r, row)
	}
	return r, nil
}

func completeLive(r *history.Run, row listing.Row) {
	r.Percent, r.DataWait = row.Percent, row.DataWait
	p := row.Progress
	if p == nil {
		return
	}
	if p.RemainingMid >= 0 && !p.EpochOnly {
		r.Total = p.Elapsed + p.RemainingMid
	}
	if r.Timing == nil && p.Rate > 0 && (p.Unit == "" || p.Unit == "it" || p.Unit == "step") {
		r.Timing = &history.Timing{Source: "log", StepMean: 1 / p.Rate, StepMedian: 1 / p.Rate, DataWait: row.DataWait}
	}
}
