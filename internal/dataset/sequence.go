package dataset

import (
	"math"
	"runtime/debug"
	"unicode/utf8"

	"stoker/internal/arrowipc"
	"stoker/internal/errs"
)

// The kinds of datasets.
const (
	KindImages    = "images"
	KindSequences = "sequences"
)

// Sequence describes the primary variable-length field of a dataset of kind
// "sequences": a list of numbers for each sample, or a list of vectors of numbers.
// A sample's blob is those numbers, little-endian and in C order.
type Sequence struct {
	Field    string `json:"field"`          // column of the shards
	DType    string `json:"dtype"`          // "uint16", "int32", "int64", "float32" or "float64"
	Features int    `json:"features"`       // numbers in each element; 0 = elements are single numbers
	Axis     string `json:"axis"`           // name of the axis whose length varies, such as "tokens" or "time"
	Text     bool   `json:"text,omitempty"` // the shards hold the raw text too, in column "text"
}

// Tokens says what the numbers of token sequences mean. Ids lie below Vocabulary.
type Tokens struct {
	DType      string `json:"dtype"`
	Vocabulary int64  `json:"vocabulary"`       // number of ids, special ones included
	Tokenizer  string `json:"tokenizer"`        // "words", "bytes", "tokenizer.json" or "ids"
	File       string `json:"file,omitempty"`   // of the dataset: the vocabulary or tokenizer
	Bytes      int64  `json:"bytes,omitempty"`  // of File
	SHA256     string `json:"sha256,omitempty"` // of File
	Pad        *int64 `json:"pad,omitempty"`    // ids with a meaning; absent where there is none
	Start      *int64 `json:"start,omitempty"`
	End        *int64 `json:"end,omitempty"`
	Unknown    *int64 `json:"unknown,omitempty"`
}

var sequenceTypes = map[string]arrowipc.Type{
	"uint16": arrowipc.Uint16, "int32": arrowipc.Int32, "int64": arrowipc.Int64,
	"float32": arrowipc.Float32, "float64": arrowipc.Float64,
}

var dtypeBytes = map[string]int64{"uint16": 2, "int32": 4, "int64": 8, "float32": 4, "float64": 8}

// maxFeatures bounds Sequence.Features: no row of features is larger than this.
const maxFeatures = 1 << 20

// ElementBytes returns the bytes of one element: of one token, or of one vector.
func (s *Sequence) ElementBytes() int64 {
	return dtypeBytes[s.DType] * int64(max(s.Features, 1))
}

// textColumn is the name of the shards' column of raw text.
const textColumn = "text"

func (s *Sequence) check() error {
	switch {
	case s == nil:
		return errs.New(errs.Invalid, "a dataset of kind %q does not say what its sequence is", KindSequences)
	case s.Field == "" || !utf8.ValidString(s.Field) || s.Field == textColumn || (&layout{}).index().Index(s.Field) >= 0:
		return errs.New(errs.Invalid, "the sequence's field name %q is empty, not UTF-8, or taken by a column of the format", s.Field)
	case dtypeBytes[s.DType] == 0:
		return errs.New(errs.Invalid, "the sequence's dtype %q is none of uint16, int32, int64, float32, float64", s.DType)
	case s.Features < 0 || s.Features > maxFeatures:
		return errs.New(errs.Invalid, "a sequence of %d features; the format allows %d", s.Features, maxFeatures)
	}
	return nil
}

// withoutText returns s as the fingerprint sees it: text that is kept beside the
// tokens is not trained on.
func (s *Sequence) withoutText() *Sequence {
	if s == nil {
		return nil
	}
	plain := *s
	plain.Text = false
	return &plain
}

// layout says where a dataset keeps its columns. The zero layout is that of images
// without further fields.
type layout struct {
	sequence *Sequence // nil = images
	further  []Field
}

// newLayout checks the parts of a layout and puts them together.
func newLayout(kind string, sequence *Sequence, further []Field) (*layout, error) {
	l := &layout{further: further}
	if kind == KindSequences {
		if err := sequence.check(); err != nil {
			return nil, err
		}
		l.sequence = sequence
	}
	return l, l.checkFields()
}

// Numbers of the columns. Index and shards begin with the common ones; those of
// the further fields follow the format's own. A shard ends with the blob.
func (l *layout) common() int {
	if l.sequence != nil {
		return sequenceCommon
	}
	return commonColumns
}

func (l *layout) shard() int    { return l.common() }
func (l *layout) offset() int   { return l.common() + 1 }
func (l *layout) length() int   { return l.common() + 2 }
func (l *layout) indexCRC() int { return l.common() + 3 }
func (l *layout) tokens() int   { return l.common() + 4 } // of sequences
func (l *layout) shardCRC() int { return l.common() }

func (l *layout) indexFurther() int {
	if l.sequence != nil {
		return l.common() + 5
	}
	return l.common() + 4
}

func (l *layout) shardFurther() int { return l.common() + 1 }
func (l *layout) text() int         { return l.shardFurther() + len(l.further) } // where it is kept

func (l *layout) blob() int {
	if l.sequence != nil && l.sequence.Text {
		return l.text() + 1
	}
	return l.text()
}

// index returns the schema of the index.
func (l *layout) index() *arrowipc.Schema {
	fields := append([]arrowipc.Field{}, common[:l.common()]...)
	fields = append(fields,
		arrowipc.Field{Name: "shard", Type: arrowipc.Int32},
		arrowipc.Field{Name: "offset", Type: arrowipc.Int64},
		arrowipc.Field{Name: "length", Type: arrowipc.Int64},
		arrowipc.Field{Name: "crc32c", Type: arrowipc.Uint32})
	if l.sequence != nil {
		fields = append(fields, arrowipc.Field{Name: "tokens", Type: arrowipc.Int32})
	}
	return &arrowipc.Schema{Fields: appendFurther(fields, l.further)}
}

// shardSchema returns the schema of a shard.
func (l *layout) shardSchema() *arrowipc.Schema {
	fields := append([]arrowipc.Field{}, common[:l.common()]...)
	fields = append(fields, arrowipc.Field{Name: "crc32c", Type: arrowipc.Uint32})
	fields = appendFurther(fields, l.further)
	blob := arrowipc.Field{Name: "image", Type: arrowipc.Binary}
	if s := l.sequence; s != nil {
		if s.Text {
			fields = append(fields, arrowipc.Field{Name: textColumn, Type: arrowipc.Utf8})
		}
		blob = arrowipc.Field{Name: s.Field, Type: arrowipc.List, Elem: sequenceTypes[s.DType], Features: s.Features}
	}
	return &arrowipc.Schema{Fields: append(fields, blob)}
}

// reserved reports whether a further field may not have the name.
func (l *layout) reserved(name string) bool {
	if l.sequence == nil {
		return ReservedField(name)
	}
	return ReservedSequenceField(name) || name == l.sequence.Field
}

// ReservedSequenceField is ReservedField for datasets of kind "sequences".
func ReservedSequenceField(name string) bool {
	l := &layout{sequence: &Sequence{}}
	return l.index().Index(name) >= 0 || name == textColumn || name == "index"
}

// tokensOf returns the number of elements that a blob of so many bytes holds.
func (l *layout) tokensOf(bytes int64) (n int64, whole bool) {
	unit := l.sequence.ElementBytes()
	return bytes / unit, bytes%unit == 0 && bytes/unit <= math.MaxInt32
}

// Kind returns what the samples are: KindImages or KindSequences.
func (d *Dataset) Kind() string { return d.manifest.Kind }

// Sequence describes the samples of a dataset of kind "sequences"; it is nil for
// others. The caller must not change it.
func (d *Dataset) Sequence() *Sequence { return d.layout.sequence }

// Tokens returns the number of elements (tokens, or time steps) of sample i of a
// dataset of kind "sequences"; 0 where there is no such sample. It allocates nothing.
func (d *Dataset) Tokens(i int64) (n int32) {
	ok := true
	defer endFaultOK(debug.SetPanicOnFault(true), &ok)
	b, r, err := d.row(i)
	if err != nil || d.layout.sequence == nil {
		return 0
	}
	return int32(b.Columns[d.layout.tokens()].Int(r))
}

// Lengths returns the number of elements of every sample, in the order of the
// index. Errors: Invalid (no sequences), Corrupt (a length that is no length).
func (d *Dataset) Lengths() (lengths []int32, err error) {
	if d.layout.sequence == nil {
		return nil, errs.New(errs.Invalid, "the dataset holds %s, not sequences", d.manifest.Kind).At(d.dir)
	}
	if d.closed.Load() {
		return nil, errs.New(errs.Invalid, "the dataset is closed").At(d.dir)
	}
	defer endFault(debug.SetPanicOnFault(true), &err)
	lengths = make([]int32, d.Len())
	from := 0
	for b := range d.batches {
		block := lengths[from : from+d.batches[b].Rows]
		if !d.batches[b].Columns[d.layout.tokens()].Int32s(block) {
			return nil, d.badRow(int64(from), "tokens of another type than int32")
		}
		signs := int32(0)
		for _, n := range block {
			signs |= n
		}
		for i, n := range block {
			if signs >= 0 {
				break
			}
			if n < 0 {
				return nil, d.badRow(int64(from+i), "%d tokens", n)
			}
		}
		from += len(block)
	}
	return lengths, nil
}
