package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"stoker/internal/errs"
	"stoker/internal/run/bar"
	"stoker/internal/run/listing"
	"stoker/internal/run/rundir"
)

func attachCommand() *cobra.Command {
	var noBar bool
	cmd := &cobra.Command{
		Use:   "attach RUN",
		Short: "See a run again as if it had been started here",
		Long: `Attach shows the run's last screen and goes on from there; keys reach the
command. Ctrl-C detaches, twice asks whether to stop the run; Ctrl-Z detaches.

RUN is a short id or its beginning, a name, or "last".`,
		Example: "  stoker attach last",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			state, d, err := findRun(args[0])
			if err != nil {
				return err
			}
			row, _ := listing.One(state, d)
			if err := attachable(row); err != nil {
				return err
			}
			spec, err := d.LoadSpec()
			if err != nil {
				return err
			}
			return attachTo(d, spec, true, !noBar)
		},
	}
	cmd.Flags().BoolVar(&noBar, "no-bar", false, "draw no bar")
	return cmd
}

// findRun opens the state directory and finds the run that the user named.
func findRun(which string) (rundir.State, rundir.Dir, error) {
	state, err := rundir.OpenState()
	if err != nil {
		return state, "", err
	}
	d, err := state.Find(which)
	return state, d, err
}

// attachable says why a run that cannot be attached to cannot.
func attachable(row listing.Row) error {
	switch row.State {
	case rundir.Ended:
		return errs.New(errs.NotFound, "run %s ended %s: %s", row.ID, bar.Clock(time.Now(), row.Ended), row.Text).
			WithHint("stoker logs %s shows its output", row.ID)
	case rundir.Elsewhere:
		return errs.New(errs.NotFound, "run %s is on %s", row.ID, row.Host).WithHint("ssh %s, then stoker attach %s", row.Host, row.ID)
	case rundir.Unattended:
		fmt.Fprintf(os.Stderr, "stoker: run %s has lost its supervisor; a new one is being started\n", row.ID)
	}
	return nil
}
