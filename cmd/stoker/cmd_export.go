package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/progress"
)

func exportCommand() *cobra.Command {
	var f dataFlags
	var folder string
	cmd := &cobra.Command{
		Use:   "export DATASET -o FOLDER",
		Short: "Turn a dataset back into files, or into JSON lines",
		Long: `Write every sample of a dataset to a file of its own under its name, byte for byte as
stored; each is checked on the way. Where the folders do not say everything, labels.csv
holds the rest: path, label, and the further fields. ` + "`stoker pack FOLDER`" + ` packs it again.

Pictures that were packed with new pixels (--resize, --quality) come out as those JPEGs,
under the names of the files that they were made from; progressive JPEGs as the baseline
ones that they were packed as, with the same pixels.

A dataset of sequences becomes FOLDER/samples.jsonl: for each sample a line with its key,
label and further fields, and its text where the dataset kept it, else its numbers. The
vocabulary or tokenizer is copied beside it.`,
		Example: `  stoker export photos.stk -o photos
  stoker export photos.stk -o photos --json`,
		Args: oneDataset,
		RunE: func(cmd *cobra.Command, args []string) error {
			if folder == "" {
				return errs.New(errs.Invalid, "no folder to write to").WithHint("say which: %s %s -o FOLDER", cmd.CommandPath(), args[0])
			}
			return runExport(cmd.Context(), cmd.OutOrStdout(), args[0], folder, f)
		},
	}
	cmd.Flags().StringVarP(&folder, "output", "o", "", "the `folder` to write, new or empty")
	f.add(cmd)
	return cmd
}

func runExport(ctx context.Context, out io.Writer, dir, folder string, f dataFlags) error {
	d, err := dataset.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only read
	meter := f.meter()
	what := []string{"file", "files"}
	export := dataset.Export
	if d.Sequence() != nil {
		what, export = []string{"sequence", "sequences"}, dataset.ExportSequences
	}
	meter.Phase("exporting", what[1], d.Len(), 0)
	done, err := export(ctx, d, folder, meter.Add)
	meter.Stop()
	switch {
	case err != nil:
		return err
	case f.json:
		return printJSON(out, done)
	case f.quiet:
		return nil
	}
	text := fmt.Sprintf("exported %s, %s, into %s\n", counted(done.Samples, what[0], what[1]), progress.Bytes(done.Bytes), folder)
	if done.Labels != "" {
		text += fmt.Sprintf("  labels and further fields: %s\n", done.Labels)
	}
	_, err = io.WriteString(out, text)
	return err
}
