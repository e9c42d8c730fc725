package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"stoker/internal/dataset"
	"stoker/internal/errs"
)

// devCommand holds what only the work on Stoker itself needs.
func devCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "dev", Short: "Tools for the work on Stoker itself", Hidden: true}
	cmd.AddCommand(repeatCommand())
	return cmd
}

func repeatCommand() *cobra.Command {
	var samples int64
	cmd := &cobra.Command{
		Use:   "repeat SRC DST --samples N",
		Short: "Make a large dataset whose index repeats a small one's samples",
		Long: `Make a dataset of N samples for benchmarks by repeating the rows of the index of SRC.
The shards are hard links to those of SRC, so it takes 100 bytes a sample.`,
		Example: `  stoker dev repeat photos.stk large.stk --samples 1281167`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errs.New(errs.Invalid, "%d arguments given, want two datasets: SRC and DST", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := dataset.Repeat(args[0], args[1], samples); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %d samples\n", args[1], samples)
			return err
		},
	}
	cmd.Flags().Int64Var(&samples, "samples", 1_281_167, "samples wanted; as many as ImageNet has")
	return cmd
}
