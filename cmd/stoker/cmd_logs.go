package main

import (
	"os"

	"github.com/spf13/cobra"

	"stoker/internal/run/client"
	"stoker/internal/run/listing"
)

func logsCommand() *cobra.Command {
	var o client.LogOptions
	cmd := &cobra.Command{
		Use:   "logs RUN",
		Short: "Print what a run printed, its bars collapsed to their last frame",
		Example: `  stoker logs -f last
  stoker logs -n 50 k3f9
  stoker logs --raw k3f9 > everything.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			state, d, err := findRun(args[0])
			if err != nil {
				return err
			}
			o.Width, _ = client.Size(os.Stdout)
			o.Ended = func() bool {
				row, ok := listing.One(state, d)
				return !ok || !row.Live()
			}
			return client.Logs(cmd.Context(), d, o, os.Stdout)
		},
	}
	cmd.Flags().BoolVarP(&o.Follow, "follow", "f", false, "go on until the run ends")
	cmd.Flags().IntVarP(&o.Lines, "lines", "n", 0, "only the last lines (default all)")
	cmd.Flags().BoolVar(&o.Raw, "raw", false, "exact bytes as the command wrote them")
	return cmd
}
