package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"stoker/internal/batching"
	"stoker/internal/batching/picture"
	"stoker/internal/dataset"
	"stoker/internal/dataset/inspect"
	"stoker/internal/errs"
	"stoker/internal/progress"
)

// planFlags are the options of `stoker plan`.
type planFlags struct {
	batch, world, micro, epochs int
	tokens                      int32
	budget                      int64
	noise                       float64
	round                       batching.Round
	seed                        uint64
	picture                     string
	json                        bool
}

func planCommand() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan DATASET",
		Short: "Say what each way to batch sequences costs, before any training",
		Long: `Plan some epochs of a dataset of sequences in every way to batch and show, side by
side, how much of the computation is padding and how random the order stays.

  padding   share of the computed tokens that are padding
  useful    real tokens over what the slowest rank computes, times the ranks
  rho       likeness of lengths within a step: 0 is random, 1 all the same
  C         with how many of the others a sample can meet in a step: 1 is all
  AC1       likeness of one step's lengths to the last step's: 0 is random
  peak      computed tokens of the largest micro-batch`,
		Example: `  stoker plan reviews.stk --batch-size 64
  stoker plan reviews.stk --batch-size 32 --world-size 8 --micro 4
  stoker plan reviews.stk --batch-size 64 --picture plan.svg`,
		Args: oneDataset,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPlan(cmd.Context(), cmd.OutOrStdout(), args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.batch, "batch-size", 64, "samples of one micro-batch on one rank")
	flags.IntVar(&f.world, "world-size", 1, "ranks that train together")
	flags.IntVar(&f.micro, "micro", 1, "micro-batches that a rank adds up in a step")
	flags.Int32Var(&f.tokens, "tokens", 0, "tokens of a packed row (default: a power of two that holds the longest sample and four mean ones)")
	flags.Int64Var(&f.budget, "budget", 0, "padded tokens of a batch by tokens (default: batch size times mean length, or the longest sample)")
	flags.Float64Var(&f.noise, "noise", 0.1, "of length-grouped batches, in natural logarithms; another row shows twice as much")
	flags.Int32Var(&f.round.Multiple, "multiple", 0, "pad to multiples of so many tokens")
	flags.Float64Var(&f.round.Ladder, "ladder", 0, "pad to powers of this ratio, such as 1.1, so that compilers meet few shapes")
	flags.IntVar(&f.epochs, "epochs", 3, "epochs to plan, at least 2")
	flags.Uint64Var(&f.seed, "seed", 0, "of the order")
	flags.StringVar(&f.picture, "picture", "", "draw some batches of each way into this SVG `file`")
	flags.BoolVar(&f.json, "json", false, "print the facts as JSON")
	flags.SortFlags = false
	return cmd
}

// planRow is one way to batch with what came of it.
type planRow struct {
	Way         string `json:"way"`
	MemoryBytes int64  `json:"memory_bytes"` // of the tokens of the largest micro-batch, as int32
	batching.Report
	plan *batching.Plan
}

func runPlan(ctx context.Context, out io.Writer, dir string, f planFlags) error {
	lengths, err := readLengths(dir)
	if err != nil {
		return err
	}
	values := make([]int64, len(lengths))
	for i, n := range lengths {
		values[i] = int64(n)
	}
	facts := inspect.Describe(values)
	rows, err := f.rows(ctx, lengths, facts)
	if err != nil {
		return err
	}
	if f.picture != "" {
		if err := drawPlan(f.picture, rows); err != nil {
			return err
		}
	}
	if f.json {
		return printJSON(out, map[string]any{"dataset": dir, "samples": len(lengths), "tokens": facts, "ways": rows})
	}
	_, err = io.WriteString(out, planText(dir, facts, len(lengths), rows, f))
	return err
}

// readLengths returns the tokens of every sample.
func readLengths(dir string) ([]int32, error) {
	d, err := dataset.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close() //nolint:errcheck // only read
	if d.Sequence() == nil {
		return nil, errs.New(errs.Invalid, "the dataset holds %s, whose batches need no planning", d.Manifest().Kind).At(dir).
			WithHint("`stoker pack SRC --text FIELD --tokenizer words -o NAME.stk` makes a dataset of sequences")
	}
	lengths := make([]int32, d.Len())
	for i := range lengths {
		lengths[i] = d.Tokens(int64(i))
	}
	return lengths, nil
}

// ways lists the ways to compare, each with its name.
func (f planFlags) ways(facts inspect.Distribution) (names []string, ways []batching.Way) {
	add := func(w batching.Way, format string, args ...any) {
		names, ways = append(names, fmt.Sprintf(format, args...)), append(ways, w)
	}
	longest := int32(min(facts.Max, math.MaxInt32))
	tokens := f.tokens
	if tokens == 0 {
		for tokens = 1; float64(tokens) < max(float64(longest), 4*facts.Mean) && tokens < 1<<30; tokens *= 2 {
		}
	}
	budget := f.budget
	if budget == 0 {
		budget = max(int64(float64(f.batch)*facts.Mean), int64(f.round.Up(longest)))
	}
	add(batching.Fixed{Round: f.round}, "fixed")
	add(batching.Grouped{Noise: f.noise, Round: f.round}, "length-grouped, noise %g", f.noise)
	add(batching.Grouped{Noise: 2 * f.noise, Round: f.round}, "length-grouped, noise %g", 2*f.noise)
	add(batching.Tokens{Budget: budget, Round: f.round}, "tokens, up to %d", budget)
	add(batching.Rebalanced{Round: f.round}, "rebalanced")
	add(batching.Rebalanced{Varlen: true}, "rebalanced, varlen")
	add(batching.Packed{Tokens: tokens, TooLong: batching.Cut}, "packed, rows of %d", tokens)
	return names, ways
}

// rows plans every way. A way that counts other things than samples gets a batch
// size of about as many tokens.
func (f planFlags) rows(ctx context.Context, lengths []int32, facts inspect.Distribution) ([]planRow, error) {
	names, ways := f.ways(facts)
	var rows []planRow
	for i, way := range ways {
		if err := ctx.Err(); err != nil {
			return nil, errs.New(errs.Canceled, "planning was stopped: %w", err)
		}
		g := batching.Geometry{BatchSize: f.batch, World: f.world, Micro: f.micro}
		switch w := way.(type) {
		case batching.Packed:
			g.BatchSize = max(1, int(float64(f.batch)*facts.Mean/float64(w.Tokens)+0.5))
		case batching.Tokens:
			g.BatchSize = min(4*f.batch, 1<<20)
		}
		p, err := batching.New(batching.Spec{Lengths: lengths, Seed: f.seed, Shuffle: true, Geometry: g, Way: way})
		if err != nil {
			return nil, err
		}
		report, err := p.Measure(f.epochs)
		if err != nil {
			return nil, err
		}
		rows = append(rows, planRow{Way: names[i], MemoryBytes: 4 * report.Peak, Report: report, plan: p})
	}
	return rows, nil
}

// drawnSteps are the steps of each way that the picture shows.
const drawnSteps = 2

func drawPlan(path string, rows []planRow) error {
	var panels []picture.Panel
	for _, r := range rows {
		steps, err := r.plan.From(batching.Cursor{})
		if err != nil {
			return err
		}
		panel := picture.Panel{Title: fmt.Sprintf("%s: %.1f %% padding", r.Way, 100*r.Padding)}
		for range drawnSteps {
			if step, _, ok := steps.Next(); ok {
				panel.Steps = append(panel.Steps, step)
			}
		}
		panels = append(panels, panel)
	}
	if err := os.WriteFile(path, []byte(picture.SVG(panels)), 0o666); err != nil { //nolint:gosec // as the user's umask says
		return errs.New(errs.Permission, "cannot write the picture: %w", err)
	}
	return nil
}

func planText(dir string, facts inspect.Distribution, samples int, rows []planRow, f planFlags) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s of %d to %d tokens, median %d, mean %.0f\n", dir, counted(int64(samples), "sample", "samples"),
		facts.Min, facts.Max, facts.Median, facts.Mean)
	histogram(&b, "tokens", facts, pixels)
	fmt.Fprintf(&b, "\nsteps of %d x %d x %d (batch size x ranks x micro-batches)\n", f.batch, f.world, f.micro)
	fmt.Fprintf(&b, "%-28s %8s %9s %8s %8s %7s %6s %7s %10s %9s\n", "", "steps", "padding", "useful", "balance", "rho", "C", "AC1", "peak", "memory")
	for _, r := range rows {
		fmt.Fprintf(&b, "%-28s %8.0f %7.1f %% %6.1f %% %6.1f %% %7.3f %6.2f %+7.2f %10d %9s\n", r.Way, r.Steps, 100*r.Padding, 100*r.Useful,
			100*r.Balance, r.Rho, min(r.C, 1), r.AC1, r.Peak, progress.Bytes(r.MemoryBytes))
	}
	if f.picture != "" {
		fmt.Fprintf(&b, "\npicture: %s\n", f.picture)
	}
	return b.String()
}
