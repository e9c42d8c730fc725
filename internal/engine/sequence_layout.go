package engine

import (
	"slices"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/tensor"
)

// Sizes that differ from batch to batch stand in the Shape of a Field of
// sequences as one of these.
const (
	DimRows    = -1 // rows of the batch
	DimWidth   = -2 // Width of the batch
	DimPieces  = -3 // sequences, or parts of them, in the batch: Valid
	DimBorders = -4 // DimPieces + 1
)

// Names of the fields that batches of sequences have beside the sequences
// themselves, which are named as in the dataset.
const (
	fieldLengths   = "lengths"     // tokens of each sequence
	fieldMask      = "mask"        // padded: whether a place holds a token
	fieldSegments  = "segment_ids" // packed: 1, 2, ... within each row, 0 is padding
	fieldPositions = "positions"   // packed, varlen: place in the sequence
	fieldBorders   = "cu_seqlens"  // packed, varlen: where sequences begin in all of the batch
	fieldStarts    = "starts"      // packed: the same for the sequences alone, without gaps
)

// formFields are the fields of each form that the filler writes, the sequences
// left out.
var formFields = [...][]string{
	padded: {fieldLengths, fieldMask},
	varlen: {fieldPositions, fieldBorders, fieldLengths},
	packed: {fieldSegments, fieldPositions, fieldBorders, fieldStarts, fieldLengths},
}

func (q *sequences) defaultFields(main string) []string {
	fields := []string{main}
	for _, name := range formFields[q.form] {
		if name != fieldMask {
			fields = append(fields, name)
		}
	}
	return append(fields, fieldLabel, fieldIndex)
}

// filled reports whether the filler writes the field, not a column.
func (q *sequences) filled(name string, m *dataset.Manifest) bool {
	return q != nil && (name == m.Sequence.Field || slices.Contains(formFields[q.form], name))
}

// layout places the fields for the largest batch.
func (q *sequences) layout(o *Options, m *dataset.Manifest) (*Layout, error) {
	l := new(Layout)
	for i, name := range o.Fields {
		if slices.Contains(o.Fields[:i], name) {
			return nil, errs.New(errs.Invalid, "the field %q is asked for twice", name)
		}
		f, elements, err := q.describe(name, m)
		if err != nil {
			return nil, err
		}
		f.Offset = l.Bytes
		end := int64(f.Offset) + elements*int64(f.DType.Size())
		if f.Text {
			f.DataOffset = align(f.Offset + 4*(int(elements)+1))
			end = int64(f.DataOffset) + int64(f.DataBytes)
		}
		if elements > maxSlot || end > maxSlot {
			return nil, errs.New(errs.Exhausted, "a batch of up to %d rows and %d tokens takes more than %d GiB", q.most.Rows, q.most.Cells, maxSlot>>30).
				WithHint("choose a smaller batch size, or another way to batch")
		}
		l.Bytes = align(int(end))
		l.Fields = append(l.Fields, f)
	}
	return l, nil
}

// describe returns a field without its place, and the elements of the largest
// batch.
func (q *sequences) describe(name string, m *dataset.Manifest) (Field, int64, error) {
	cells, pieces := q.most.Cells, int64(max(q.most.Pieces, q.most.Rows))
	f := Field{Name: name, DType: tensor.Int32, Shape: q.grid()}
	if q.filled(name, m) {
		switch name {
		case m.Sequence.Field:
			f.DType = q.to
			if m.Sequence.Features > 0 {
				f.Shape = append(f.Shape, q.features)
			}
			return f, cells * int64(q.features), nil
		case fieldMask:
			f.DType = tensor.Bool
			return f, cells, nil
		case fieldLengths, fieldStarts:
			f.Shape = q.each()
			return f, pieces, nil
		case fieldBorders:
			f.Shape = []int{DimBorders}
			if q.form == packed {
				pieces += int64(q.most.Rows) // the gap at the end of each row
				f.Shape = []int{int(pieces) + 1}
			}
			return f, pieces + 1, nil
		}
		return f, cells, nil
	}
	f, err := describe(name, int(pieces), nil, m)
	if err != nil {
		return f, 0, err
	}
	if !f.Text {
		f.Shape = q.each()
	}
	return f, pieces, nil
}

// grid is the shape of what stands beside every token.
func (q *sequences) grid() []int {
	switch q.form {
	case packed:
		return []int{q.most.Rows, int(q.most.Width)}
	case varlen:
		return []int{DimWidth}
	}
	return []int{DimRows, DimWidth}
}

// fixedCount returns for how many sequences every batch has room, whatever is in
// it; 0 where that differs from batch to batch.
func (q *sequences) fixedCount() int {
	switch {
	case q.form == packed:
		return q.most.Pieces
	case q.fullRows:
		return q.most.Rows
	}
	return 0
}

// each is the shape of what stands beside every sequence.
func (q *sequences) each() []int {
	switch {
	case q.form == packed:
		return []int{q.most.Pieces}
	case q.fullRows:
		return []int{DimRows}
	}
	return []int{DimPieces}
}
