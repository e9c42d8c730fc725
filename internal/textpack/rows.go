package textpack

import (
	"encoding/binary"
	"math"
	"strconv"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/text"
)

// chosen is a row that the conditions let through, with the values that matter.
type chosen struct {
	position int64 // rows of the source before it
	key      string
	class    int64 // of its folder, or -1
	value    *text.Value
	label    *text.Value // nil = none
	rec      text.Record
}

// rowReader makes chosen rows of chunks, the same in both passes. One goroutine at
// a time may use it.
type rowReader struct {
	opts *Options
	rec  text.Record
}

// read returns row i of the chunk. take is false where the conditions leave it
// out; an error says why the row is bad.
func (r *rowReader) read(c *text.Chunk, i int) (row chosen, take bool, err error) {
	row = chosen{position: c.Position(i), key: c.Key(i), class: c.Class()}
	if err := c.Parse(i, &r.rec); err != nil {
		return row, true, err
	}
	for _, w := range r.opts.Where {
		if !w.holds(r.rec) {
			return row, false, nil
		}
	}
	row.rec = r.rec
	row.value = r.rec.Get(r.opts.Field)
	if row.value == nil || row.value.Kind == text.Null {
		return row, true, errs.New(errs.NotFound, "has no %q", r.opts.Field)
	}
	if err := checkKind(r.opts, row.value); err != nil {
		return row, true, err
	}
	if r.opts.Label != "" {
		row.label = r.rec.Get(r.opts.Label)
	}
	return row, true, nil
}

// checkKind compares a value with what is to be packed.
func checkKind(o *Options, v *text.Value) error {
	if o.numbers() {
		switch v.Kind {
		case text.JSON, text.Numbers, text.Plain, text.Text:
			return nil
		}
		return errs.New(errs.Invalid, "%q is %v, not a list of numbers", o.Field, v.Kind)
	}
	if v.Kind != text.Text && v.Kind != text.Plain {
		return errs.New(errs.Invalid, "%q is %v, not text", o.Field, v.Kind)
	}
	return text.CheckText(v.Text)
}

// numbers reports whether the sequences are numbers in the source already.
func (o *Options) numbers() bool { return o.Tokenizer == "" || o.Tokenizer == tokenIDs }

// readNumbers reads a list of numbers: of a JSON list, a JSON list in a CSV cell
// or string, or as the source has it. Its slices are those of dst where they suffice.
func readNumbers(v *text.Value, dst *text.Value) error {
	if v.Kind == text.Numbers {
		*dst = *v
		return nil
	}
	return text.ParseNumbers(v.Text, dst)
}

// appendElements appends numbers as little-endian values of the dtype. Errors say
// which number does not fit.
func appendElements(dst []byte, v *text.Value, dtype string) ([]byte, error) {
	for i := range v.Len() {
		switch dtype {
		case "float32", "float64":
			f := v.Number(i)
			if dtype == "float64" {
				dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
				continue
			}
			if math.Abs(f) > math.MaxFloat32 && !math.IsInf(f, 0) {
				return dst, errs.New(errs.Invalid, "number %d, %g, does not fit float32", i, f).WithHint("store float64: --dtype float64")
			}
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(f)))
		default:
			n, ok := v.Integer(i)
			var fits bool
			if dst, fits = appendInteger(dst, n, dtype); !ok || !fits {
				return dst, errs.New(errs.Invalid, "number %d, %g, is no %s", i, v.Number(i), dtype)
			}
		}
	}
	return dst, nil
}

func appendInteger(dst []byte, n int64, dtype string) ([]byte, bool) {
	switch dtype {
	case "uint16":
		return binary.LittleEndian.AppendUint16(dst, uint16(n)), n >= 0 && n <= math.MaxUint16
	case "int32":
		return binary.LittleEndian.AppendUint32(dst, uint32(n)), n >= math.MinInt32 && n <= math.MaxInt32
	}
	return binary.LittleEndian.AppendUint64(dst, uint64(n)), true
}

// appendIDs appends token ids as little-endian values.
func appendIDs(dst []byte, ids []uint32, dtype string) []byte {
	if dtype == "uint16" {
		for _, id := range ids {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(id))
		}
		return dst
	}
	for _, id := range ids {
		dst = binary.LittleEndian.AppendUint32(dst, id)
	}
	return dst
}

// labelNumber returns the label of a row; names maps those that are names.
func labelNumber(v *text.Value, field string, names map[string]int64) (int64, error) {
	if v == nil || v.Kind == text.Null {
		return -1, nil
	}
	if err := checkLabel(v, field); err != nil {
		return -1, err
	}
	if names != nil {
		n, ok := names[v.String()]
		if !ok {
			return -1, errs.New(errs.Invalid, "%q is %q, which no row had when they were counted", field, v.String())
		}
		return n, nil
	}
	n, ok := wholeNumber(v)
	if !ok {
		return -1, errs.New(errs.Invalid, "%q is %s, which is no class: labels are whole numbers or names", field, v.String())
	}
	return n, nil
}

// checkLabel refuses what can be no label at all.
func checkLabel(v *text.Value, field string) error {
	_, whole := wholeNumber(v)
	switch {
	case v.Kind == text.JSON || v.Kind == text.Numbers:
		return errs.New(errs.Invalid, "%q is %v, which is no class: labels are whole numbers or names", field, v.Kind)
	case v.Kind == text.Float && !whole:
		return errs.New(errs.Invalid, "%q is %s, which is no class: labels are whole numbers or names", field, v.String())
	}
	return text.CheckText(v.Text)
}

// wholeNumber returns the value of a label that is a number; 3.0 is what pandas
// writes where a cell of an integer column is missing.
func wholeNumber(v *text.Value) (int64, bool) {
	switch v.Kind {
	case text.Int, text.Bool:
		return v.Int, true
	case text.Float:
		return text.Whole(v.Float)
	case text.Plain, text.Text:
		n, err := strconv.ParseInt(string(v.Text), 10, 64)
		if err == nil {
			return n, true
		}
		f, err := strconv.ParseFloat(string(v.Text), 64)
		n, whole := text.Whole(f)
		return n, whole && err == nil
	}
	return 0, false
}

// fieldValue makes the value of a further field.
func fieldValue(v *text.Value, f dataset.Field) (dataset.Value, error) {
	if v == nil || v.Kind == text.Null {
		return dataset.Value{}, nil
	}
	out := dataset.Value{Valid: true}
	s := v.String()
	var err error
	switch f.Type {
	case dataset.Int64:
		out.Int, err = strconv.ParseInt(s, 10, 64)
	case dataset.Float64:
		out.Float, err = strconv.ParseFloat(s, 64)
	case dataset.Bool:
		out.Bool, err = strconv.ParseBool(s)
	default:
		out.Text = s
	}
	if err != nil {
		return out, errs.New(errs.Invalid, "%q is %q, not %s as in the rows counted", f.Name, s, f.Type)
	}
	return out, nil
}
