package main

import (
	"context"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"stoker/internal/bench"
	"stoker/internal/engine"
	"stoker/internal/errs"
	"stoker/internal/plan"
	"stoker/internal/progress"
)

// benchFlags are the options of `stoker bench` that need parsing.
type benchFlags struct {
	transform, onBad, last string
	seconds                float64
	memoryMB               int64
	json, quiet            bool
}

func benchCommand() *cobra.Command {
	var f benchFlags
	var o bench.Options
	cmd := &cobra.Command{
		Use:   "bench DATASET",
		Short: "Feed a dataset as fast as it goes, and say what limits it",
		Long: `Bench runs the engine on a dataset without a training loop and prints how many
samples a second it feeds, what each stage costs, and one sentence on what limits it.
With --sim-step it plays a trainer with steps of that time and prints how much of
the time that trainer would have worked.

A transform is ` + bench.Help() + `.`,
		Example: `  stoker bench photos.stk
  stoker bench photos.stk --transform rrc:224,flip,normalize,float16 --batch-size 128
  stoker bench photos.stk --sim-step 50ms --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errs.New(errs.Invalid, "%d datasets given, want one", len(args)).WithHint("for example: stoker bench photos.stk")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Engine.Dataset = args[0]
			return runBench(cmd.Context(), cmd.OutOrStdout(), o, f)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Engine.BatchSize, "batch-size", 256, "samples of a batch")
	flags.IntVar(&o.Epochs, "epochs", 0, "end after so many epochs")
	flags.BoolVar(&f.json, "json", false, "print the figures as JSON")
	flags.StringVar(&f.last, "last-batch", "keep", "the batch that is not full: keep, drop or pad")
	flags.Int64Var(&f.memoryMB, "memory", 0, "memory budget in `MB`; 0 is a quarter of what may be used")
	flags.StringVar(&f.onBad, "on-bad", "fail", "samples that cannot be used: fail, skip or substitute")
	flags.IntVar(&o.Engine.Prefetch, "prefetch", 0, "batches made ahead; 0 is automatic")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no bar")
	flags.Float64Var(&f.seconds, "seconds", 0, "end after so many seconds (default 10, if --epochs is not given)")
	flags.Uint64Var(&o.Engine.Seed, "seed", 0, "seed of order and augmentation")
	flags.BoolVar(&o.Engine.Shuffle, "shuffle", true, "shuffle each epoch")
	flags.DurationVar(&o.Step, "sim-step", 0, "play a trainer that works so long on each batch, such as 50ms")
	flags.StringVar(&f.transform, "transform", "train", "preset, short form or JSON")
	flags.IntVar(&o.Engine.Workers, "workers", 0, "goroutines that decode; 0 is one for each core")
	return cmd
}

func runBench(ctx context.Context, out io.Writer, o bench.Options, f benchFlags) error {
	var err error
	if o.Engine.Transform, err = bench.Transform(f.transform); err != nil {
		return err
	}
	if o.Engine.OnBad, err = engine.ParsePolicy(f.onBad); err != nil {
		return err
	}
	if o.Engine.Last, err = plan.ParseLast(f.last); err != nil {
		return err
	}
	o.Duration = time.Duration(f.seconds * float64(time.Second))
	o.Engine.MemoryBytes = f.memoryMB * 1_000_000
	o.Engine.Budget = engine.NewBudget(0, 0)
	o.Engine.Cache = cacheFolder()
	runtime.GOMAXPROCS(o.Engine.Budget.Cores() + spareThreads)
	limitHeap(o.Engine.Budget)

	o.Meter = progress.Start(progress.Detect(os.Stderr, f.quiet || f.json, os.Getenv))
	o.Engine.Notify = func(n engine.Notice) { o.Meter.Say("%s", n.Message) }
	o.Meter.Phase("feeding", "samples", 0, 0)
	r, err := bench.Run(ctx, o)
	o.Meter.Stop()
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(out, r)
	}
	return r.Print(out)
}
