package tokenize

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"unicode"
	"unicode/utf8"

	"stoker/internal/dataset"
	"stoker/internal/errs"
)

// The ids of words: as in Keras's set of film reviews, with the first word right
// behind the special ids.
const (
	WordPad     = 0
	WordStart   = 1
	WordUnknown = 2
	firstWord   = 3
)

// maxWordBytes is the length from which on a word is unknown, so that text without
// spaces cannot fill the memory of the count.
const maxWordBytes = 128

// A word is what lies between white space and ASCII punctuation other than the
// apostrophe, in lower case (Unicode's simple mapping): the rule of the Tokenizer
// that made Keras's IMDB set. "Don't <br/>STOP" is don't, br, stop.

// separators tells ASCII bytes that end a word.
var separators = func() (t [utf8.RuneSelf]bool) {
	for c := range t {
		t[c] = c <= ' ' || c == 0x7f
	}
	for _, c := range "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~" {
		t[c] = true
	}
	return t
}()

// scanWord returns the first word of text in lower case, in or beyond buf, and
// what follows it. An empty word means that there is none left.
func scanWord(text, buf []byte) (word, rest []byte) {
	word = buf[:0]
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case !separators[c]:
				if c >= 'A' && c <= 'Z' {
					c += 'a' - 'A'
				}
				word = append(word, c)
			case len(word) > 0:
				return word, text[i:]
			}
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		i += n
		if !unicode.IsSpace(r) {
			word = utf8.AppendRune(word, unicode.ToLower(r))
		} else if len(word) > 0 {
			return word, text[i:]
		}
	}
	return word, nil
}

// WordCount counts words. The zero value is ready to use, by one goroutine.
type WordCount struct {
	counts map[string]*int64
	buf    []byte
}

// Add counts the words of a text, which is UTF-8.
func (w *WordCount) Add(text []byte) {
	if w.counts == nil {
		w.counts = map[string]*int64{}
	}
	for {
		w.buf, text = scanWord(text, w.buf)
		if len(w.buf) == 0 {
			return
		}
		if len(w.buf) > maxWordBytes {
			continue
		}
		n := w.counts[string(w.buf)]
		if n == nil {
			n = new(int64)
			w.counts[string(w.buf)] = n
		}
		*n++
	}
}

// Merge adds the counts of another.
func (w *WordCount) Merge(o *WordCount) {
	if w.counts == nil {
		w.counts = map[string]*int64{}
	}
	for word, n := range o.counts {
		if m := w.counts[word]; m != nil {
			*m += *n
		} else {
			w.counts[word] = n
		}
	}
}

// Most returns the k most frequent words, the most frequent first; of equally
// frequent ones the first in byte order.
func (w *WordCount) Most(k int) []string {
	words := make([]string, 0, len(w.counts))
	for word := range w.counts {
		words = append(words, word)
	}
	slices.SortFunc(words, func(a, b string) int {
		return cmp.Or(cmp.Compare(*w.counts[b], *w.counts[a]), cmp.Compare(a, b))
	})
	return words[:min(k, len(words))]
}

// Words is the tokenizer of a vocabulary of words. It implements Tokenizer.
type Words struct {
	list  []string
	ids   map[string]uint32
	start bool
	most  int
}

// NewWords returns the tokenizer whose id firstWord+i is words[i]. start puts
// WordStart before each text; most is the length at which texts are cut, 0 = never.
func NewWords(words []string, start bool, most int) *Words {
	w := &Words{list: words, ids: make(map[string]uint32, len(words)), start: start, most: most}
	for i, word := range words {
		w.ids[word] = uint32(firstWord + i)
	}
	return w
}

// wordsFile is the JSON of vocabulary.json.
type wordsFile struct {
	Tokenizer string   `json:"tokenizer"` // "words"
	Version   int      `json:"version"`
	Pad       int      `json:"pad"`
	Start     int      `json:"start"`
	Unknown   int      `json:"unknown"`
	First     int      `json:"first"` // id of words[0]
	Words     []string `json:"words"` // the most frequent first
}

// ParseWords reads the vocabulary.json of a dataset. Error: Corrupt.
func ParseWords(data []byte, start bool, most int) (*Words, error) {
	var f wordsFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, errs.New(errs.Corrupt, "the vocabulary is damaged: %w", err)
	}
	if f.Tokenizer != "words" || f.Version != 1 || f.First != firstWord || f.Pad != WordPad || f.Start != WordStart || f.Unknown != WordUnknown {
		return nil, errs.New(errs.Unsupported, "the vocabulary is of another kind or version: tokenizer %q, version %d", f.Tokenizer, f.Version)
	}
	return NewWords(f.Words, start, most), nil
}

// Describe implements Tokenizer.
func (w *Words) Describe() (dataset.Tokens, []byte) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(wordsFile{"words", 1, WordPad, WordStart, WordUnknown, firstWord, w.list}) // strings and numbers: cannot fail
	return dataset.Tokens{Tokenizer: "words", Vocabulary: int64(firstWord + len(w.list)), File: "vocabulary.json",
		Pad: id(WordPad), Start: id(WordStart), Unknown: id(WordUnknown)}, b.Bytes()
}

// Encoder implements Tokenizer.
func (w *Words) Encoder(context.Context) (Encoder, error) { return &wordEncoder{Words: w}, nil }

type wordEncoder struct {
	*Words
	buf []byte
}

func (e *wordEncoder) Close() error { return nil }

func (e *wordEncoder) Encode(texts [][]byte, ids *IDs) error {
	ids.reset()
	for _, t := range texts {
		from := len(ids.Flat)
		for {
			e.buf, t = scanWord(t, e.buf)
			if len(e.buf) == 0 {
				break
			}
			if len(ids.Flat) == from && e.start {
				ids.Flat = append(ids.Flat, WordStart)
			}
			id, ok := e.ids[string(e.buf)]
			if !ok {
				id = WordUnknown
			}
			ids.Flat = append(ids.Flat, id)
		}
		ids.end(from, e.most)
	}
	return nil
}
