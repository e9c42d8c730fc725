package textpack

import (
	"context"
	"math"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/text"
)

// keepBytes is the most that the first pass keeps for the second: where all of the
// source fits it is read, and decompressed, once.
const keepBytes = 64 << 20

// scanner is one worker of the first pass.
type scanner struct {
	rows    rowReader
	facts   *facts
	numbers text.Value
}

// scan makes the first pass. Bad rows count for nothing in it; unless they are to
// be left out the first of them ends it.
func (p *packer) scan(ctx context.Context) error {
	o := &p.opts
	o.Progress.Phase("counting", "rows", 0, p.files.Bytes())
	workers := make([]*scanner, o.Workers)
	for i := range workers {
		workers[i] = &scanner{rows: rowReader{opts: o}, facts: newFacts()}
	}
	reader := p.files.Reader(0)
	defer reader.Close() //nolint:errcheck // only read
	read, held := int64(0), 0
	err := inOrder(ctx, o, func(j *job) error { return reader.Next(j.chunk) },
		func(worker int, j *job) error { p.scanChunk(workers[worker], j); return nil },
		func(j *job) error {
			if j.out.bad != nil {
				return j.out.bad
			}
			now := reader.Bytes()
			o.Progress.Add(int64(j.chunk.Len()), now-read)
			read = now
			if held += j.chunk.Bytes(); held <= keepBytes {
				p.kept = append(p.kept, j.chunk)
				j.chunk = nil
			} else {
				p.kept = nil
			}
			return nil
		})
	if err != nil {
		return err
	}
	p.facts = workers[0].facts
	for _, w := range workers[1:] {
		p.facts.merge(w.facts)
	}
	if p.facts.rows == 0 {
		return p.noRows()
	}
	return nil
}

// scanChunk takes in the rows of a chunk; the first bad one stays in the job.
func (p *packer) scanChunk(s *scanner, j *job) {
	j.out.bad = nil
	for i := range j.chunk.Len() {
		if o := &p.opts; o.Limit > 0 && j.chunk.Position(i) >= o.Limit {
			break
		}
		s.facts.rows++
		row, take, err := s.rows.read(j.chunk, i)
		if !take {
			continue
		}
		if err == nil {
			err = p.scanRow(s, &row)
		}
		if err != nil && !p.opts.SkipBad && j.out.bad == nil {
			j.out.bad = p.rowError(row.key, err)
		}
	}
}

func (p *packer) scanRow(s *scanner, row *chosen) error {
	if p.opts.numbers() {
		if err := readNumbers(row.value, &s.numbers); err != nil {
			return err
		}
		return s.facts.add(&p.opts, row, &s.numbers)
	}
	if p.countsWords() {
		s.facts.words.Add(row.value.Text)
	}
	return s.facts.add(&p.opts, row, nil)
}

// countsWords reports whether the vocabulary is made of the source's own words.
func (p *packer) countsWords() bool { return p.opts.Tokenizer == tokenWords }

// settleSequence settles the type of the elements and, of tokens, the vocabulary.
func (p *packer) settleSequence() error {
	o, f := &p.opts, p.facts
	p.sequence = dataset.Sequence{Field: "tokens", Axis: o.Axis, Text: o.KeepText}
	if o.Tokenizer == "" {
		p.sequence.Field, p.sequence.Features, p.sequence.DType = o.Field, f.features, f.dtype(o, p.files)
		if p.name != "" {
			p.sequence.Field = p.name
		}
		if dataset.ReservedSequenceField(p.sequence.Field) { // "text" among them
			p.sequence.Field = "values"
		}
		return nil
	}
	if err := p.makeTokenizer(); err != nil {
		return err
	}
	t := dataset.Tokens{Tokenizer: tokenIDs}
	if p.tokenizer != nil {
		t, _ = p.tokenizer.Describe()
	} else if err := f.vocabulary(o, &t); err != nil {
		return err
	}
	t.DType = "int32"
	if t.Vocabulary <= math.MaxUint16+1 {
		t.DType = "uint16"
	}
	p.tokens, p.sequence.DType = &t, t.DType
	return nil
}

// vocabulary settles the number of ids of tokens that were made elsewhere.
func (f *facts) vocabulary(o *Options, t *dataset.Tokens) error {
	switch {
	case f.features > 0:
		return errs.New(errs.Invalid, "%q holds lists of lists, not token ids", o.Field)
	case f.fractions:
		return errs.New(errs.Invalid, "%q holds fractions: token ids are whole numbers", o.Field).WithHint("without --tokenizer they are packed as numbers")
	}
	t.Vocabulary = o.Vocabulary
	if t.Vocabulary == 0 {
		t.Vocabulary = min(max(f.high, 0), maxVocabulary-1) + 1
	}
	return nil
}

// dtype returns the type of numbers that are no tokens.
func (f *facts) dtype(o *Options, files *text.Files) string {
	switch {
	case o.DType != "":
		return o.DType
	case files.DType != "":
		return files.DType
	case f.fractions || f.elements == 0:
		return "float32"
	case f.low >= 0 && f.high <= math.MaxUint16:
		return "uint16"
	case f.low >= math.MinInt32 && f.high <= math.MaxInt32:
		return "int32"
	}
	return "int64"
}
