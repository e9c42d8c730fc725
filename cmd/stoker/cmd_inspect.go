package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"stoker/internal/dataset"
	"stoker/internal/dataset/inspect"
	"stoker/internal/errs"
	"stoker/internal/progress"
	"stoker/internal/source"
)

// inspectFlags are the options of `stoker inspect`.
type inspectFlags struct {
	sheet   string
	samples int
	json    bool
}

func inspectCommand() *cobra.Command {
	var f inspectFlags
	cmd := &cobra.Command{
		Use:   "inspect DATASET",
		Short: "Show what is in a dataset",
		Long: `Show what is in a dataset: samples, classes, formats, sizes and their distribution,
and the further fields. --sheet draws sample pictures, spread evenly over the dataset,
with their classes and names. Nothing is checked: that is what ` + "`stoker verify`" + ` is for.`,
		Example: `  stoker inspect photos.stk
  stoker inspect photos.stk --sheet sheet.png --samples 100
  stoker inspect photos.stk --json`,
		Args: oneDataset,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInspect(cmd.Context(), cmd.OutOrStdout(), args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.sheet, "sheet", "", "draw sample pictures into this PNG `file`")
	flags.IntVar(&f.samples, "samples", 36, fmt.Sprintf("pictures on the sheet, at most %d", inspect.MaxSheet))
	flags.BoolVar(&f.json, "json", false, "print the facts as JSON")
	flags.SortFlags = false
	return cmd
}

// oneDataset checks that a command was given a dataset and nothing else.
func oneDataset(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return errs.New(errs.Invalid, "%d arguments given, want one: the dataset", len(args)).
		WithHint("for example: %s photos.stk", cmd.CommandPath())
}

func runInspect(ctx context.Context, out io.Writer, dir string, f inspectFlags) error {
	d, err := dataset.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only read
	if f.sheet != "" {
		if err := writeSheet(d, f); err != nil {
			return err
		}
	}
	s, err := inspect.Summarize(ctx, d)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(out, s)
	}
	text := inspectText(s)
	if f.sheet != "" {
		text += fmt.Sprintf("\nsheet of sample pictures: %s\n", f.sheet)
	}
	_, err = io.WriteString(out, text)
	return err
}

// printJSON prints a value as indented JSON.
func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func writeSheet(d *dataset.Dataset, f inspectFlags) error {
	data, err := inspect.Sheet(d, f.samples)
	if err != nil {
		return err
	}
	if err := os.WriteFile(f.sheet, data, 0o666); err != nil { //nolint:gosec // as the user's umask says
		return errs.New(errs.Permission, "cannot write the sheet: %w", err)
	}
	return nil
}

// inspectText lays the summary out for people.
func inspectText(s *inspect.Summary) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s %s", s.Dir, progress.Count(s.Samples), source.Printable(s.Kind))
	if n := int64(len(s.Classes)); n > 0 {
		b.WriteString(" of " + counted(n, "class", "classes"))
	}
	fmt.Fprintf(&b, ", %s in %s", progress.Bytes(s.Bytes), counted(int64(s.Shards), "shard", "shards"))
	if s.Repeated {
		b.WriteString(", repeated by the index")
	}
	fmt.Fprintf(&b, "\npacked by %s, options %s\nfingerprint %.16s\n", source.Printable(s.CreatedBy), compact(s.Options), source.Printable(s.Fingerprint))
	if s.Bad > 0 {
		fmt.Fprintf(&b, "%s could not be packed: see %s/ledger.jsonl\n", counted(s.Bad, "file", "files"), strings.TrimSuffix(s.Dir, "/"))
	}
	if s.Sequence != nil {
		inspectSequence(&b, s)
		return b.String()
	}
	b.WriteString("\nformats     " + joinCounts(s.Formats) + "\n")
	if s.Turned > 0 {
		fmt.Fprintf(&b, "EXIF        %s stored turned or mirrored\n", counted(s.Turned, "picture is", "pictures are"))
	}
	inspectClasses(&b, s)
	inspectSizes(&b, s)
	inspectFields(&b, s)
	return b.String()
}

// inspectSequence describes samples that are sequences.
func inspectSequence(b *strings.Builder, s *inspect.Summary) {
	q, axis := s.Sequence, source.Printable(s.Sequence.Axis)
	fmt.Fprintf(b, "\nsequence    %s: %s", source.Printable(q.Field), q.DType)
	if q.Features > 0 {
		fmt.Fprintf(b, " [%s, %d]", axis, q.Features)
	}
	if q.Text {
		b.WriteString(", with the raw text")
	}
	if t := s.Tokenizer; t != nil {
		fmt.Fprintf(b, "\ntokenizer   %s, %s", source.Printable(t.Tokenizer), counted(t.Vocabulary, "id", "ids"))
		for _, special := range []struct {
			name string
			id   *int64
		}{{"padding", t.Pad}, {"start", t.Start}, {"end", t.End}, {"unknown", t.Unknown}} {
			if special.id != nil {
				fmt.Fprintf(b, ", %s %d", special.name, *special.id)
			}
		}
		if t.File != "" {
			fmt.Fprintf(b, "; in %s, sha256 %.16s", source.Printable(t.File), source.Printable(t.SHA256))
		}
	}
	unit := "tokens"
	if s.Tokenizer == nil {
		unit = "elements"
	}
	fmt.Fprintf(b, "\ntotal       %s %s; padded to the longest, %.0f %% would be padding\n", progress.Count(s.Total), unit, 100*s.Padding)
	inspectClasses(b, s)
	distributions(b, []distributionRow{{unit, *s.Tokens, progress.Count}, {"bytes", s.Length, progress.Bytes}})
	histogram(b, unit, *s.Tokens, progress.Count)
	inspectFields(b, s)
}

// counted puts the right form of a noun behind a number.
func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return progress.Count(n) + " " + many
}

func compact(options json.RawMessage) string {
	var v any
	if json.Unmarshal(options, &v) != nil {
		return "{}"
	}
	data, err := json.Marshal(v)
	if err != nil {
		return "{}"
	}
	return string(data)
}

func joinCounts(counts []inspect.Count) string {
	var parts []string
	for _, c := range counts {
		parts = append(parts, fmt.Sprintf("%s %s", c.Name, progress.Count(c.Samples)))
	}
	return strings.Join(parts, ", ")
}

// manyClasses is the number above which only the largest and smallest classes
// are shown.
const manyClasses = 20

func inspectClasses(b *strings.Builder, s *inspect.Summary) {
	if s.Unlabeled > 0 {
		fmt.Fprintf(b, "no label    %s\n", progress.Count(s.Unlabeled))
	}
	if len(s.Classes) == 0 {
		return
	}
	classes := slices.Clone(s.Classes)
	slices.SortStableFunc(classes, func(a, b inspect.Count) int { return cmp.Compare(b.Samples, a.Samples) })
	if n := classes[0].Samples; n == classes[len(classes)-1].Samples {
		fmt.Fprintf(b, "classes     %s each\n", counted(n, "sample", "samples"))
		return
	}
	b.WriteString("\nclasses\n")
	if len(classes) <= manyClasses {
		bars(b, s.Classes)
		return
	}
	few := append(slices.Clone(classes[:manyClasses/2]), inspect.Count{Name: "...", Samples: -1})
	bars(b, append(few, classes[len(classes)-manyClasses/4:]...))
}

func inspectSizes(b *strings.Builder, s *inspect.Summary) {
	distributions(b, []distributionRow{{"width", s.Width, pixels}, {"height", s.Height, pixels}, {"bytes", s.Length, progress.Bytes}})
	histogram(b, "width", s.Width, pixels)
	histogram(b, "height", s.Height, pixels)
	histogram(b, "bytes", s.Length, progress.Bytes)
}

// distributionRow is a line of the table of distributions.
type distributionRow struct {
	name string
	d    inspect.Distribution
	text func(int64) string
}

func distributions(b *strings.Builder, rows []distributionRow) {
	fmt.Fprintf(b, "\n%-8s %10s %10s %10s %10s %10s %10s\n", "", "min", "5 %", "median", "mean", "95 %", "max")
	for _, row := range rows {
		fmt.Fprintf(b, "%-8s", row.name)
		for _, v := range []int64{row.d.Min, row.d.P5, row.d.Median, int64(row.d.Mean + 0.5), row.d.P95, row.d.Max} {
			fmt.Fprintf(b, " %10s", row.text(v))
		}
		b.WriteByte('\n')
	}
}

func pixels(n int64) string { return fmt.Sprint(n) }

func histogram(b *strings.Builder, title string, d inspect.Distribution, text func(int64) string) {
	if len(d.Bins) < 2 {
		return // all are equal: the table says it
	}
	var counts []inspect.Count
	for _, bin := range d.Bins {
		counts = append(counts, inspect.Count{Name: text(bin.From) + " to " + text(bin.To), Samples: bin.Count})
	}
	fmt.Fprintf(b, "\n%s\n", title)
	bars(b, counts)
}

// barWidth is the width of the longest bar in characters.
const barWidth = 40

// bars draws one horizontal bar for each count, to an eighth of a character. A
// negative count is a gap. Names come from datasets of anybody: what could move
// the cursor is written as escapes.
func bars(b *strings.Builder, counts []inspect.Count) {
	eighths := []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}
	counts = slices.Clone(counts)
	longest, most := 0, int64(1)
	for i, c := range counts {
		counts[i].Name = source.Printable(c.Name)
		longest, most = max(longest, utf8.RuneCountInString(counts[i].Name)), max(most, c.Samples)
	}
	for _, c := range counts {
		if c.Samples < 0 {
			fmt.Fprintf(b, "  %*s\n", longest, c.Name)
			continue
		}
		n := int(8 * barWidth * c.Samples / most)
		if n == 0 && c.Samples > 0 {
			n = 1
		}
		fmt.Fprintf(b, "  %*s  %s%s %s\n", longest, c.Name, strings.Repeat("█", n/8), eighths[n%8], progress.Count(c.Samples))
	}
}

func inspectFields(b *strings.Builder, s *inspect.Summary) {
	if len(s.Fields) == 0 {
		return
	}
	b.WriteString("\nfields\n")
	for _, f := range s.Fields {
		fmt.Fprintf(b, "  %-16s %-8s", source.Printable(f.Name), f.Type)
		if f.Min != nil {
			fmt.Fprintf(b, " %g to %g", *f.Min, *f.Max)
		}
		if f.Type == dataset.Utf8 {
			fmt.Fprintf(b, " up to %d bytes", f.MaxBytes)
		}
		if f.Nulls > 0 {
			fmt.Fprintf(b, ", %s without a value", progress.Count(f.Nulls))
		}
		b.WriteByte('\n')
	}
}
