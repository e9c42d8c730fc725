package engine

import (
	"encoding/binary"
	"math"
	"time"

	"stoker/internal/batching"
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/tensor"
)

// filler makes batches of sequences in their slots, one at a time.
type filler struct {
	session *Session
	blob    []byte // the stored bytes of the sample read last
	sample  dataset.Sample
	index   int64 // of it, and 1
	read    int64 // bytes
	reading time.Duration
	begins  []int64 // of the batch's samples in the cache

	// The fields of the batch being filled; nil where they are not asked for.
	tokens, mask                                  []byte
	lengths, starts, borders, segments, positions []int32
}

// fill makes all of a batch but its scalar columns.
func (f *filler) fill(b *batch) error {
	q, p := f.session.sequences, b.sequences
	f.open(b)
	f.read, f.reading = 0, 0
	f.begins = q.cache.find(f.begins[:0], p.micro.Pieces)
	b.indices = b.slot.indices[:0]
	var err error
	switch q.form {
	case packed:
		err = f.fillPacked(b)
	case varlen:
		err = f.fillVarlen(b)
	default:
		err = f.fillPadded(b)
	}
	b.slot.indices = b.indices
	b.valid = len(b.indices)
	b.totals.BytesRead = f.read
	if err != nil {
		return err
	}
	if len(p.micro.Pieces) > 0 && len(b.indices) == 0 {
		return errs.New(errs.Corrupt, "no sample of a batch can be used").
			WithHint("`stoker verify` lists every damaged sample of a dataset")
	}
	p.tells.Place = p.after.AppendJSON(nil)
	return nil
}

// open finds the fields in the batch's slot.
func (f *filler) open(b *batch) {
	s := f.session
	slot := b.slot.region.Bytes()
	bytes := func(name string) []byte {
		if field := s.layout.Field(name); field != nil {
			return slot[field.Offset:]
		}
		return nil
	}
	f.tokens = bytes(s.source.Manifest().Sequence.Field)
	f.mask = bytes(fieldMask)
	f.lengths, f.starts, f.borders = view[int32](bytes(fieldLengths)), view[int32](bytes(fieldStarts)), view[int32](bytes(fieldBorders))
	f.segments, f.positions = view[int32](bytes(fieldSegments)), view[int32](bytes(fieldPositions))
}

// piece returns the stored bytes of piece i of the batch; use is false where its
// sample is left out.
func (f *filler) piece(b *batch, i int) (blob []byte, use bool, err error) {
	s, p := f.session, &b.sequences.micro.Pieces[i]
	unit := int64(s.sequences.unit)
	f.prefetch(b, i+aheadPieces)
	from, n := int64(p.Offset)*unit, int64(p.Length)*unit
	if begin := f.begins[i]; begin >= 0 {
		b.indices = append(b.indices, p.Index)
		begin += from
		return s.sequences.cache.bytes[begin : begin+n : begin+n], true, nil
	}
	if f.index != p.Index+1 {
		f.index = 0
		if err := f.load(p.Index); err != nil {
			if s.opts.OnBad == Fail || !bad(err) {
				return nil, false, err
			}
			s.record(&job{batch: b, index: p.Index, err: err})
			if s.opts.OnBad == Substitute {
				return f.substitute(b, p, err)
			}
			b.skipped++
			return nil, false, nil
		}
		f.index = p.Index + 1
	}
	if from+n > int64(len(f.blob)) {
		return nil, false, errs.New(errs.Corrupt, "a sequence has %d bytes, and its length in the index says otherwise", len(f.blob)).
			InShard("", f.sample.Offset, s.source.Key(p.Index))
	}
	b.indices = append(b.indices, p.Index)
	return f.blob[from : from+n : from+n], true, nil
}

// aheadPieces is how many pieces before its turn one is asked for from memory: they
// lie anywhere in the cache, so that the processor cannot foresee the next.
const aheadPieces = 3

func (f *filler) prefetch(b *batch, i int) {
	if i >= len(f.begins) || f.begins[i] < 0 {
		return
	}
	q, p := f.session.sequences, &b.sequences.micro.Pieces[i]
	begin := f.begins[i] + int64(p.Offset)*int64(q.unit)
	prefetch(q.cache.bytes[begin : begin+int64(p.Length)*int64(q.unit)])
}

// drawnAtOnce are the samples of which the longest that fits takes a bad one's place.
const drawnAtOnce = 64

// substitute returns another sample in place of a bad piece: of some drawn ones the
// longest that is not longer than the piece, since the batch has no more room. The
// sample is left out where none is as short.
func (f *filler) substitute(b *batch, p *batching.Piece, first error) (blob []byte, use bool, err error) {
	s := f.session
	q := s.sequences
	draw := s.key.Sub(b.epoch).Sub(uint64(p.Index)).Sub(substituteStream).Source()
	for range substitutes {
		best := int64(-1)
		for range drawnAtOnce {
			i := int64(draw.IntN(len(q.lengths)))
			if n := q.lengths[i]; i != p.Index && n <= p.Length && (best < 0 || n > q.lengths[best]) {
				best = i
			}
		}
		if best < 0 {
			b.skipped++
			return nil, false, nil
		}
		if err = f.load(best); err == nil {
			f.index = best + 1
			b.indices = append(b.indices, best)
			return f.blob, true, nil
		}
		f.index = 0
		if !bad(err) {
			return nil, false, err
		}
	}
	return nil, false, errs.New(errs.Corrupt, "%d samples drawn in place of a bad one are bad too; the first: %w", substitutes, first).
		WithHint("`stoker verify` lists every damaged sample of a dataset")
}

// load reads a sample.
func (f *filler) load(index int64) (err error) {
	s := f.session
	begin := s.now()
	defer func() { f.reading += s.now() - begin }()
	if f.sample, err = s.source.Sample(index); err != nil {
		return err
	}
	f.blob, err = s.source.Read(&f.sample, index, f.blob[:0])
	f.read += f.sample.Length
	if err == nil {
		q := s.sequences
		q.cache.put(index, int64(q.lengths[index])*int64(q.unit), f.blob)
	}
	return err
}

// fillPadded writes each piece into a row of its own.
func (f *filler) fillPadded(b *batch) error {
	q, p := f.session.sequences, b.sequences
	width := int(p.micro.Width)
	for i := range p.micro.Pieces {
		blob, use, err := f.piece(b, i)
		if err != nil {
			return err
		}
		if !use {
			continue
		}
		row, n := p.rows, len(blob)/q.unit
		p.rows++
		f.write(row*width, n, blob)
		f.empty(row*width+n, width-n)
		setInt32(f.lengths, row, n)
		p.tells.Longest = max(p.tells.Longest, n)
	}
	for ; q.fullRows && p.rows < q.most.Rows; p.rows++ {
		f.empty(p.rows*width, width)
		setInt32(f.lengths, p.rows, 0)
	}
	p.tells.Width = width
	return nil
}

// fillVarlen writes the pieces one behind the other.
func (f *filler) fillVarlen(b *batch) error {
	q, p := f.session.sequences, b.sequences
	at := 0
	setInt32(f.borders, 0, 0)
	for i := range p.micro.Pieces {
		blob, use, err := f.piece(b, i)
		if err != nil {
			return err
		}
		if !use {
			continue
		}
		n := len(blob) / q.unit
		f.write(at, n, blob)
		at += n
		setInt32(f.borders, len(b.indices), at)
		setInt32(f.lengths, len(b.indices)-1, n)
		p.tells.Longest = max(p.tells.Longest, n)
	}
	p.rows, p.tells.Width = len(b.indices), at
	return nil
}

// fillPacked writes the pieces into their rows. The gap at the end of a row is a
// sequence of its own for cu_seqlens, so that those cover every place.
func (f *filler) fillPacked(b *batch) error {
	q, p := f.session.sequences, b.sequences
	width, borders := int(q.most.Width), 0
	setInt32(f.borders, 0, 0)
	border := func(at, length int) {
		borders++
		setInt32(f.borders, borders, at)
		p.tells.Longest = max(p.tells.Longest, length)
	}
	for row := range q.most.Rows {
		first, last := int32(0), int32(0)
		if row+1 < len(p.micro.Rows) {
			first, last = p.micro.Rows[row], p.micro.Rows[row+1]
		}
		at, end, segment := row*width, (row+1)*width, int32(0)
		for i := int(first); i < int(last); i++ {
			blob, use, err := f.piece(b, i)
			if err != nil {
				return err
			}
			if !use {
				continue
			}
			n := len(blob) / q.unit
			segment++
			f.write(at, n, blob)
			f.segment(at, n, segment)
			setInt32(f.starts, len(b.indices)-1, at)
			setInt32(f.lengths, len(b.indices)-1, n)
			at += n
			border(at, n)
		}
		if at < end {
			f.empty(at, end-at)
			f.segment(at, end-at, 0)
			border(end, end-at)
		}
	}
	f.padCounts(len(b.indices), borders, q.most.Rows*width)
	p.rows, p.tells.Width = q.most.Rows, width
	return nil
}

// padCounts fills what is left of the fields whose count is fixed.
func (f *filler) padCounts(pieces, borders, total int) {
	q := f.session.sequences
	if f.starts != nil {
		fillInt32(f.starts[pieces:q.most.Pieces], int32(total))
	}
	if f.lengths != nil {
		fillInt32(f.lengths[pieces:q.most.Pieces], 0)
	}
	if f.borders != nil {
		fillInt32(f.borders[borders+1:q.most.Pieces+q.most.Rows+1], int32(total))
	}
}

// write puts n elements of a sequence at a place of the batch.
func (f *filler) write(at, n int, blob []byte) {
	q := f.session.sequences
	if f.tokens != nil {
		unit := q.to.Size() * q.features
		convert(f.tokens[at*unit:(at+n)*unit], blob, q.from, q.to)
	}
	if f.positions != nil {
		count(f.positions[at : at+n])
	}
	if f.mask != nil {
		fillBytes(f.mask[at:at+n], 1)
	}
}

// empty puts n elements of padding at a place of the batch.
func (f *filler) empty(at, n int) {
	q := f.session.sequences
	if f.tokens != nil {
		unit := q.to.Size() * q.features
		repeat(f.tokens[at*unit:(at+n)*unit], q.pad, q.to)
	}
	if f.positions != nil {
		clear(f.positions[at : at+n])
	}
	if f.mask != nil {
		clear(f.mask[at : at+n])
	}
}

func (f *filler) segment(at, n int, number int32) {
	if f.segments != nil {
		fillInt32(f.segments[at:at+n], number)
	}
}

// setInt32 sets an element of a field that may not be asked for.
func setInt32(field []int32, i, v int) {
	if field != nil {
		field[i] = int32(v)
	}
}

// pad fills what is left of a column whose count is fixed, with what stands for
// no value: -1 for labels and places in the dataset.
func (c *column) pad(slot []byte, from, to int) {
	if c.field.Text || from >= to {
		return
	}
	size := c.field.DType.Size()
	room := slot[c.field.Offset+size*from : c.field.Offset+size*to]
	switch {
	case c.field.Name == fieldIndex || c.field.Name == fieldLabel:
		fillBytes(room, 0xff)
	case c.field.DType == tensor.Int64:
		binary.LittleEndian.PutUint64(room, 1<<63)
		spread(room, size)
	case c.field.DType == tensor.Float64:
		binary.LittleEndian.PutUint64(room, math.Float64bits(math.NaN()))
		spread(room, size)
	default:
		clear(room)
	}
}
