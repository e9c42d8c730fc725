package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"stoker/internal/calibrate"
	"stoker/internal/engine"
	"stoker/internal/errs"
	"stoker/internal/progress"
	"stoker/internal/run/history"
)

// calibrateFlags are the options of `stoker calibrate`.
type calibrateFlags struct {
	python, framework    string
	json, quiet, noStore bool
}

func calibrateCommand() *cobra.Command {
	var f calibrateFlags
	cmd := &cobra.Command{
		Use:   "calibrate [DATASET or FOLDER]",
		Short: "Measure what this machine can do for training, in under a minute",
		Long: `Measure cores, memory, the disk below the data, decoding, the hand-off to a trainer, the
network stack, and matrix products and copies of the framework that is installed (torch,
jax or tensorflow of the active Python; on its GPU where it has one). With a dataset or a
folder of pictures the disk and the decoder are measured with samples of it, and what
` + "`stoker bench`" + ` should give is predicted; a folder's samples are packed to a temporary folder.

Each figure is the median of three or more short blocks, with half of their range; blocks
that other programs or the hypervisor disturbed are measured again. Cold reading drops the
sampled bytes, and no others, from the page cache. The machine is busy meanwhile: a
training that runs beside it is slowed down, and disturbs the figures.

The result is kept in the history and goes along with ` + "`stoker runs export`" + `: on another
machine it tells ` + "`stoker estimate --on`" + ` how long a run would take here.`,
		Example: `  stoker calibrate photos.stk
  stoker calibrate ~/imagenet/train --python .venv/bin/python --framework tensorflow
  stoker calibrate --json > machine.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errs.New(errs.Invalid, "%d datasets given, want one or none", len(args)).WithHint("for example: stoker calibrate photos.stk")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCalibrate(cmd.Context(), cmd.OutOrStdout(), append(args, "")[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.framework, "framework", "", "measure computing with this one: "+strings.Join(calibrate.Frameworks, ", ")+" (default: the first that is installed)")
	flags.BoolVar(&f.json, "json", false, "print the figures as JSON")
	flags.BoolVar(&f.noStore, "no-store", false, "do not keep the result in the history")
	flags.StringVar(&f.python, "python", "", "interpreter whose framework is measured (default: the active environment's)")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no bar")
	return cmd
}

func runCalibrate(ctx context.Context, out io.Writer, data string, f calibrateFlags) error {
	self, err := os.Executable()
	if err != nil {
		return errs.New(errs.Internal, "cannot find this program: %w", err)
	}
	budget := engine.NewBudget(0, 0)
	runtime.GOMAXPROCS(budget.Cores() + spareThreads)
	limitHeap(budget)
	meter := progress.Start(progress.Detect(os.Stderr, f.quiet || f.json, os.Getenv))
	report, err := calibrate.Run(ctx, calibrate.Options{Data: data, Python: f.python, Framework: f.framework, Engine: []string{self, "serve"}, Meter: meter})
	meter.Stop()
	if err != nil {
		return err
	}
	report.Stoker = version
	if !f.noStore {
		if err := storeCalibration(ctx, report); err != nil {
			fmt.Fprintf(os.Stderr, "stoker: the result is not kept: %v\n", err)
		}
	}
	if f.json {
		return printJSON(out, report)
	}
	return report.Print(out)
}

func storeCalibration(ctx context.Context, r *calibrate.Report) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return errs.New(errs.Internal, "encode: %w", err)
	}
	return withHistory(ctx, func(db *history.DB) error {
		return db.PutCalibration(ctx, history.Calibration{Host: r.Host, MachineKey: r.MachineKey, At: r.At, Report: raw})
	})
}
