package dataset

import (
	"fmt"
	"unicode/utf8"

	"stoker/internal/arrowipc"
	"stoker/internal/errs"
)

// FieldType is the type of a further field: what a labels file can hold.
type FieldType string

// The field types.
const (
	Int64   FieldType = "int64"
	Float64 FieldType = "float64"
	Bool    FieldType = "bool"
	Utf8    FieldType = "utf8"
)

var fieldArrow = map[FieldType]arrowipc.Type{
	Int64: arrowipc.Int64, Float64: arrowipc.Float64, Bool: arrowipc.Bool, Utf8: arrowipc.Utf8,
}

// MaxTextBytes is what a key or a utf8 value may take. With it the 65,536 rows
// of an index batch always fit the 32-bit offsets of Arrow's utf8.
const MaxTextBytes = 1<<15 - 1

// Field describes the key or a further field of the samples.
type Field struct {
	Name     string    `json:"name"`
	Type     FieldType `json:"type"`
	MaxBytes int       `json:"max_bytes,omitempty"` // longest value of a utf8 field
	Nulls    int64     `json:"nulls,omitempty"`     // samples without a value
}

// Value is one value of a further field; the zero Value is null. Only the member
// of the field's type counts.
type Value struct {
	Valid bool
	Int   int64
	Float float64
	Bool  bool
	Text  string // UTF-8, at most MaxTextBytes
}

// Columns that index and shards of images have in common, in this order; those of
// sequences are the first of them. layout knows the numbers of all others.
const (
	colKey = iota
	colLabel
	sequenceCommon
	colWidth = iota - 1
	colHeight
	colOrientation
	colFormat
	commonColumns
)

var common = []arrowipc.Field{
	{Name: "key", Type: arrowipc.Utf8},
	{Name: "label", Type: arrowipc.Int64},
	{Name: "width", Type: arrowipc.Int32},
	{Name: "height", Type: arrowipc.Int32},
	{Name: "orientation", Type: arrowipc.Uint8},
	{Name: "format", Type: arrowipc.Uint8},
}

func appendFurther(fields []arrowipc.Field, further []Field) []arrowipc.Field {
	for _, f := range further {
		fields = append(fields, arrowipc.Field{Name: f.Name, Type: fieldArrow[f.Type], Nullable: true})
	}
	return fields
}

// checkSchema reports how a file's schema differs from the one it should have.
func checkSchema(got, want *arrowipc.Schema) error {
	if len(got.Fields) != len(want.Fields) {
		return errs.New(errs.Corrupt, "the file has %d columns, the manifest tells of %d", len(got.Fields), len(want.Fields))
	}
	for i, f := range got.Fields {
		if w := want.Fields[i]; f.Name != w.Name || f.Type != w.Type || f.Elem != w.Elem || f.Features != w.Features {
			return errs.New(errs.Corrupt, "column %d is %q (%v), the manifest tells of %q (%v)", i, f.Name, f.Type, w.Name, w.Type)
		}
	}
	return nil
}

// ReservedField reports whether a further field may not have the name because a
// column of the format has it.
func ReservedField(name string) bool {
	return (&layout{}).index().Index(name) >= 0 || name == "image" || name == "index"
}

// checkFields validates the further fields of a dataset.
func (l *layout) checkFields() error {
	seen := map[string]bool{}
	for _, f := range l.further {
		switch {
		case f.Name == "" || !utf8.ValidString(f.Name):
			return errs.New(errs.Invalid, "field name %q is empty or not UTF-8", f.Name)
		case l.reserved(f.Name):
			return errs.New(errs.Invalid, "field name %q is taken by a column of the format", f.Name).
				WithHint("rename it in the source")
		case seen[f.Name]:
			return errs.New(errs.Invalid, "two fields have the name %q", f.Name)
		}
		if _, ok := fieldArrow[f.Type]; !ok {
			return errs.New(errs.Invalid, "field %q has the unknown type %q", f.Name, f.Type)
		}
		seen[f.Name] = true
	}
	return nil
}

// checkText validates a key or a utf8 value.
func checkText(what, s string) error {
	if len(s) > MaxTextBytes {
		return errs.New(errs.Unsupported, "%s has %d bytes, the format allows %d", what, len(s), MaxTextBytes)
	}
	if !utf8.ValidString(s) {
		return errs.New(errs.Invalid, "%s is not UTF-8: %q", what, s)
	}
	return nil
}

// appendValue appends v to a further column of the given type.
func appendValue(b *arrowipc.Builder, column int, t FieldType, v *Value) {
	if !v.Valid {
		b.AppendNull(column)
		return
	}
	switch t {
	case Int64:
		b.AppendInt(column, v.Int)
	case Float64:
		b.AppendFloat(column, v.Float)
	case Bool:
		b.AppendBool(column, v.Bool)
	case Utf8:
		b.AppendString(column, v.Text)
	}
}

func shardName(i int) string { return fmt.Sprintf("data-%05d.arrow", i) }
