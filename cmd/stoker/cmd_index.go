package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/inplace"
	"stoker/internal/progress"
)

func indexCommand() *cobra.Command {
	var f dataFlags
	var every string
	var o dataset.EntropyOptions
	cmd := &cobra.Command{
		Use:   "index DATASET|FOLDER",
		Short: "Index a dataset's JPEGs, so that a crop decodes only what it shows",
		Long: `Build the entropy indexes of a dataset that was packed without them, or with others,
or whose indexes are damaged. They stand in files of their own and change neither the
samples nor the dataset's fingerprint: saved states stay valid, and the dataset can be
trained on meanwhile.

Of a FOLDER of pictures that is used in place, the indexes are kept in the user's
cache folder, where the first epoch would put them; nothing in it is changed.`,
		Example: `  stoker index photos.stk
  stoker index photos.stk --every rows
  stoker index photos/`,
		Args: oneDataset,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Step, err = parseEntropyStep(every); err != nil {
				return err
			}
			if o.Step == 0 {
				return errs.New(errs.Invalid, "--every %s leaves nothing to do", every)
			}
			_, err = dataset.ReadManifest(args[0])
			if info, e := os.Stat(args[0]); errs.Is(err, errs.NotFound) && e == nil && info.IsDir() {
				return indexFolder(cmd.Context(), cmd.OutOrStdout(), args[0], o.Workers, f)
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
	var damaged []dataset.BadRow
	o.Damaged = func(b dataset.BadRow) { damaged = append(damaged, b) }
	m, err = dataset.AddEntropy(ctx, dir, o)
	meter.Stop()
	for _, b := range damaged {
		fmt.Fprintf(os.Stderr, "%s is damaged and has no index: %s\n", b.Path, b.Reason)
	}
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

// indexFolder makes the indexes of a folder used in place.
func indexFolder(ctx context.Context, out io.Writer, dir string, workers int, f dataFlags) error {
	folder, err := inplace.OpenFolder(ctx, dir, cacheFolder())
	if err != nil {
		return err
	}
	defer folder.Close() //nolint:errcheck // only read
	meter := f.meter()
	meter.Phase("indexing", "files", folder.Len(), 0)
	result, err := folder.Index(ctx, workers, func(n int64) { meter.Add(n, 0) })
	meter.Stop()
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(out, result)
	}
	for _, bad := range result.Bad {
		fmt.Fprintf(os.Stderr, "%s: %s\n", bad.Path, bad.Reason)
	}
	if f.quiet {
		return nil
	}
	_, err = fmt.Fprintf(out, "indexed %s, %d had an index, %d can have none\n",
		counted(result.Indexed, "picture", "pictures"), result.Had, result.Without)
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
