package textpack

import (
	"context"
	"io"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/source"
	"stoker/internal/text"
	"stoker/internal/tokenize"
)

// output is what a worker makes of a chunk.
type output struct {
	rows    []packedRow
	values  []dataset.Value // of the rows, one after another
	blobs   []byte
	texts   []byte // of the rows, copied: a record's are gone with the next
	bad     error  // of the first pass: the first bad row
	unknown int64
}

// packedRow is a row on its way to the writer.
type packedRow struct {
	position int64 // of the source, behind the row
	key      string
	label    int64
	blob     [2]int // in output.blobs
	text     [2]int // in output.texts
	values   [2]int // in output.values
	bad      error
}

// packWorker is one worker of the second pass.
type packWorker struct {
	rows    rowReader
	encoder tokenize.Encoder
	ids     tokenize.IDs
	numbers text.Value
	texts   [][]byte // to be encoded
	of      []int    // their rows in output.rows
}

// pack makes the second pass, behind what earlier runs did.
func (p *packer) pack(ctx context.Context) error {
	o := &p.opts
	p.first = p.writer.Position()
	p.done = p.first
	if err := p.encoders.ready(); err != nil {
		return err
	}
	wide := *o
	if _, ok := p.tokenizer.(*tokenize.Library); ok {
		wide.Workers *= 2 // one makes the next batch while the process works on the last
	}
	workers := make([]*packWorker, wide.Workers)
	for i := range workers {
		workers[i] = &packWorker{rows: rowReader{opts: o}}
		if n := len(p.encoders.list); n > 0 {
			workers[i].encoder = p.encoders.list[i%n]
		}
	}
	o.Progress.Phase("packing", "rows", p.facts.rows, 0)
	o.Progress.Resume(p.first, 0)
	reader := p.files.Reader(p.first)
	defer reader.Close() //nolint:errcheck // only read
	next := func(j *job) error { return reader.Next(j.chunk) }
	if p.kept != nil {
		next = p.nextKept
	}
	return inOrder(ctx, &wide, next,
		func(worker int, j *job) error { return p.packChunk(workers[worker], j) },
		p.write)
}

// nextKept hands out the chunks that the first pass kept.
func (p *packer) nextKept(j *job) error {
	for len(p.kept) > 0 {
		j.chunk = p.kept[0]
		p.kept[0] = nil
		p.kept = p.kept[1:]
		if j.chunk.Position(j.chunk.Len()) > p.first {
			return nil
		}
	}
	return io.EOF
}

// packChunk tokenizes the rows of a chunk.
func (p *packer) packChunk(w *packWorker, j *job) error {
	out := &j.out
	out.rows, out.values, out.blobs, out.texts, out.unknown = out.rows[:0], out.values[:0], out.blobs[:0], out.texts[:0], 0
	w.texts, w.of = w.texts[:0], w.of[:0]
	for i := range j.chunk.Len() {
		if o := &p.opts; o.Limit > 0 && j.chunk.Position(i) >= o.Limit {
			break
		}
		if j.chunk.Position(i) < p.first { // of a kept chunk that an earlier run did in part
			continue
		}
		row, take, err := w.rows.read(j.chunk, i)
		if !take {
			continue
		}
		packed := packedRow{position: row.position + 1, key: row.key, label: row.class}
		if err == nil {
			err = p.packRow(w, out, &row, &packed)
		}
		packed.bad = err
		out.rows = append(out.rows, packed)
	}
	if p.tokenizer == nil {
		return nil
	}
	// Texts may have moved while they were gathered.
	for _, r := range w.of {
		w.texts = append(w.texts, out.texts[out.rows[r].text[0]:out.rows[r].text[1]])
	}
	return p.encode(w, out, j.chunk)
}

// packRow makes label, fields and, of numbers, the elements of a row; texts are
// gathered.
func (p *packer) packRow(w *packWorker, out *output, row *chosen, packed *packedRow) (err error) {
	if p.opts.Label != "" {
		if packed.label, err = labelNumber(row.label, p.opts.Label, p.names); err != nil {
			return err
		}
	}
	packed.values[0] = len(out.values)
	for _, f := range p.fields {
		v, err := fieldValue(row.rec.Get(f.Name), f)
		if err == nil && len(v.Text) > dataset.MaxTextBytes {
			err = errs.New(errs.Unsupported, "%q has %d bytes; a further field may have %d", f.Name, len(v.Text), dataset.MaxTextBytes).
				WithHint("leave the field out: --fields with the others")
		}
		if err == nil {
			err = text.CheckText([]byte(v.Text))
		}
		if err != nil {
			return err
		}
		out.values = append(out.values, v)
	}
	packed.values[1] = len(out.values)
	if p.tokenizer != nil {
		from := len(out.texts)
		out.texts = append(out.texts, row.value.Text...)
		packed.text = [2]int{from, len(out.texts)}
		w.of = append(w.of, len(out.rows))
		return nil
	}
	return p.packNumbers(w, out, row, packed)
}

// packNumbers makes the elements of a row whose source has numbers.
func (p *packer) packNumbers(w *packWorker, out *output, row *chosen, packed *packedRow) error {
	v := &w.numbers
	if err := readNumbers(row.value, v); err != nil {
		return err
	}
	if v.Len() > 0 && v.Features != p.sequence.Features {
		return errs.New(errs.Invalid, "its elements have %d numbers, those of the others %d (0 = they are single numbers)", v.Features, p.sequence.Features)
	}
	if most := p.opts.MaxLength * max(v.Features, 1); p.opts.MaxLength > 0 && v.Len() > most {
		v.Ints, v.Floats = v.Ints[:min(most, len(v.Ints))], v.Floats[:min(most, len(v.Floats))]
	}
	if p.tokens != nil {
		for i := range v.Len() {
			if n, whole := v.Integer(i); !whole || n < 0 || n >= p.tokens.Vocabulary {
				return errs.New(errs.Invalid, "token %d is %g; ids are whole numbers from 0 to %d", i, v.Number(i), p.tokens.Vocabulary-1)
			}
		}
	}
	from := len(out.blobs)
	var err error
	if out.blobs, err = appendElements(out.blobs, v, p.sequence.DType); err != nil {
		out.blobs = out.blobs[:from]
		return err
	}
	return p.finishRow(out, packed, from)
}

// finishRow gives a row its blob, from the given place on.
func (p *packer) finishRow(out *output, packed *packedRow, from int) error {
	if packed.blob = [2]int{from, len(out.blobs)}; from == len(out.blobs) && !p.opts.KeepEmpty {
		return errs.New(errs.Invalid, "has no elements: its length would be 0").WithHint("keep such rows with --keep-empty")
	}
	return nil
}

// encode tokenizes the gathered texts of a chunk.
func (p *packer) encode(w *packWorker, out *output, c *text.Chunk) error {
	if len(w.texts) == 0 {
		return nil
	}
	if err := w.encoder.Encode(w.texts, &w.ids); err != nil {
		first, last := out.rows[w.of[0]].key, out.rows[w.of[len(w.of)-1]].key
		return errs.New(errs.KindOf(err), "rows %s to %s: %w", source.Printable(first), source.Printable(last), err).WithHint("%s", errs.HintOf(err))
	}
	unknown := p.unknownID()
	for i, r := range w.of {
		if len(w.ids.Bad) > 0 && w.ids.Bad[i] != nil {
			out.rows[r].bad = w.ids.Bad[i]
			continue
		}
		from := len(out.blobs)
		ids := w.ids.Of(i)
		for _, id := range ids {
			if int64(id) >= p.tokens.Vocabulary {
				return errs.New(errs.Internal, "the tokenizer made the id %d of a vocabulary of %d", id, p.tokens.Vocabulary).At(c.Key(0))
			}
			if int64(id) == unknown {
				out.unknown++
			}
		}
		out.blobs = appendIDs(out.blobs, ids, p.sequence.DType)
		out.rows[r].bad = p.finishRow(out, &out.rows[r], from)
	}
	return nil
}

// write takes the rows of a chunk to the writer, in order.
func (p *packer) write(j *job) error {
	out := &j.out
	p.unknown += out.unknown
	for i := range out.rows {
		r := &out.rows[i]
		row := dataset.Row{Key: r.key, Label: r.label, Blob: out.blobs[r.blob[0]:r.blob[1]], Position: r.position}
		if r.bad == nil {
			row.Values = out.values[r.values[0]:r.values[1]]
		}
		if err := p.writeRow(out, r, &row); err != nil {
			return err
		}
	}
	end := j.chunk.Position(j.chunk.Len())
	p.opts.Progress.Add(end-p.done, 0)
	p.done = end
	return nil
}

func (p *packer) writeRow(out *output, r *packedRow, row *dataset.Row) error {
	err := r.bad
	if err == nil {
		row.CRC = dataset.CRC32C(row.Blob)
		if p.opts.KeepText {
			row.Text = string(out.texts[r.text[0]:r.text[1]])
		}
		if err = p.writer.Append(row); err == nil {
			return nil
		}
		if !errs.Is(err, errs.Invalid) && !errs.Is(err, errs.Unsupported) {
			return err // not about this row: writing failed
		}
	}
	if !p.opts.SkipBad {
		return p.rowError(r.key, err)
	}
	p.writer.AppendBad(dataset.BadRow{Path: source.Printable(r.key), Reason: reason(err), Position: r.position})
	return nil
}
