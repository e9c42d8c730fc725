package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"stoker/internal/errs"
	"stoker/internal/pack"
	"stoker/internal/progress"
	"stoker/internal/source"
	"stoker/internal/text"
	"stoker/internal/textpack"
)

// textFlags are the options of `stoker pack` for text and other sequences.
type textFlags struct {
	o        textpack.Options
	sequence string
	where    []string
	fields   string
	noStart  bool
}

const packTextHelp = `

Text and other sequences: SRC is a JSONL, CSV, TSV, Parquet or Arrow file, a folder of
such files, or a folder of text files (the first folder is the class); JSONL, CSV and
text also as .gz or .zst. --text names the field with the text and --tokenizer says what
becomes of it:

  words           ids of the most frequent words of SRC (--vocabulary), as in Keras's
                  IMDB set: 0 padding, 1 start, 2 unknown, then the words
  bytes           the bytes of the text
  tokenizer.json  any Hugging Face tokenizer on disk, by the tokenizers library itself,
                  in Python processes (--python)
  DATASET.stk     the tokenizer of that dataset: pack a test set with the words of the
                  training set
  ids             the field holds ids already: lists of whole numbers; an array in .npy,
                  or nanoGPT's .bin (uint16), cut at --document-separator or --chunk

--sequence FIELD packs lists of numbers, or of lists of equal length ([time, features]),
as they are. Samples are stored without padding.`

func (f *textFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.o.Field, "text", "", "pack the text, or with --tokenizer ids the lists of ids, in this `field`")
	flags.StringVar(&f.o.Tokenizer, "tokenizer", "", "words, bytes, ids, the path of a tokenizer.json, or of a dataset to take it from")
	flags.StringVar(&f.sequence, "sequence", "", "pack the lists of numbers in this `field`, which are no tokens")
	flags.StringVar(&f.o.Label, "label", "", "`field` with the label, numbers or names (default label or class, where there is one; none for none)")
	flags.StringArrayVar(&f.where, "where", nil, "only rows with `FIELD=VALUE`, or FIELD!=VALUE; may be given again")
	flags.StringVar(&f.fields, "fields", "", "further `fields` to keep, such as id,stars (default all that are no lists; none for none)")
	flags.Int64Var(&f.o.Vocabulary, "vocabulary", 0, "most ids of words, special ones included (default 20,000); with ids, the number of ids there are")
	flags.IntVar(&f.o.MaxLength, "max-length", 0, "cut sequences at so many tokens (default as the tokenizer.json says, else never)")
	flags.BoolVar(&f.noStart, "no-special", false, "no start token, no special tokens of a tokenizer.json")
	flags.StringVar(&f.o.Python, "python", "", "Python with the tokenizers library (default $STOKER_PYTHON, else python3)")
	flags.BoolVar(&f.o.KeepText, "keep-text", false, "keep the raw text beside the tokens")
	flags.BoolVar(&f.o.KeepEmpty, "keep-empty", false, "keep sequences of length 0, which are bad rows otherwise")
	flags.StringVar(&f.o.DType, "dtype", "", "store --sequence as uint16, int32, int64, float32 or float64 (default whole numbers as they are, others float32)")
	flags.StringVar(&f.o.Axis, "axis", "", "name of the axis whose length varies (default tokens, of --sequence time)")
	flags.Int64Var(&f.o.Read.Separator, "document-separator", -1, "a document of a .bin or .npy of ids ends behind this `id`")
	flags.Int64Var(&f.o.Read.Chunk, "chunk", 0, "cut a .bin or .npy of ids into pieces of `N`")
}

// wanted reports whether the flags or the source ask for sequences.
func (f *textFlags) wanted(src string) bool {
	info, err := os.Stat(src)
	return f.o.Field != "" || f.o.Tokenizer != "" || f.sequence != "" || err == nil && info.Mode().IsRegular() && text.Known(src)
}

// options completes the options with those that all sources share.
func (f *textFlags) options(src string, shared pack.Options, skipBad bool) (textpack.Options, error) {
	o := f.o
	o.Source, o.Output, o.Overwrite, o.Restart = src, shared.Output, shared.Overwrite, shared.Restart
	o.Workers, o.Limit, o.SkipBad, o.NoSpecial = shared.Workers, shared.Source.Limit, skipBad, f.noStart
	switch {
	case f.sequence != "" && (o.Field != "" || o.Tokenizer != ""):
		return o, errs.New(errs.Invalid, "--sequence packs numbers as they are, --text and --tokenizer make tokens: give one of them")
	case f.sequence != "":
		o.Field = f.sequence
	case o.Tokenizer == "":
		return o, errs.New(errs.Invalid, "how is the text to become tokens?").At(src).
			WithHint("say it with --tokenizer words, bytes, ids, or the path of a tokenizer.json; lists of numbers that are no tokens go by --sequence FIELD")
	}
	for _, s := range f.where {
		w, err := textpack.ParseWhere(s)
		if err != nil {
			return o, err
		}
		o.Where = append(o.Where, w)
	}
	if f.fields == "none" {
		o.NoFields = true
	} else if f.fields != "" {
		o.Fields = strings.Split(f.fields, ",")
	}
	return o, nil
}

func runPackText(ctx context.Context, out io.Writer, src string, f *textFlags, shared pack.Options, pf packFlags) error {
	skipBad, err := oneOf("--on-bad", pf.onBad, "fail", "skip")
	if err != nil {
		return err
	}
	o, err := f.options(src, shared, skipBad)
	if err != nil {
		return err
	}
	o.CreatedBy = "stoker " + version
	o.Progress = progress.Start(progress.Detect(os.Stderr, pf.quiet || pf.json, os.Getenv))
	summary, err := textpack.Run(ctx, o)
	o.Progress.Stop()
	switch {
	case err != nil:
		return err
	case pf.json:
		return printJSON(out, summary)
	case pf.quiet:
		return nil
	}
	_, err = io.WriteString(out, packTextSummary(summary))
	return err
}

// packTextSummary says what was packed, for people.
func packTextSummary(s *textpack.Summary) string {
	var b strings.Builder
	what := number(int(s.Samples), "sequence")
	if n := len(s.Classes); n > 0 {
		what += fmt.Sprintf(" of %s", number(n, "class"))
	}
	fmt.Fprintf(&b, "packed %s into %s\n", what, s.Output)
	unit := "tokens"
	if s.Tokenizer == nil {
		unit = "elements"
	}
	fmt.Fprintf(&b, "  %s %s, %.1f on average, %s at most, stored as %s without padding\n", progress.Count(s.Tokens), unit,
		float64(s.Tokens)/float64(max(s.Samples, 1)), progress.Count(s.Longest), s.Sequence.DType)
	if t := s.Tokenizer; t != nil {
		fmt.Fprintf(&b, "  tokenizer %s, %s ids", t.Tokenizer, progress.Count(t.Vocabulary))
		if s.Unknown > 0 {
			fmt.Fprintf(&b, "; %.1f %% of the tokens are not in the vocabulary", 100*float64(s.Unknown)/float64(max(s.Tokens, 1)))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "  %s of %s became %s in %s, in %s: %s rows/s\n",
		progress.Bytes(s.SourceBytes), s.Format, progress.Bytes(s.Bytes), number(s.Shards, "shard"),
		time.Duration(s.Seconds*float64(time.Second)).Round(10*time.Millisecond), progress.Count(int64(s.RowsPerS)))
	if s.Resumed > 0 {
		fmt.Fprintf(&b, "  continued an interrupted run that had done %s rows\n", progress.Count(s.Resumed))
	}
	for _, n := range s.Notes {
		fmt.Fprintf(&b, "  %s\n", source.Printable(n))
	}
	listBad(&b, s.Bad, s.Output, "bad row")
	fmt.Fprintf(&b, "use it:  loader = stoker.Loader(%q, batch_size=64)\n", s.Output)
	return b.String()
}
