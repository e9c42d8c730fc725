package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"stoker/internal/errs"
	"stoker/internal/run/client"
	"stoker/internal/run/listing"
	"stoker/internal/run/procs"
	"stoker/internal/run/rundir"
)

func psCommand() *cobra.Command {
	var past int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ps [RUN...]",
		Short: "List runs: what they do and when they will be done, or how they ended",
		Example: `  stoker ps
  stoker ps --past 100
  stoker ps --json last
  stoker ps --json | jq '.[] | select(.state == "running")'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return printNamed(args, asJSON)
			}
			state, err := rundir.OpenState()
			if err != nil {
				return err
			}
			rows, note := listing.List(cmd.Context(), state, listing.Options{Past: past})
			if note != "" {
				fmt.Fprintln(os.Stderr, "stoker: without history: "+note)
			}
			return printRows(rows, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print facts as JSON")
	cmd.Flags().IntVar(&past, "past", 10, "how many runs that have ended to list")
	return cmd
}

// printNamed prints the runs that the user named.
func printNamed(names []string, asJSON bool) error {
	var rows []listing.Row
	for _, name := range names {
		state, d, err := findRun(name)
		if err != nil {
			return err
		}
		row, ok := listing.One(state, d)
		if !ok {
			return errs.New(errs.NotFound, "run %s was removed meanwhile", d.ID())
		}
		rows = append(rows, row)
	}
	return printRows(rows, asJSON)
}

func printRows(rows []listing.Row, asJSON bool) error {
	if asJSON {
		if rows == nil {
			rows = []listing.Row{}
		}
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		if err := out.Encode(rows); err != nil {
			return errs.New(errs.Transient, "print: %w", err)
		}
		return nil
	}
	if len(rows) == 0 {
		fmt.Fprintln(os.Stderr, "no runs yet; start one with: stoker run -- python train.py")
		return nil
	}
	cols, _ := client.Size(os.Stdout)
	color := cols > 0 && os.Getenv("NO_COLOR") == ""
	listing.Table(os.Stdout, rows, time.Now(), procs.Host(), cols, color)
	return nil
}
