// Package tokenize turns texts into token ids for `stoker pack`: by bytes, by
// words of a vocabulary that it counts itself, or by the tokenizers library and a
// tokenizer.json, run in Python processes.
//
//	t := tokenize.Bytes()                        // or NewWords, OpenLibrary
//	encoder, err := t.Encoder(ctx)               // one for each goroutine
//	err = encoder.Encode(texts, &ids)
//	encoder.Close()
//
// Ids depend on the text and the tokenizer alone, never on which encoder made them
// or on what texts came with it. Only Library starts processes and goroutines;
// Close of an encoder ends its process and waits for it.
package tokenize

import (
	"context"

	"stoker/internal/dataset"
)

// Tokenizer makes encoders. It may be used from several goroutines.
type Tokenizer interface {
	// Encoder returns an encoder that works until ctx ends or it is closed.
	Encoder(ctx context.Context) (Encoder, error)
	// Describe says what the ids mean, with the content of its file (nil = none).
	Describe() (dataset.Tokens, []byte)
}

// Encoder encodes. One goroutine at a time may use it, but for those of Library.
type Encoder interface {
	// Encode replaces ids by those of the texts, which are UTF-8. An error ends the
	// encoder; what concerns one text alone stands in ids.Bad.
	Encode(texts [][]byte, ids *IDs) error
	Close() error
}

// IDs is what Encode returns: the ids of text i are Flat[Ends[i-1]:Ends[i]].
type IDs struct {
	Flat []uint32
	Ends []int
	Bad  []error // by text, nil where it was encoded; empty where all were
}

// Of returns the ids of text i.
func (ids *IDs) Of(i int) []uint32 {
	from := 0
	if i > 0 {
		from = ids.Ends[i-1]
	}
	return ids.Flat[from:ids.Ends[i]]
}

func (ids *IDs) reset() { ids.Flat, ids.Ends, ids.Bad = ids.Flat[:0], ids.Ends[:0], ids.Bad[:0] }

// end finishes a text that begins at from, cut at most ids where most is not 0.
func (ids *IDs) end(from, most int) {
	if most > 0 && len(ids.Flat)-from > most {
		ids.Flat = ids.Flat[:from+most]
	}
	ids.Ends = append(ids.Ends, len(ids.Flat))
}

func id(v int64) *int64 { return &v }

// bytesTokenizer takes each byte of the UTF-8 for a token.
type bytesTokenizer struct{ most int }

// Bytes returns the tokenizer whose ids are the bytes of the text, 0 to 255; most
// is the length at which texts are cut, 0 = never.
func Bytes(most int) Tokenizer { return bytesTokenizer{most} }

func (b bytesTokenizer) Encoder(context.Context) (Encoder, error) { return b, nil }

func (b bytesTokenizer) Close() error { return nil }

func (b bytesTokenizer) Describe() (dataset.Tokens, []byte) {
	return dataset.Tokens{Tokenizer: "bytes", Vocabulary: 256}, nil
}

func (b bytesTokenizer) Encode(texts [][]byte, ids *IDs) error {
	ids.reset()
	for _, t := range texts {
		from := len(ids.Flat)
		if b.most > 0 {
			t = t[:min(len(t), b.most)]
		}
		for _, c := range t {
			ids.Flat = append(ids.Flat, uint32(c))
		}
		ids.end(from, 0)
	}
	return nil
}
