package textpack

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/source"
	"stoker/internal/text"
	"stoker/internal/tokenize"
)

// maxClasses bounds label names: a field with more of them is no label.
const maxClasses = 1 << 20

// facts is what the first pass learns of the rows. Those of several workers are
// merged into the same whatever the rows each of them saw.
type facts struct {
	rows, kept int64 // seen, and let through by the conditions
	fields     map[string]*fieldFacts
	labels     map[string]bool
	noLabel    int64
	names      bool // some label is no whole number
	words      *tokenize.WordCount
	elements   int64
	low, high  int64 // of whole numbers
	fractions  bool
	features   int
	featuresAt int64 // position of the row that has them; -1 = none yet
}

func newFacts() *facts {
	return &facts{fields: map[string]*fieldFacts{}, labels: map[string]bool{}, low: math.MaxInt64, high: math.MinInt64, featuresAt: -1,
		words: tokenize.NewWordCount()}
}

// fieldFacts is what a field's values have been.
type fieldFacts struct {
	first                     int64 // position of the row where it first stands, and its place there
	place                     int
	kinds                     [text.Numbers + 1]int64
	notInt, notFloat, notBool bool
}

// add takes in a row. numbers are those of the sequence, where it has any.
func (f *facts) add(o *Options, row *chosen, numbers *text.Value) error {
	if err := f.label(o, row.label); err != nil {
		return err
	}
	for i := range row.rec {
		m := &row.rec[i]
		if m.Name == o.Field || m.Name == o.Label {
			continue
		}
		ff := f.fields[m.Name]
		if ff == nil {
			if len(f.fields) > 1<<12 {
				return errs.New(errs.Unsupported, "more than %d fields", 1<<12).WithHint("name those to keep: --fields a,b")
			}
			ff = &fieldFacts{first: row.position, place: i}
			f.fields[m.Name] = ff
		}
		ff.add(&m.Value)
	}
	if numbers != nil {
		f.numbers(row.position, numbers)
	}
	f.kept++
	return nil
}

func (f *facts) label(o *Options, v *text.Value) error {
	if v == nil || v.Kind == text.Null {
		f.noLabel++
		return nil
	}
	if err := checkLabel(v, o.Label); err != nil {
		return err
	}
	s := v.String()
	if _, whole := wholeNumber(v); !whole {
		f.names = true
	}
	if !f.labels[s] && len(f.labels) < maxClasses+1 {
		f.labels[s] = true
	}
	return nil
}

func (f *fieldFacts) add(v *text.Value) {
	f.kinds[v.Kind]++
	if v.Kind == text.Null {
		return
	}
	plain := v.Kind == text.Plain
	f.notInt = f.notInt || v.Kind != text.Int && !(plain && source.IsInteger(string(v.Text)))
	f.notFloat = f.notFloat || v.Kind != text.Int && v.Kind != text.Float && !(plain && source.IsFloat(string(v.Text)))
	f.notBool = f.notBool || v.Kind != text.Bool && !(plain && source.IsBool(string(v.Text)))
}

// numbers takes in the elements of a sequence.
func (f *facts) numbers(position int64, v *text.Value) {
	f.elements += int64(v.Len())
	if v.Len() > 0 && (f.featuresAt < 0 || position < f.featuresAt) {
		f.features, f.featuresAt = v.Features, position
	}
	if v.Ints == nil && v.Len() > 0 {
		f.fractions = true
		return
	}
	for _, n := range v.Ints {
		f.low, f.high = min(f.low, n), max(f.high, n)
	}
}

// merge adds the facts of another worker.
func (f *facts) merge(o *facts) {
	f.rows, f.kept, f.noLabel, f.elements = f.rows+o.rows, f.kept+o.kept, f.noLabel+o.noLabel, f.elements+o.elements
	f.names, f.fractions = f.names || o.names, f.fractions || o.fractions
	f.low, f.high = min(f.low, o.low), max(f.high, o.high)
	if o.featuresAt >= 0 && (f.featuresAt < 0 || o.featuresAt < f.featuresAt) {
		f.features, f.featuresAt = o.features, o.featuresAt
	}
	for s := range o.labels {
		f.labels[s] = true
	}
	f.words.Merge(o.words)
	for name, x := range o.fields {
		y := f.fields[name]
		if y == nil {
			f.fields[name] = x
			continue
		}
		if x.first < y.first {
			y.first, y.place = x.first, x.place
		}
		for k := range x.kinds {
			y.kinds[k] += x.kinds[k]
		}
		y.notInt, y.notFloat, y.notBool = y.notInt || x.notInt, y.notFloat || x.notFloat, y.notBool || x.notBool
	}
}

// classes returns the names of the labels, sorted; nil where they are numbers.
func (f *facts) classes(o *Options) ([]string, error) {
	if len(f.labels) > maxClasses {
		return nil, errs.New(errs.Invalid, "the label %q has more than %d values", o.Label, maxClasses).
			WithHint("name another field with --label, or none with --label ''")
	}
	if !f.names {
		return nil, nil
	}
	names := make([]string, 0, len(f.labels))
	for s := range f.labels {
		names = append(names, s)
	}
	sort.Strings(names)
	return names, nil
}

// furtherFields returns the fields to keep, in the order in which they first stand,
// and sentences about those left out.
func (f *facts) furtherFields(o *Options, sequence string) (fields []dataset.Field, notes []string, err error) {
	if o.NoFields {
		return nil, nil, nil
	}
	for _, name := range o.Fields {
		if f.fields[name] == nil && name != o.Field && name != o.Label {
			return nil, nil, errs.New(errs.NotFound, "no row has the field %q to be kept", name).WithHint("the rows have %s", strings.Join(f.fieldNames(), ", "))
		}
	}
	for _, name := range f.fieldNames() {
		asked := slices.Contains(o.Fields, name)
		if o.Fields != nil && !asked || !asked && slices.ContainsFunc(o.Where, func(w Where) bool { return w.Field == name && !w.Not }) {
			continue
		}
		field, why := f.fields[name].field(name, sequence)
		switch {
		case why == "":
			fields = append(fields, field)
		case asked:
			return nil, nil, errs.New(errs.Invalid, "cannot keep the field %q: %s", name, why)
		default:
			notes = append(notes, "left out the field "+strconv.Quote(name)+": "+why)
		}
	}
	return fields, notes, nil
}

// fieldNames returns the names of all fields in the order in which they stand.
func (f *facts) fieldNames() []string {
	names := make([]string, 0, len(f.fields))
	for name := range f.fields {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := f.fields[a], f.fields[b]
		return cmp.Or(cmp.Compare(x.first, y.first), cmp.Compare(x.place, y.place), cmp.Compare(a, b))
	})
	return names
}

// field gives a field the narrowest type that loses nothing; why says why it cannot
// be kept.
func (f *fieldFacts) field(name, sequence string) (field dataset.Field, why string) {
	field = dataset.Field{Name: name, Type: dataset.Utf8}
	texts := f.kinds[text.Text] + f.kinds[text.Plain]
	switch {
	case name == "" || !utf8.ValidString(name):
		return field, "it has no name, or one that is not UTF-8"
	case dataset.ReservedSequenceField(name) || name == sequence:
		return field, "the format has a column of that name"
	case f.kinds[text.JSON]+f.kinds[text.Numbers] > 0:
		return field, "it holds objects or lists"
	case texts+f.kinds[text.Int]+f.kinds[text.Float]+f.kinds[text.Bool] == 0:
		return field, "it has no values"
	case !f.notInt:
		field.Type = dataset.Int64
	case !f.notFloat:
		field.Type = dataset.Float64
	case !f.notBool:
		field.Type = dataset.Bool
	}
	return field, ""
}
