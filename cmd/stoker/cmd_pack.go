package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/pack"
	"stoker/internal/pixel"
	"stoker/internal/progress"
)

// packFlags are the options of `stoker pack` that need parsing.
type packFlags struct {
	resize, filter, check, onBad, memory, entropy, progressive string
	json, quiet                                                bool
}

func packCommand() *cobra.Command {
	var f packFlags
	var o pack.Options
	var t textFlags
	cmd := &cobra.Command{
		Use:   "pack SRC -o DATASET",
		Short: "Pack a folder of pictures, or text, into a dataset",
		Long: `Pack a folder of pictures, JPEG, PNG, WebP, GIF (first frame), BMP or PPM, into a dataset
that is cheap to read in any order. SRC is one of

  class folders   photos/cat/1.jpg: the first folder is the class, numbered in
                  the order of the names, as in torchvision's ImageFolder
  a flat folder   photos/1.jpg: every label is -1
  a labels file   photos/labels.csv or labels.jsonl, metadata.csv, metadata.jsonl, or
                  --labels FILE: a column path (or file_name, file, filename) relative
                  to SRC, a column label (or class) with numbers or names, and further
                  columns, which become fields of the dataset

Files are copied byte for byte, but for progressive JPEGs, which are kept as baseline ones
with the same pixels (--progressive keep copies them too), and unless an option below asks
for new pixels; those are stored as JPEG with 4:2:0 chroma, or as they are with --pixels.
Links are followed, each folder once. Hidden files and files that are no pictures are left out and counted.

A run that was interrupted, however rudely, continues where it stopped when the same
command is given again, and the result is the same byte for byte. Until it is complete
everything lies in DATASET.partial; a dataset is whole or not there.` + packTextHelp,
		Example: `  stoker pack photos -o photos.stk
  stoker pack photos -o small.stk --resize short=256
  stoker pack photos -o pixels.stk --resize 256x256 --pixels
  stoker pack photos -o clean.stk --check decode --on-bad skip
  stoker pack photos --labels train.csv -o train.stk --json
  stoker pack reviews.jsonl.gz -o train.stk --text text --tokenizer words --where split=train
  stoker pack aclImdb/train -o train.stk --tokenizer bert/tokenizer.json
  stoker pack speech.parquet -o speech.stk --sequence mel --label speaker`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errs.New(errs.Invalid, "%d sources given, want one", len(args)).
					WithHint("for example: stoker pack photos -o photos.stk")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Source.Root = args[0]
			if err := refusePicture(args[0]); err != nil {
				return err
			}
			if t.wanted(args[0]) {
				return runPackText(cmd.Context(), cmd.OutOrStdout(), args[0], &t, o, f)
			}
			return runPack(cmd.Context(), cmd.OutOrStdout(), o, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Output, "output", "o", "", "the dataset to make, such as photos.stk")
	flags.StringVar(&o.Source.Labels, "labels", "", "labels `file`, CSV or JSONL; paths in it are relative to SRC")
	flags.BoolVar(&o.Source.AllowEmpty, "allow-empty", false, "class folders without a picture keep their number (else they are an error)")
	flags.Int64Var(&o.Source.Limit, "limit", 0, "pack only the first `N` pictures or rows; 0 is all")
	flags.StringVar(&f.resize, "resize", "", "bring the shorter side to short=`PIXELS`, or the longer one to max=PIXELS, smaller pictures staying as they are; or both to WIDTHxHEIGHT")
	flags.BoolVar(&o.Enlarge, "enlarge", false, "with --resize, enlarge smaller pictures too")
	flags.StringVar(&f.filter, "filter", "bilinear", "filter of --resize, antialiased as Pillow's: "+"bilinear, bicubic, nearest, box, lanczos")
	flags.IntVar(&o.Quality, "quality", 0, "JPEG quality of new pixels, 1 to 100 (default "+strconv.Itoa(pack.DefaultQuality)+"); alone it re-encodes every picture")
	flags.BoolVar(&o.ApplyOrientation, "apply-orientation", false, "turn pictures upright as EXIF says (else the orientation is recorded for the loader)")
	flags.StringVar(&f.check, "check", "header", "what shows that a picture is good: its header, or decode it: header, decode")
	flags.StringVar(&f.onBad, "on-bad", "fail", "what cannot be packed ends the run, or is left out and listed in ledger.jsonl: fail, skip")
	flags.BoolVar(&o.Recode, "recode", false, "keep JPEGs re-coded: the same pixels from about 1.25 times the bytes, decoded in less time; export makes them JPEGs again")
	flags.BoolVar(&o.Pixels, "pixels", false, "keep decoded pixels, upright, instead of files: nothing is left to decode, for many times the bytes; best with --resize")
	flags.StringVar(&f.progressive, "progressive", "baseline", "keep JPEGs of several scans with the same coefficients in one, which decodes three times as fast, or as they are: baseline, keep")
	flags.StringVar(&f.entropy, "entropy-index", "8", "index JPEGs so that a crop decodes only what it shows: an entry every `MCUS` (8: 3 % more bytes), one a row (rows: 0.5 %), or none")
	flags.BoolVar(&o.Overwrite, "overwrite", false, "replace a dataset of that name, once the new one is complete")
	flags.BoolVar(&o.Restart, "restart", false, "begin anew instead of continuing an interrupted run")
	flags.Int64Var(&o.MaxPixels, "max-pixels", codec.DefaultMaxPixels, "refuse pictures with more, which are taken for decompression bombs")
	flags.IntVar(&o.Workers, "workers", 0, "pictures worked on at once; 0 is one for each core that may be used, and at least 16 where files are only copied")
	flags.StringVar(&f.memory, "memory", "", "most memory for files, and again for pixels, such as 512MB (default a quarter of what is free, but 384MiB for each core at most)")
	flags.BoolVar(&f.json, "json", false, "print the summary as JSON and no progress")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "print no progress and no summary")
	t.add(flags)
	flags.SortFlags = false
	return cmd
}

// refusePicture says what to do instead where the source is a single picture.
func refusePicture(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return nil //nolint:nilerr // whoever reads the source says it better
	}
	defer f.Close() //nolint:errcheck // only read
	head := make([]byte, 16)
	n, _ := io.ReadFull(f, head) // of a folder nothing
	if codec.Sniff(head[:n]) == codec.Unknown {
		return nil
	}
	return errs.New(errs.Invalid, "is one picture, not a folder of them").At(path).
		WithHint("pack the folder: stoker pack %s -o photos.stk", filepath.Dir(path))
}

func runPack(ctx context.Context, out io.Writer, o pack.Options, f packFlags) error {
	if err := f.apply(&o); err != nil {
		return err
	}
	o.CreatedBy = "stoker " + version
	if (o.Recode || o.Pixels) && !f.json && !f.quiet {
		if err := sayForecast(ctx, o); err != nil {
			return err
		}
	}
	o.Progress = progress.Start(progress.Detect(os.Stderr, f.quiet || f.json, os.Getenv))
	summary, err := pack.Run(ctx, o)
	o.Progress.Stop()
	switch {
	case err != nil:
		return err
	case f.json:
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		return enc.Encode(summary)
	case f.quiet:
		return nil
	}
	_, err = io.WriteString(out, packSummary(summary))
	return err
}

// sayForecast says what re-coding or storing pixels costs and saves, before it
// starts.
func sayForecast(ctx context.Context, o pack.Options) error {
	c, err := pack.MakeForecast(ctx, o)
	if err != nil || c.Pictures == 0 {
		return err
	}
	what := "re-coding"
	if o.Pixels {
		what = "storing pixels"
	}
	_, err = fmt.Fprintf(os.Stderr, "%s: %.2f times the bytes, about %s; a random crop takes %.0f us of a core instead of %.0f with an entropy index (%s tried, this machine)\n",
		what, c.Bytes, progress.Bytes(c.Total), 1e6*c.Seconds, 1e6*c.Indexed, number(c.Pictures, "picture"))
	return err
}

// apply parses the flags into o.
func (f packFlags) apply(o *pack.Options) error {
	var err error
	if o.Resize, err = pack.ParseResize(f.resize); err != nil {
		return err
	}
	if o.Filter, err = pixel.ParseFilter(f.filter); err != nil {
		return errs.New(errs.Invalid, "--filter: %w", err)
	}
	if o.Decode, err = oneOf("--check", f.check, "header", "decode"); err != nil {
		return err
	}
	if o.SkipBad, err = oneOf("--on-bad", f.onBad, "fail", "skip"); err != nil {
		return err
	}
	if o.EntropyStep, err = parseEntropyStep(f.entropy); err != nil {
		return err
	}
	keep, err := oneOf("--progressive", f.progressive, "baseline", "keep")
	if err != nil {
		return err
	}
	o.Baseline = !keep
	if o.Recode {
		o.EntropyStep = 0 // re-coded pictures find their regions by themselves
	}
	if f.memory != "" {
		o.MemoryBytes, err = parseBytes(f.memory)
	}
	return err
}

// oneOf returns false for the first word, true for the second, and an error for
// any other.
func oneOf(flag, got, no, yes string) (bool, error) {
	if got != no && got != yes {
		return false, errs.New(errs.Invalid, "%s %q is neither %s nor %s", flag, got, no, yes)
	}
	return got == yes, nil
}

// parseBytes reads a size with a decimal or binary unit: 512MB, 2GiB, 1000.
func parseBytes(s string) (int64, error) {
	units := []struct {
		name string
		size float64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"", 1}}
	for _, u := range units {
		number, ok := strings.CutSuffix(strings.TrimSpace(s), u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if size := n * u.size; err != nil || !(size >= 1 && size <= 1<<50) { // also refuses NaN
			break
		}
		return int64(n * u.size), nil
	}
	return 0, errs.New(errs.Invalid, "%q is no size in bytes", s).WithHint("write 512MB, 2GiB or the like")
}

// packSummary says what was packed, for people.
func packSummary(s *pack.Summary) string {
	var b strings.Builder
	what := number(int(s.Samples), "picture")
	if n := len(s.Classes); n > 0 {
		what += fmt.Sprintf(" of %s", number(n, "class"))
	}
	if n := len(s.Fields) - 1; n > 0 {
		what += fmt.Sprintf(" with %s", number(n, "further field"))
	}
	fmt.Fprintf(&b, "packed %s into %s\n", what, s.Output)
	fmt.Fprintf(&b, "  %s of files became %s in %s, in %s: %s files/s, %.0f MB/s\n",
		progress.Bytes(s.SourceBytes), progress.Bytes(s.Bytes), number(s.Shards, "shard"),
		time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond), progress.Count(int64(s.FilesPerS)), s.MBPerS)
	if s.Resumed > 0 {
		fmt.Fprintf(&b, "  continued an interrupted run that had done %s files\n", progress.Count(s.Resumed))
	}
	for _, n := range s.Notes {
		fmt.Fprintf(&b, "  %s\n", n)
	}
	listBad(&b, s.Bad, s.Output, "bad file")
	if n := len(s.Damaged); n > 0 {
		listRows(&b, fmt.Sprintf("kept %s, listed in the ledger too; training meets them as on_bad_sample says, --check decode leaves them out:",
			number(n, "damaged picture")), s.Damaged)
	}
	fmt.Fprintf(&b, "use it:  loader = stoker.Loader(%q, batch_size=256)\n", s.Output)
	return b.String()
}

// number writes a count with its noun.
func number(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "s"):
		noun += "es"
	default:
		noun += "s"
	}
	return progress.Count(int64(n)) + " " + noun
}

// listBad lists the first bad files or rows and says where all of them stand.
func listBad(b *strings.Builder, all []dataset.BadRow, output, noun string) {
	if len(all) > 0 {
		listRows(b, fmt.Sprintf("left out %s, listed in %s/ledger.jsonl:", number(len(all), noun), strings.TrimSuffix(output, "/")), all)
	}
}

func listRows(b *strings.Builder, title string, all []dataset.BadRow) {
	const few = 10
	fmt.Fprintf(b, "  %s\n", title)
	for i, bad := range all {
		if i == few {
			fmt.Fprintf(b, "    ... and %s more\n", progress.Count(int64(len(all)-few)))
			break
		}
		fmt.Fprintf(b, "    %s: %s\n", bad.Path, bad.Reason)
	}
}
