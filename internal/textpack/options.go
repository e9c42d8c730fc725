package textpack

import (
	"encoding/json"
	"strings"

	"stoker/internal/errs"
	"stoker/internal/progress"
	"stoker/internal/sysinfo"
	"stoker/internal/text"
)

// Options says what to pack, how, and where to.
type Options struct {
	Source string // a file, or a folder of files of one format
	Output string // the dataset's folder; its parent exists
	Read   text.ReadOptions

	Field     string   // holds the sequence; "" = the only one there is
	Tokenizer string   // "words", "bytes", "ids", a tokenizer.json, a dataset whose tokenizer to use; "" = numbers that are no tokens
	Label     string   // field of the label; "" = "label" or "class", where there is one
	Fields    []string // further fields to keep; nil = all scalar ones
	NoFields  bool     // keep none
	Where     []Where  // only rows of which all hold

	Vocabulary int64  // words: most ids, special ones included; ids: all lie below it; 0 = DefaultVocabulary, or the greatest id + 1
	MaxLength  int    // tokens at which a sequence is cut; 0 = as the tokenizer says, or never
	NoSpecial  bool   // no start token, no special tokens of a tokenizer.json
	Python     string // interpreter with the tokenizers library; "" = $STOKER_PYTHON or python3
	DType      string // of numbers that are no tokens; "" = that of an array; else float32, or the narrowest for whole numbers
	Axis       string // name of the axis whose length varies; "" = "tokens" or "time"
	KeepText   bool   // the raw text beside the ids
	KeepEmpty  bool   // sequences of no elements are kept, else they are bad rows

	SkipBad   bool // leave out rows that cannot be packed, and list them; else they are errors
	Overwrite bool
	Restart   bool
	Limit     int64 // only the first rows; 0 = all
	Workers   int   // 0 = the cores that may be used

	CreatedBy string
	Progress  *progress.Meter
}

// DefaultVocabulary is the number of ids of a vocabulary of words.
const DefaultVocabulary = 20_000

// maxVocabulary is where ids would no longer fit int32.
const maxVocabulary = 1<<31 - 1

// Where is one condition on rows: FIELD=VALUE or FIELD!=VALUE.
type Where struct {
	Field, Value string
	Not          bool
}

// ParseWhere reads a condition.
func ParseWhere(s string) (Where, error) {
	field, value, ok := strings.Cut(s, "=")
	w := Where{Field: field, Value: value}
	if strings.HasSuffix(field, "!") {
		w.Field, w.Not = strings.TrimSuffix(field, "!"), true
	}
	if !ok || w.Field == "" {
		return w, errs.New(errs.Invalid, "cannot choose rows by %q", s).WithHint("write --where split=train, or split!=train")
	}
	return w, nil
}

func (w Where) String() string {
	if w.Not {
		return w.Field + "!=" + w.Value
	}
	return w.Field + "=" + w.Value
}

// holds tells whether a row meets the condition; a missing value is "".
func (w Where) holds(rec text.Record) bool {
	got := ""
	if v := rec.Get(w.Field); v != nil {
		got = v.String()
	}
	return (got == w.Value) != w.Not
}

// withDefaults validates the options and fills in what is zero.
func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Output == "":
		return o, errs.New(errs.Invalid, "no output given").WithHint("name the dataset with -o, such as -o reviews.stk")
	case o.Vocabulary < 0 || o.Vocabulary > maxVocabulary:
		return o, errs.New(errs.Invalid, "a vocabulary of %d ids; 1 to %d are possible", o.Vocabulary, maxVocabulary)
	case o.MaxLength < 0:
		return o, errs.New(errs.Invalid, "a most length of %d", o.MaxLength)
	case o.Workers < 0:
		return o, errs.New(errs.Invalid, "%d workers", o.Workers).WithHint("0 takes as many as cores may be used")
	case o.KeepText && (o.Tokenizer == "" || o.Tokenizer == tokenIDs):
		return o, errs.New(errs.Invalid, "--keep-text keeps the text of tokens; there is none")
	case o.DType != "" && o.Tokenizer != "":
		return o, errs.New(errs.Invalid, "the type of token ids follows from the vocabulary").WithHint("leave --dtype out")
	}
	if o.Workers == 0 {
		o.Workers = sysinfo.Read().Cores
	}
	if o.Axis == "" {
		o.Axis = "time"
		if o.Tokenizer != "" {
			o.Axis = "tokens"
		}
	}
	return o, nil
}

// recipe is what the manifest keeps of the options: all that the samples depend on
// beside the source and the tokenizer's file.
type recipe struct {
	Field      string   `json:"field"`
	Tokenizer  string   `json:"tokenizer,omitempty"`
	Library    string   `json:"tokenizers_library,omitempty"` // its version
	Label      string   `json:"label,omitempty"`
	Where      []string `json:"where,omitempty"`
	MaxLength  int      `json:"max_length,omitempty"`
	NoSpecial  bool     `json:"no_special,omitempty"`
	KeepEmpty  bool     `json:"keep_empty,omitempty"`
	Limit      int64    `json:"limit,omitempty"`
	Vocabulary int64    `json:"vocabulary,omitempty"`
}

func (o *Options) recipe() recipe {
	r := recipe{Field: o.Field, Tokenizer: o.Tokenizer, Label: o.Label, MaxLength: o.MaxLength, NoSpecial: o.NoSpecial,
		KeepEmpty: o.KeepEmpty, Limit: o.Limit, Vocabulary: o.Vocabulary}
	for _, w := range o.Where {
		r.Where = append(r.Where, w.String())
	}
	return r
}

// settingsOf reads from a dataset what it was made with.
func settingsOf(options json.RawMessage) (r recipe) {
	_ = json.Unmarshal(options, &r) // what is missing stays zero
	return r
}
