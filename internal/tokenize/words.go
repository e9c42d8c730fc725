package tokenize

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
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

// folded is what each byte is in a word: lower case, 0 where it ends a word, and
// more than ASCII where a rune begins that must be looked at.
var folded = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= utf8.RuneSelf:
			t[c] = utf8.RuneSelf
		case separators[c]:
		case c >= 'A' && c <= 'Z':
			t[c] = byte(c) + 'a' - 'A'
		default:
			t[c] = byte(c)
		}
	}
	return t
}()

// scanWord returns the first word of text in lower case, in or beyond buf, and
// what follows it. An empty word means that there is none left.
func scanWord(text, buf []byte) (word, rest []byte) {
	i := 0
	for i < len(text) && folded[text[i]] == 0 {
		i++
	}
	room, n := buf[:cap(buf)], 0
	for i < len(text) && n < len(room) {
		c := folded[text[i]]
		if c-1 >= utf8.RuneSelf-1 { // 0, or no ASCII
			if c == 0 {
				return room[:n], text[i+1:]
			}
			break
		}
		room[n] = c
		n++
		i++
	}
	return scanRunes(text[i:], room[:n])
}

// scanRunes goes on with a word that is long or not all ASCII.
func scanRunes(text, word []byte) (_, rest []byte) {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case !separators[c]:
				word = append(word, folded[c])
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

// newWordBuf returns memory for a word as a wordTable wants it.
func newWordBuf() []byte { return make([]byte, 0, 64) }

// WordCount counts words. One goroutine at a time may use it.
type WordCount struct {
	table  *wordTable
	words  []string // by number
	counts []int64  // by number
	buf    []byte
}

// NewWordCount returns an empty count.
func NewWordCount() *WordCount { return &WordCount{table: newWordTable(), buf: newWordBuf()} }

// Add counts the words of a text, which is UTF-8.
func (w *WordCount) Add(text []byte) {
	for {
		w.buf, text = scanWord(text, w.buf)
		if len(w.buf) == 0 {
			return
		}
		if len(w.buf) <= maxWordBytes {
			w.add(w.buf, 1)
		}
	}
}

func (w *WordCount) add(word []byte, n int64) {
	number, fresh := w.table.add(word)
	if fresh {
		w.words = append(w.words, string(word))
		w.counts = append(w.counts, 0)
	}
	w.counts[number] += n
}

// Merge adds the counts of another.
func (w *WordCount) Merge(o *WordCount) {
	for i, word := range o.words {
		w.buf = append(w.buf[:0], word...)
		w.add(w.buf, o.counts[i])
	}
}

// Most returns the k most frequent words, the most frequent first; of equally
// frequent ones the first in byte order.
func (w *WordCount) Most(k int) []string {
	least := int64(0) // no word below it is among them: most words come once or twice
	if k < len(w.counts) {
		counts := slices.Clone(w.counts)
		slices.Sort(counts)
		least = counts[len(counts)-max(k, 1)]
	}
	var order []uint32
	for i, n := range w.counts {
		if n >= least {
			order = append(order, uint32(i))
		}
	}
	slices.SortFunc(order, func(a, b uint32) int {
		if c := cmp.Compare(w.counts[b], w.counts[a]); c != 0 {
			return c
		}
		return cmp.Compare(w.words[a], w.words[b])
	})
	most := make([]string, min(k, len(order)))
	for i := range most {
		most[i] = w.words[order[i]]
	}
	return most
}

// Words is the tokenizer of a vocabulary of words. It implements Tokenizer.
type Words struct {
	list  []string
	table *wordTable // words[i] has number i
	start bool
	most  int
}

// NewWords returns the tokenizer whose id firstWord+i is words[i]. start puts
// WordStart before each text; most is the length at which texts are cut, 0 = never.
func NewWords(words []string, start bool, most int) *Words {
	w := &Words{list: words, table: newWordTable(), start: start, most: most}
	buf := newWordBuf()
	for _, word := range words {
		if buf = append(buf[:0], word...); len(buf) > 0 && !strings.ContainsRune(word, 0) { // as all words of ours
			w.table.add(buf)
		}
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
	w := NewWords(f.Words, start, most)
	if int(w.table.count) != len(f.Words) {
		return nil, errs.New(errs.Corrupt, "the vocabulary has %d different words among %d", w.table.count, len(f.Words))
	}
	return w, nil
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
func (w *Words) Encoder(context.Context) (Encoder, error) {
	return &wordEncoder{Words: w, buf: newWordBuf()}, nil
}

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
			id := uint32(WordUnknown)
			if number, ok := e.table.find(e.buf); ok {
				id = firstWord + number
			}
			ids.Flat = append(ids.Flat, id)
		}
		ids.end(from, e.most)
	}
	return nil
}
