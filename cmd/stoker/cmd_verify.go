package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/spf13/cobra"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/progress"
)

// dataFlags are the options that verify and export share.
type dataFlags struct {
	json, quiet bool
}

func (f *dataFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "json", false, "print the result as JSON and no progress")
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "print no progress, and nothing where all is well")
}

// meter shows the progress of a command as the flags and the terminal say.
func (f *dataFlags) meter() *progress.Meter {
	return progress.Start(progress.Detect(os.Stderr, f.quiet || f.json, os.Getenv))
}

func verifyCommand() *cobra.Command {
	var f dataFlags
	cmd := &cobra.Command{
		Use:   "verify DATASET",
		Short: "Check every byte of a dataset",
		Long: `Check every byte of a dataset: each file and each sample against its checksum, the
index against the shards, the names for duplicates. Every damaged sample is named, with
its file and place. Exit code 4 where anything is damaged.`,
		Example: `  stoker verify photos.stk
  stoker verify photos.stk --json | jq .problems`,
		Args: oneDataset,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runVerify(cmd.Context(), cmd.OutOrStdout(), args[0], f)
		},
	}
	f.add(cmd)
	return cmd
}

func runVerify(ctx context.Context, out io.Writer, dir string, f dataFlags) error {
	m, err := dataset.ReadManifest(dir)
	if err != nil {
		return err
	}
	meter := f.meter()
	const mega = 1_000_000
	meter.Phase("verifying", "MB", m.Bytes()/mega, 0)
	var read atomic.Int64
	r, err := dataset.Verify(ctx, dir, func(bytes int64) {
		after := read.Add(bytes)
		meter.Add(after/mega-(after-bytes)/mega, 0)
	})
	meter.Stop()
	if err != nil {
		return err
	}
	if f.json {
		if err := printJSON(out, r); err != nil {
			return err
		}
		if !r.OK() {
			return exitError(exitCorrupt)
		}
		return nil
	}
	if err := printProblems(out, r, f.quiet); err != nil || r.OK() {
		return err
	}
	return errs.New(errs.Corrupt, "%s", damage(r)).At(dir).WithHint("%s", cure(r))
}

// damage counts what is damaged.
func damage(r *dataset.Report) string {
	if r.BadSamples == 0 {
		return fmt.Sprintf("%s damaged", counted(r.BadFiles, "place is", "places are"))
	}
	what := fmt.Sprintf("%s of %s damaged", progress.Count(r.BadSamples), counted(r.Samples, "sample is", "samples are"))
	if r.BadFiles > 0 {
		what += fmt.Sprintf(", and %s beside them", counted(r.BadFiles, "place", "places"))
	}
	return what
}

// cure says what to do about damage.
func cure(r *dataset.Report) string {
	if r.BadSamples == 0 && r.BadFiles == r.BadIndexes {
		return "only entropy indexes are damaged; to build them again: stoker index " + r.Dir
	}
	return "fetch the files named above from another copy, or pack the dataset again"
}

// printProblems lists what is damaged, or says that nothing is.
func printProblems(out io.Writer, r *dataset.Report, quiet bool) error {
	if r.OK() {
		if quiet {
			return nil
		}
		_, err := fmt.Fprintf(out, "%s: all is well: %s, %s\n", r.Dir, counted(r.Samples, "sample", "samples"), progress.Bytes(r.Bytes))
		return err
	}
	for _, p := range r.Problems {
		text := fmt.Sprintf("%s: %s\n", p.File, p.Reason)
		if p.Sample >= 0 {
			text = fmt.Sprintf("%s: sample %d %q at byte %d: %s\n", p.File, p.Sample, p.Key, p.Offset, p.Reason)
		}
		if _, err := io.WriteString(out, text); err != nil {
			return err
		}
	}
	if more := r.BadSamples + r.BadFiles - int64(len(r.Problems)); more > 0 {
		_, err := fmt.Fprintf(out, "... and %s more\n", progress.Count(more))
		return err
	}
	return nil
}
