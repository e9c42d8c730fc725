package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"stoker/internal/errs"
	"stoker/internal/run/history"
	"stoker/internal/run/rundir"
	"stoker/internal/run/savedlog"
)

func runsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "Move the history of runs between machines, add runs from logs",
		Long: `The history is a list of all runs of this user, with commands (secrets blanked),
versions, speeds, how they ended and how well their arrival was forecast. Runs of
the same command on a machine of the same kind sharpen the next forecast.`,
	}
	cmd.AddCommand(runsAddCommand(),
		&cobra.Command{Use: "export", Short: "Write the history to stdout, one JSON object per line", Args: cobra.NoArgs,
			Example: "  stoker runs export > runs.jsonl",
			RunE: func(cmd *cobra.Command, _ []string) error {
				return withHistory(cmd.Context(), func(db *history.DB) error {
					moved, err := db.Export(cmd.Context(), os.Stdout)
					fmt.Fprintf(os.Stderr, "stoker: exported %v\n", moved)
					return err
				})
			}},
		&cobra.Command{Use: "import FILE", Short: "Add exported runs; - reads from stdin", Args: cobra.ExactArgs(1),
			Example: "  ssh gpu1 stoker runs export | stoker runs import -",
			RunE: func(cmd *cobra.Command, args []string) error {
				var in io.Reader = os.Stdin
				if args[0] != "-" {
					f, err := os.Open(args[0])
					if err != nil {
						return errs.New(errs.NotFound, "import: %w", err).At(args[0])
					}
					defer f.Close()
					in = f
				}
				return withHistory(cmd.Context(), func(db *history.DB) error {
					moved, err := db.Import(cmd.Context(), in)
					fmt.Fprintf(os.Stderr, "stoker: imported %v\n", moved)
					return err
				})
			}},
	)
	return cmd
}

// addFlags say what a log does not.
type addFlags struct {
	log, command string
	options      savedlog.Options
}

func runsAddCommand() *cobra.Command {
	var f addFlags
	cmd := &cobra.Command{
		Use:   "add --log FILE --name NAME",
		Short: "Add a run from a log that is all there is of it",
		Long: `Reads the durations that the program itself printed (119s 5ms/step of Keras, the
elapsed time of tqdm's bars, time: and data_time: of log lines), as nothing tells
when a saved line came. Say what the log does not: the record then proves more.`,
		Example: `  stoker runs add --log colab.log --name colab --machine "2 x Intel Xeon, 13 GiB" --command "python imdb.py" --batch-size 32`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := f.run()
			if err != nil {
				return err
			}
			return withHistory(cmd.Context(), func(db *history.DB) error {
				if err := db.Put(cmd.Context(), r); err != nil {
					return err
				}
				fmt.Fprintf(os.Stderr, "stoker: added run %s\n", r.ID)
				return nil
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.log, "log", "", "the saved output")
	flags.StringVar(&f.options.Name, "name", "", "what to call the run")
	flags.StringVar(&f.options.Machine, "machine", "", `where it ran, such as "8 x AMD EPYC, 31 GiB, Tesla T4"`)
	flags.StringVar(&f.command, "command", "", "the command")
	flags.StringVar(&f.options.Commit, "commit", "", "the commit of the code")
	flags.StringVar(&f.options.Data, "data", "", "the data that it trained on")
	flags.IntVar(&f.options.BatchSize, "batch-size", 0, "samples in a step")
	return cmd
}

func (f addFlags) run() (history.Run, error) {
	if f.log == "" {
		return history.Run{}, errs.New(errs.Invalid, "--log is missing").WithHint("stoker runs add --log colab.log --name colab")
	}
	o := f.options
	o.Argv = strings.Fields(f.command)
	if info, err := os.Stat(f.log); err == nil {
		o.Ended = info.ModTime()
	}
	return readLog(f.log, o)
}

// readLog makes a record of the saved log at path.
func readLog(path string, o savedlog.Options) (history.Run, error) {
	file, err := os.Open(path)
	if err != nil {
		return history.Run{}, errs.New(errs.KindOfFile(err, errs.Transient), "cannot read the log: %w", errs.WithoutPath(err)).At(path).
			WithHint("%s", errs.Beside(path, "give the file that the run's output was saved to"))
	}
	defer file.Close()
	r, err := savedlog.Read(file, o)
	if err != nil {
		return r, errs.New(errs.KindOf(err), "%w", err).At(path).WithHint("%s", errs.HintOf(err))
	}
	return r, nil
}

func withHistory(ctx context.Context, do func(*history.DB) error) error {
	state, err := rundir.OpenState()
	if err != nil {
		return err
	}
	db, err := history.Open(ctx, state.History())
	if err != nil {
		return err
	}
	defer db.Close()
	return do(db)
}
