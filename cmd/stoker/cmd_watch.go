package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"stoker/internal/errs"
	"stoker/internal/run/bar"
	"stoker/internal/run/client"
	"stoker/internal/run/estimate"
	"stoker/internal/run/follow"
)

func watchCommand() *cobra.Command {
	var o follow.Options
	var once bool
	cmd := &cobra.Command{
		Use:   "watch PID",
		Short: "Show progress and arrival of a process started without Stoker; reads only",
		Long: `Watch follows a process and the log that it writes, and shows the same bar as
"stoker run". It changes nothing: it cannot keep the process alive, and cannot
tell its exit status. Without --log it takes the file that the process's output
goes to.`,
		Example: `  stoker watch 12345 --log nohup.out
  stoker watch --once 12345`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pid, err := strconv.Atoi(args[0])
			if err != nil || pid <= 0 {
				return errs.New(errs.Invalid, "%q is no process id", args[0])
			}
			o.PID = pid
			w, err := follow.Open(o, time.Now())
			if err != nil {
				return err
			}
			defer w.Close()
			if once {
				s, err := w.Poll(time.Now())
				if err != nil {
					return err
				}
				return json.NewEncoder(os.Stdout).Encode(s)
			}
			if err := w.Run(cmd.Context(), watchPrinter()); err != nil {
				return err
			}
			if !w.Alive() {
				fmt.Printf("\nprocess %d has ended after %s\n", pid, bar.Duration(time.Since(w.Began()).Seconds()))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&o.Log, "log", "", "log that the process writes")
	cmd.Flags().BoolVar(&once, "once", false, "print the status once, as JSON")
	cmd.Flags().StringVar(&o.Pattern, "pattern", "", "regular expression of a progress line")
	cmd.Flags().Int64Var(&o.Total, "total", 0, "number of steps of the whole run")
	return cmd
}

// watchPrinter draws the bar in place on a terminal, or prints a line a minute.
func watchPrinter() func(estimate.Status) {
	color := os.Getenv("NO_COLOR") == ""
	var printed time.Time
	return func(s estimate.Status) {
		if cols, _ := client.Size(os.Stdout); cols > 1 {
			fmt.Print("\r" + bar.Render(s, cols-1, color) + "\x1b[K")
		} else if time.Since(printed) >= time.Minute {
			printed = time.Now()
			fmt.Println(bar.Plain(s))
		}
	}
}
