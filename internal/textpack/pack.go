// Package textpack makes a dataset of token ids, or of other sequences of numbers,
// from rows of text: `stoker pack --text`.
//
//	first pass    rows -> facts: fields and their types, classes, words, ids
//	second pass   rows -> tokens, in parallel -> in order -> dataset.Writer
//
// The result depends on the source, the options that its manifest records and the
// tokenizer, never on the number of workers or on interruptions: the journal keeps
// how many rows of the source are done, and a run that was killed goes on there. It
// makes the first pass again, and refuses to go on where that comes out otherwise,
// such as with another vocabulary.
//
// Run starts the goroutines of inOrder, twice, and with a tokenizer.json one
// process for each worker; it waits for all. Memory is that of a few chunks of rows
// for each worker, and of the distinct words where a vocabulary is counted.
package textpack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/source"
	"stoker/internal/text"
	"stoker/internal/tokenize"
)

// Summary says what was packed. The JSON names are those of `stoker pack --json`.
type Summary struct {
	Output      string            `json:"output"`
	Format      string            `json:"format"`
	Samples     int64             `json:"samples"`
	Tokens      int64             `json:"tokens"` // elements of all samples
	Longest     int64             `json:"longest"`
	Unknown     int64             `json:"unknown"` // tokens of this run that the vocabulary of words lacks
	Bytes       int64             `json:"bytes"`   // of all files of the dataset
	SourceBytes int64             `json:"source_bytes"`
	Shards      int               `json:"shards"`
	Classes     []string          `json:"classes"`
	Fields      []dataset.Field   `json:"fields"`
	Sequence    *dataset.Sequence `json:"sequence"`
	Tokenizer   *dataset.Tokens   `json:"tokenizer,omitempty"`
	Fingerprint string            `json:"fingerprint"`
	Bad         []dataset.BadRow  `json:"bad"`
	Notes       []string          `json:"notes"`

	// Of this run: a run that continues another counts its own part.
	Resumed  int64   `json:"resumed"` // rows of the source done by earlier runs
	Seconds  float64 `json:"seconds"`
	RowsPerS float64 `json:"rows_per_s"`
	MBPerS   float64 `json:"mb_per_s"` // 10^6 bytes of source
}

// packer is one run.
type packer struct {
	opts      Options
	files     *text.Files
	name      string // of the sequence, where the source has none
	facts     *facts
	kept      []*text.Chunk // all of the source, where it is small: see keepBytes
	classes   []string
	names     map[string]int64 // of classes; nil where labels are numbers
	fields    []dataset.Field
	sequence  dataset.Sequence
	tokens    *dataset.Tokens // nil where the numbers are no tokens
	tokenizer tokenize.Tokenizer
	encoders  encoders
	library   string // version of the tokenizers library
	writer    *dataset.Writer
	notes     []string
	first     int64 // rows of the source that earlier runs did
	done      int64
	unknown   int64
}

// Run packs. Errors are *errs.Error: Invalid, NotFound and Unsupported for the
// options and the source; the kind of the first bad row where SkipBad is not set;
// Mismatch where an unfinished dataset of that name has another source, tokenizer
// or other options; Canceled after ctx ended; Exhausted, Permission, Transient from
// the disk. After those of writing what was written is kept, and the same call
// continues.
func Run(ctx context.Context, o Options) (*Summary, error) {
	start := time.Now()
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := checkOutput(o); err != nil {
		return nil, err
	}
	o.Read.IDs = o.Tokenizer == tokenIDs
	files, err := text.Find(o.Source, o.Read, o.Output, o.Output+".partial")
	if err != nil {
		return nil, err
	}
	p := &packer{opts: o, files: files}
	defer p.closeTokenizer()
	defer p.encoders.close()
	if err := p.prepare(ctx); err != nil {
		return nil, p.explain(ctx, err)
	}
	if err := p.openWriter(); err != nil {
		return nil, err
	}
	defer p.writer.Close() //nolint:errcheck // after Commit it does nothing; before, another error is on its way
	if err := p.pack(ctx); err != nil {
		return nil, p.explain(ctx, err)
	}
	return p.commit(start)
}

// checkOutput refuses before long work what dataset.NewWriter would after it.
func checkOutput(o Options) error {
	if err := dataset.CheckTarget(o.Output, o.Overwrite); err != nil {
		return err
	}
	parent := filepath.Dir(filepath.Clean(o.Output))
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		return errs.New(errs.NotFound, "the folder %s, in which it is to be made, does not exist", parent).At(o.Output).
			WithHint("make it first: mkdir -p %s", parent)
	}
	return nil
}

// prepare settles which values are packed and as what: all that the writer's head
// records.
func (p *packer) prepare(ctx context.Context) error {
	if err := p.findField(); err != nil {
		return err
	}
	if err := p.openTokenizer(ctx); err != nil {
		return err
	}
	p.encoders.start(ctx, p.tokenizer, p.opts.Workers) // processes start while rows are counted
	if err := p.scan(ctx); err != nil {
		return err
	}
	if err := p.settle(); err != nil {
		return err
	}
	p.encoders.start(ctx, p.tokenizer, p.opts.Workers)
	return nil
}

// maxNames is the number of fields that findField looks at.
const maxNames = 1000

// findField chooses the field of the sequence and that of the label where the
// options leave it open, by the first rows.
func (p *packer) findField() error {
	reader := p.files.Reader(0)
	defer reader.Close() //nolint:errcheck // only read
	var c text.Chunk
	if err := reader.Next(&c); err != nil {
		if errors.Is(err, io.EOF) {
			return p.noRows()
		}
		return err
	}
	var rec text.Record
	var has []string // names of the first rows' fields
	for i := range c.Len() {
		if c.Parse(i, &rec) != nil {
			continue
		}
		for _, m := range rec {
			if !slices.Contains(has, m.Name) && len(has) < maxNames {
				has = append(has, m.Name)
			}
		}
	}
	for _, name := range has {
		if lower := strings.ToLower(name); p.opts.Label == "" && (lower == "label" || lower == "class") && name != p.opts.Field {
			p.opts.Label = name
		}
	}
	switch {
	case p.opts.Label == "none":
		p.opts.Label = ""
	case !p.files.Columned(): // the name given is that under which it is stored
		p.name, p.opts.Field = p.opts.Field, text.FieldName
	}
	if p.opts.Field != "" && !slices.Contains(has, p.opts.Field) && len(has) > 0 && len(has) < maxNames {
		return errs.New(errs.NotFound, "none of the first %d rows has the field %q", c.Len(), p.opts.Field).At(p.opts.Source).
			WithHint("they have %s", strings.Join(has, ", "))
	}
	if p.opts.Field == "" {
		return errs.New(errs.Invalid, "which field holds the text or the numbers?").At(p.opts.Source).
			WithHint("say it with --text FIELD; the first rows have %s", strings.Join(has, ", "))
	}
	return nil
}

// settle makes the writer's head of what the first pass found.
func (p *packer) settle() (err error) {
	f := p.facts
	if p.classes = p.files.Classes; p.opts.Label != "" {
		if p.classes, err = f.classes(&p.opts); err != nil {
			return err
		}
		if p.classes != nil {
			p.names = make(map[string]int64, len(p.classes))
			for i, name := range p.classes {
				p.names[name] = int64(i)
			}
		}
	}
	if err := p.settleSequence(); err != nil {
		return err
	}
	var notes []string
	if p.fields, notes, err = f.furtherFields(&p.opts, p.sequence.Field); err != nil {
		return err
	}
	if n := f.rows - f.kept; n > 0 && len(p.opts.Where) > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d rows do not meet --where", n, f.rows))
	}
	if p.opts.Label != "" && f.noLabel > 0 {
		notes = append(notes, fmt.Sprintf("%d rows have no label; it is -1 there", f.noLabel))
	}
	if p.files.Left > 0 {
		notes = append(notes, fmt.Sprintf("left out %d files that are no %s", p.files.Left, p.files.Format))
	}
	p.notes = append(p.notes, notes...)
	return nil
}

func (p *packer) openWriter() (err error) {
	r := p.opts.recipe()
	r.Library = p.library
	var file []byte
	if p.tokenizer != nil {
		_, file = p.tokenizer.Describe()
	}
	p.writer, err = dataset.NewWriter(p.opts.Output, dataset.WriterOptions{
		Kind: dataset.KindSequences, Classes: p.classes, Fields: p.fields, CreatedBy: p.opts.CreatedBy, Options: r,
		Source: p.files.Fingerprint(), Sequence: &p.sequence, Tokens: p.tokens, TokenFile: file,
		Overwrite: p.opts.Overwrite, Restart: p.opts.Restart,
	})
	return err
}

// commit completes the dataset and counts.
func (p *packer) commit(start time.Time) (*Summary, error) {
	p.opts.Progress.Phase("finishing", "rows", 0, 0)
	done, bad := p.writer.Done()
	if done == 0 {
		return nil, p.nothingPacked(bad)
	}
	m, err := p.writer.Commit(nil)
	if err != nil {
		return nil, p.keepHint(err)
	}
	s := &Summary{Output: p.opts.Output, Format: p.files.Format, Samples: m.Samples, Bytes: m.Bytes(), SourceBytes: p.files.Bytes(),
		Unknown: p.unknown, Shards: len(m.Shards), Classes: m.Classes, Fields: m.Fields, Sequence: m.Sequence,
		Tokenizer: m.Tokens, Fingerprint: m.Fingerprint, Bad: bad, Notes: p.notes, Resumed: p.first}
	if err := s.lengths(); err != nil {
		return nil, err
	}
	s.Seconds = time.Since(start).Seconds()
	s.RowsPerS = float64(p.done-p.first) / s.Seconds
	s.MBPerS = float64(s.SourceBytes) / 1e6 / s.Seconds
	if s.Notes == nil { // lists in JSON, as classes are
		s.Notes = []string{}
	}
	if s.Bad == nil {
		s.Bad = []dataset.BadRow{}
	}
	return s, nil
}

// lengths counts the elements of the finished dataset, those of earlier runs too.
func (s *Summary) lengths() error {
	d, err := dataset.Open(s.Output)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only read
	lengths, err := d.Lengths()
	for _, n := range lengths {
		s.Tokens += int64(n)
		s.Longest = max(s.Longest, int64(n))
	}
	return err
}

// Errors.

// reason is the text of a ledger line.
func reason(err error) string { return strings.ReplaceAll(err.Error(), "\n", " ") }

// rowError is the error of a row that cannot be packed.
func (p *packer) rowError(key string, err error) error {
	hint := errs.HintOf(err)
	if hint != "" {
		hint += "; or "
	}
	e := errs.New(errs.KindOf(err), "%s: %w", source.Printable(key), err).At(p.opts.Source)
	if at, ok := strings.CutPrefix(key, filepath.Base(p.opts.Source)+":"); ok { // the source is that file
		e = errs.New(errs.KindOf(err), "%w", err).At(p.opts.Source + ":" + at)
	}
	return e.WithHint("%srepair it, or leave such rows out and list them with --on-bad skip", hint)
}

func (p *packer) noRows() error { return errs.New(errs.NotFound, "holds no rows").At(p.opts.Source) }

func (p *packer) nothingPacked(bad []dataset.BadRow) error {
	if len(bad) == 0 {
		return errs.New(errs.NotFound, "no row meets the conditions %v", p.opts.Where).At(p.opts.Source)
	}
	return errs.New(errs.Invalid, "no row could be packed: all %d are bad, such as %s: %s", len(bad), bad[0].Path, bad[0].Reason).At(p.opts.Source)
}

// explain puts an error of a pass in words for the user.
func (p *packer) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return errs.New(errs.Canceled, "stopped after %d rows", p.done).At(p.opts.Output).
			WithHint("run the same command again: it continues where it stopped")
	}
	return p.keepHint(err)
}

// keepHint adds to errors that say nothing better what the user can do.
func (p *packer) keepHint(err error) error {
	if errs.HintOf(err) != "" || p.writer == nil {
		return err
	}
	return errs.New(errs.KindOf(err), "%w", err).WithHint("what was written is kept; run the same command again to continue")
}
