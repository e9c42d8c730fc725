package main

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"stoker/internal/errs"
	"stoker/internal/run/client"
	"stoker/internal/run/link"
	"stoker/internal/run/listing"
	"stoker/internal/run/rundir"
)

func stopCommand() *cobra.Command {
	var req link.Stop
	cmd := &cobra.Command{
		Use:   "stop RUN",
		Short: "End a run: an interrupt first, time to save a checkpoint, then harder",
		Long: `Stop sends the interrupt that Ctrl-C would, waits for the run to save and
leave, then asks to terminate, then kills, with all processes of the run. A
second stop skips the wait. RUN is a short id, a name, or "last".`,
		Example: "  stoker stop --grace 5m resnet",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			state, d, err := findRun(args[0])
			if err != nil {
				return err
			}
			row, _ := listing.One(state, d)
			switch row.State {
			case rundir.Ended:
				return errs.New(errs.NotFound, "run %s has ended already: %s", row.ID, row.Text)
			case rundir.Elsewhere:
				return errs.New(errs.NotFound, "run %s is on %s", row.ID, row.Host)
			}
			end, err := client.Stop(d, req, func(text string) { fmt.Fprintln(os.Stderr, "stoker: "+text) })
			if errs.Is(err, errs.NotFound) && row.State == rundir.Unattended {
				return stopUnattended(row)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "stoker: run %s: %s\n", row.ID, end.Text)
			return nil
		},
	}
	cmd.Flags().DurationVar(&req.Grace, "grace", time.Minute, "time to save after the interrupt")
	cmd.Flags().BoolVar(&req.Now, "now", false, "kill at once")
	return cmd
}

// stopUnattended interrupts a run that has no supervisor to do so.
func stopUnattended(row listing.Row) error {
	if err := syscall.Kill(-row.PID, syscall.SIGINT); err != nil {
		return errs.New(errs.NotFound, "interrupt run %s: %w", row.ID, err)
	}
	fmt.Fprintf(os.Stderr, "stoker: run %s has no supervisor; its processes were interrupted\n", row.ID)
	return nil
}
