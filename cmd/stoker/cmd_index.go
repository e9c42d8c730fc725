package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/progress"
)

func indexCommand() *cobra.Command {
	var f dataFlags
	var every string
	var o dataset.EntropyOptions
	cmd := &cobra.Command{
		Use:   "index DATASET",
		Short: "Index a dataset's JPEGs, so that a crop decodes only what it shows",
		Long: `Build the entropy indexes of a dataset that was packed without them, or with others,
or whose indexes are damaged. They stand in files of their own and change neither the
samples nor the dataset's fingerprint: saved states stay valid, and the dataset can be
trained on meanwhile.`,
		Example: `  stoker index photos.stk
  stoker index photos.stk --every rows`,
		Args: oneDataset,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Step, err = parseEntropyStep(every); err != nil {
				return err
			}
			if o.Step == 0 {
				return errs.New(errs.Invalid, "--every %s leaves nothing to do", every)
			}
			return runIndex(cmd.Context(), cmd.OutOrStdout(), args[0], o, f)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&every, "every", "8", "an entry every so many `MCUS`, or one a row (rows)")
	cmd.Flags().IntVar(&o.Workers, "workers", 0, "images indexed at once; 0 is one a core")
	return cmd
}

func runIndex(ctx context.Context, out io.Writer, dir string, o dataset.EntropyOptions, f dataFlags) error {
	m, err := dataset.ReadManifest(dir)
	if err != nil {
		return err
	}
	images := int64(0)
	for _, s := range m.Shards {
		images += s.Rows
	}
	meter := f.meter()
	meter.Phase("indexing", "files", images, 0)
	o.Progress = func(n int64) { meter.Add(n, 0) }
	m, err = dataset.AddEntropy(ctx, dir, o)
	meter.Stop()
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(out, m.Entropy)
	}
	if f.quiet {
		return nil
	}
	var bytes int64
	for _, file := range m.Entropy.Files {
		bytes += file.Bytes
	}
	_, err = fmt.Fprintf(out, "indexed %s: %s of indexes\n", counted(images, "picture", "pictures"), progress.Bytes(bytes))
	return err
}

// parseEntropyStep reads "8", "rows" or "none"; none is 0.
func parseEntropyStep(s string) (int, error) {
	switch s {
	case "none":
		return 0, nil
	case "rows":
		return dataset.EntropyRows, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > math.MaxUint16 {
		return 0, errs.New(errs.Invalid, "cannot index every %q MCUs", s).WithHint("write a number such as 8, or rows, or none")
	}
	return n, nil
}
