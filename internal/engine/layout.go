package engine

import (
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/tensor"
	"stoker/internal/transform"
)

// Align is the alignment of every field in a slot, in bytes: what JAX on a CPU
// needs to use memory in place, and one cache line.
const Align = 64

// maxSlot bounds a slot; a batch beyond it is a mistake in the batch size.
const maxSlot = 8 << 30

// Layout is the place of every field in a slot. It does not change.
type Layout struct {
	Bytes  int
	Fields []Field
}

// Field is one field of a batch. A tensor has a DType and a Shape whose first
// number is the batch size; a text field (Text) has int32 offsets, batch size + 1
// of them, at Offset and UTF-8 bytes at DataOffset.
type Field struct {
	Name       string
	Text       bool
	DType      tensor.DType
	Shape      []int
	Offset     int
	DataOffset int
	DataBytes  int
}

// layout places the fields in the order asked for.
func layout(o *Options, p *transform.Pipeline, m *dataset.Manifest) (*Layout, error) {
	l := new(Layout)
	seen := make(map[string]bool)
	for _, name := range o.Fields {
		if seen[name] {
			return nil, errs.New(errs.Invalid, "the field %q is asked for twice", name)
		}
		seen[name] = true
		f, err := describe(name, o.BatchSize, p, m)
		if err != nil {
			return nil, err
		}
		if err := l.place(f, o.BatchSize); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// describe returns a field without its place.
func describe(name string, batch int, p *transform.Pipeline, m *dataset.Manifest) (Field, error) {
	f := Field{Name: name, Shape: []int{batch}, DType: tensor.Int64}
	switch name {
	case fieldImage:
		out := p.Output()
		f.DType, f.Shape = out.DType, []int{batch, p.Height(), p.Width(), 3}
		if out.Layout == tensor.NCHW {
			f.Shape = []int{batch, 3, p.Height(), p.Width()}
		}
		return f, nil
	case fieldLabel, fieldIndex:
		return f, nil
	}
	for _, d := range m.Fields {
		if d.Name != name {
			continue
		}
		switch d.Type {
		case dataset.Int64:
		case dataset.Float64:
			f.DType = tensor.Float64
		case dataset.Bool:
			f.DType = tensor.Bool
			if d.Nulls > 0 {
				f.DType = tensor.Uint8
			}
		case dataset.Utf8:
			f.Text, f.Shape, f.DataBytes = true, nil, batch*d.MaxBytes
		default:
			return f, errs.New(errs.Unsupported, "the field %q has type %q", name, d.Type)
		}
		return f, nil
	}
	names := []string{fieldImage, fieldLabel, fieldIndex}
	for _, d := range m.Fields {
		names = append(names, d.Name)
	}
	return f, errs.New(errs.NotFound, "the dataset has no field %q", name).WithHint("it has %v", names)
}

// place appends f at the next free place.
func (l *Layout) place(f Field, batch int) error {
	f.Offset = l.Bytes
	if f.Text {
		f.DataOffset = align(f.Offset + 4*(batch+1))
		l.Bytes = align(f.DataOffset + f.DataBytes)
	} else {
		n := int64(f.DType.Size())
		for _, d := range f.Shape {
			if n *= int64(d); n > maxSlot {
				break
			}
		}
		l.Bytes = align(f.Offset + int(n))
	}
	if l.Bytes > maxSlot {
		return errs.New(errs.Exhausted, "a batch of %d takes more than %d GiB", batch, maxSlot>>30).
			WithHint("choose a smaller batch size")
	}
	l.Fields = append(l.Fields, f)
	return nil
}

func align(n int) int { return (n + Align - 1) &^ (Align - 1) }

// Field returns the field of the given name, or nil.
func (l *Layout) Field(name string) *Field {
	for i := range l.Fields {
		if l.Fields[i].Name == name {
			return &l.Fields[i]
		}
	}
	return nil
}
