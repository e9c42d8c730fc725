package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"stoker/internal/errs"
	"stoker/internal/run/history"
	"stoker/internal/run/rundir"
)

func runsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "Move the history of runs between machines",
		Long: `The history is a list of all runs of this user, with commands (secrets blanked),
versions, speeds, how they ended and how well their arrival was forecast. Runs of
the same command on a machine of the same kind sharpen the next forecast.`,
	}
	cmd.AddCommand(
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
