package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"stoker/internal/errs"
	"stoker/internal/run/history"
	"stoker/internal/run/listing"
	"stoker/internal/run/prune"
	"stoker/internal/run/rundir"
)

func rmCommand() *cobra.Command {
	var keep bool
	var older string
	cmd := &cobra.Command{
		Use:   "rm RUN... | rm --older-than AGE",
		Short: "Remove the logs of runs that have ended, and their place in the history",
		Long: `Rm removes what runs that have ended left: their logs and, unless
--keep-history is given, their place in the list and what later estimates learn
from them.

Without it the newest 1000 runs and 10 GiB are kept (STOKER_KEEP_RUNS and
STOKER_KEEP_BYTES, 0 for no limit); the history of older ones stays.`,
		Example: `  stoker rm last
  stoker rm --keep-history k3f9 m2qa
  stoker rm --older-than 30d --keep-history`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (older != "") == (len(args) > 0) {
				return errs.New(errs.Invalid, "name runs, or say --older-than").WithHint("stoker ps --past 100 lists them")
			}
			if older != "" {
				return removeOld(cmd, older, keep)
			}
			for _, which := range args {
				if err := removeRun(cmd, which, keep); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&keep, "keep-history", false, "keep the runs in the list and as lessons for later ones")
	cmd.Flags().StringVar(&older, "older-than", "", "all runs that ended longer ago: 30d, 2w, 36h")
	return cmd
}

// removeOld removes all runs that ended longer ago than an age, also those whose
// directories are gone.
func removeOld(cmd *cobra.Command, older string, keep bool) error {
	age, err := prune.Age(older)
	if err != nil {
		return err
	}
	state, err := rundir.OpenState()
	if err != nil {
		return err
	}
	now := time.Now()
	removed, err := prune.Prune(state, now, prune.Limits{Age: max(age, 1)})
	if err != nil {
		return err
	}
	text := fmt.Sprintf("removed the logs of %d runs", len(removed))
	if !keep {
		db, err := history.Open(cmd.Context(), state.History())
		if err != nil {
			return err
		}
		defer db.Close()
		rows, err := db.DeleteEnded(cmd.Context(), now.Add(-age))
		if err != nil {
			return err
		}
		text += fmt.Sprintf(" and the history of %d", rows)
	}
	fmt.Fprintln(os.Stderr, "stoker: "+text)
	return nil
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
	if err := state.Remove(d.ID()); err != nil {
		return err
	}
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
