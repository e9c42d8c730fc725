package textpack

import (
	"context"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/tokenize"
)

// Tokenizers by name; others are files or datasets.
const (
	tokenWords = "words"
	tokenBytes = "bytes"
	tokenIDs   = "ids"
)

// openTokenizer opens what does not depend on the first pass.
func (p *packer) openTokenizer(ctx context.Context) (err error) {
	o := &p.opts
	switch o.Tokenizer {
	case "", tokenIDs, tokenWords:
		return nil
	case tokenBytes:
		p.tokenizer = tokenize.Bytes(o.MaxLength)
		return nil
	}
	if info, err := os.Stat(o.Tokenizer); err == nil && info.IsDir() {
		return p.tokenizerOf(ctx, o.Tokenizer)
	}
	if !strings.HasSuffix(o.Tokenizer, ".json") {
		return errs.New(errs.Invalid, "no tokenizer %q", o.Tokenizer).
			WithHint("there are words, bytes, ids (already tokenised), the path of a tokenizer.json, and that of a dataset, whose tokenizer is used")
	}
	data, err := os.ReadFile(o.Tokenizer)
	if err != nil {
		return errs.New(errs.NotFound, "cannot read the tokenizer: %w", err).At(o.Tokenizer)
	}
	return p.openLibrary(ctx, data)
}

func (p *packer) openLibrary(ctx context.Context, data []byte) error {
	t, err := tokenize.OpenLibrary(ctx, data, tokenize.LibraryOptions{Python: p.opts.Python, MaxLength: p.opts.MaxLength, NoSpecial: p.opts.NoSpecial})
	if err != nil {
		return err
	}
	p.tokenizer, p.library = t, t.Version
	p.opts.Tokenizer = "tokenizer.json" // its path says nothing; its hash is in the head
	p.notes = append(p.notes, t.Notes...)
	return nil
}

// tokenizerOf uses the tokenizer of another dataset: a test set is packed with the
// vocabulary of the training set.
func (p *packer) tokenizerOf(ctx context.Context, dir string) error {
	d, err := dataset.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only read
	file, err := d.TokenFile()
	if err != nil {
		return err
	}
	t, o := d.Manifest().Tokens, &p.opts
	before := settingsOf(d.Manifest().Options)
	o.NoSpecial = o.NoSpecial || before.NoSpecial
	if o.MaxLength == 0 {
		o.MaxLength = before.MaxLength
	}
	switch {
	case t == nil || t.Tokenizer == tokenIDs:
		return errs.New(errs.Invalid, "the dataset keeps no tokenizer").At(dir)
	case t.Tokenizer == tokenBytes:
		p.tokenizer = tokenize.Bytes(o.MaxLength)
	case t.Tokenizer == tokenWords:
		if p.tokenizer, err = tokenize.ParseWords(file, !o.NoSpecial, o.MaxLength); err != nil {
			return err
		}
	default:
		return p.openLibrary(ctx, file)
	}
	o.Tokenizer = t.Tokenizer + " of another dataset"
	return nil
}

// makeTokenizer makes what depends on the first pass.
func (p *packer) makeTokenizer() error {
	if !p.countsWords() {
		return nil
	}
	k := p.opts.Vocabulary
	if k == 0 {
		k = DefaultVocabulary
	}
	if k <= tokenize.WordUnknown {
		return errs.New(errs.Invalid, "a vocabulary of %d ids has no room for words: the first 3 mean padding, start and unknown", k)
	}
	p.tokenizer = tokenize.NewWords(p.facts.words.Most(int(k)-tokenize.WordUnknown-1), !p.opts.NoSpecial, p.opts.MaxLength)
	return nil
}

// unknownID returns the id of words that the vocabulary lacks; -1 = none.
func (p *packer) unknownID() int64 {
	if p.tokens == nil || p.tokens.Unknown == nil {
		return -1
	}
	return *p.tokens.Unknown
}

// closeTokenizer ends the process that was started to ask the library, where no
// worker took it over.
func (p *packer) closeTokenizer() {
	if l, ok := p.tokenizer.(*tokenize.Library); ok {
		_ = l.Close() // nothing depends on it
	}
}

// encoders are started in the background, all at once, and used together.
type encoders struct {
	group errgroup.Group
	list  []tokenize.Encoder
}

// start begins to start n encoders, unless that was done or there is no tokenizer.
func (e *encoders) start(ctx context.Context, t tokenize.Tokenizer, n int) {
	if t == nil || e.list != nil {
		return
	}
	e.list = make([]tokenize.Encoder, n)
	for i := range n {
		e.group.Go(func() (err error) {
			e.list[i], err = t.Encoder(ctx)
			return err
		})
	}
}

// ready waits until all are started.
func (e *encoders) ready() error { return e.group.Wait() }

func (e *encoders) close() {
	_ = e.group.Wait() // its error was that of ready, or no longer matters
	for _, one := range e.list {
		if one != nil {
			_ = one.Close() // whatever it says, its work is done
		}
	}
}
