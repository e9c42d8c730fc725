package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"stoker/internal/errs"
	"stoker/internal/run/history"
	"stoker/internal/run/listing"
)

func rmCommand() *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:   "rm RUN...",
		Short: "Remove the logs of runs that have ended, and their place in the history",
		Example: `  stoker rm last
  stoker rm --keep-history k3f9 m2qa`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, which := range args {
				if err := removeRun(cmd, which, keep); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&keep, "keep-history", false, "keep the runs in the list and as lessons for later ones")
	return cmd
}

func removeRun(cmd *cobra.Command, which string, keep bool) error {
	state, d, err := findRun(which)
	if err != nil {
		return err
	}
	row, ok := listing.One(state, d)
	if ok && row.Live() {
		return errs.New(errs.Invalid, "run %s has not ended", row.ID).WithHint("stoker stop %s", row.ID)
	}
	if err := os.RemoveAll(string(d)); err != nil {
		return errs.New(errs.Permission, "remove run: %w", err).At(string(d))
	}
	state.MarkEnded(d.ID())
	if !keep {
		if db, err := history.Open(cmd.Context(), state.History()); err == nil {
			defer db.Close()
			if err := db.Delete(cmd.Context(), row.Host, row.ID); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(os.Stderr, "stoker: removed run %s\n", d.ID())
	return nil
}
