package textpack

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/filetest"
	"stoker/internal/text"
)

func TestWordsOfReviews(t *testing.T) {
	o := options(t, reviews(t, 300, false))
	o.Where = []Where{{Field: "split", Value: "train"}}
	o.KeepText = true
	s := run(t, o)
	if s.Samples != 200 || fmt.Sprint(s.Classes) != "[neg pos]" || len(s.Bad) != 0 {
		t.Fatalf("%+v", s)
	}
	if got := fmt.Sprint(s.Fields); !strings.Contains(got, "{score float64 0 40}") || !strings.Contains(got, "{stars int64 0 0}") || strings.Contains(got, "split") {
		t.Errorf("fields: %s", got)
	}
	for key, ids := range tokens(t, o.Output) {
		if !strings.HasPrefix(key, "reviews.jsonl:") || ids[0] != 1 || len(ids) < 2 {
			t.Fatalf("%s: %v", key, ids)
		}
	}
	if r, err := dataset.Verify(t.Context(), o.Output, nil); err != nil || !r.OK() {
		t.Errorf("%v: %+v", err, r)
	}
	testExport(t, o.Output, s)
}

// testExport exports the text that was kept, packs it again with the dataset's own
// vocabulary, and finds the same tokens.
func testExport(t *testing.T, dir string, s *Summary) {
	d, err := dataset.Open(dir)
	check(t, err)
	defer d.Close() //nolint:errcheck // of a test
	out := filepath.Join(t.TempDir(), "out")
	done, err := dataset.ExportSequences(t.Context(), d, out, nil)
	check(t, err)
	if done.Samples != s.Samples {
		t.Errorf("%d of %d exported", done.Samples, s.Samples)
	}
	again := options(t, filepath.Join(out, "samples.jsonl"))
	again.Tokenizer = dir
	run(t, again)
	one, two := tokens(t, dir), tokens(t, again.Output)
	d2, err := dataset.Open(again.Output)
	check(t, err)
	defer d2.Close() //nolint:errcheck // of a test
	for i := range d.Len() {
		if fmt.Sprint(one[d.Key(i)]) != fmt.Sprint(two[d2.Key(i)]) {
			t.Fatalf("sample %d differs", i)
		}
	}
}

func TestAnyNumberOfWorkersMakesTheSame(t *testing.T) {
	o := options(t, reviews(t, 2500, true))
	o.SkipBad, o.Workers = true, 1
	run(t, o)
	want := filetest.Contents(t, o.Output)
	for _, workers := range []int{2, 5} {
		o.Workers, o.Output = workers, filepath.Join(filetest.FastDir(t), "t.stk")
		run(t, o)
		filetest.Same(t, filetest.Contents(t, o.Output), want)
	}
}

func TestBadRowsFailOrGoToTheLedger(t *testing.T) {
	o := options(t, reviews(t, 360, true))
	if _, err := Run(t.Context(), o); !errs.Is(err, errs.Corrupt) || !strings.HasPrefix(err.Error(), o.Source+":9: ") || strings.Count(err.Error(), "reviews.jsonl") != 1 {
		t.Errorf("the first bad row: %v", err)
	}
	o.SkipBad = true
	s := run(t, o)
	if s.Samples != 360 || len(s.Bad) != 8 {
		t.Fatalf("%d samples, bad: %+v", s.Samples, s.Bad)
	}
	for i, want := range []string{"not a JSON object", "has no \"text\"", "is a number, not text", "surrogate", "not UTF-8", "length would be 0", "is no class"} {
		if !strings.Contains(s.Bad[i].Reason, want) {
			t.Errorf("bad row %d: %q, want %q", i, s.Bad[i].Reason, want)
		}
	}
	ledger := filetest.Contents(t, o.Output)["ledger.jsonl"]
	if strings.Count(ledger, "\n") != 8 || !strings.Contains(ledger, s.Bad[0].Path) {
		t.Errorf("ledger: %s", ledger)
	}
	o.KeepEmpty, o.Overwrite = true, true
	if s := run(t, o); s.Samples != 361 {
		t.Errorf("%d samples with the empty one", s.Samples)
	}
}

func TestNumbersAreStoredAsTheyAre(t *testing.T) {
	src := reviews(t, 30, false)
	o := options(t, src)
	o.Field, o.Tokenizer = "ids", "ids"
	s := run(t, o)
	if got := fmt.Sprint(tokens(t, o.Output)["reviews.jsonl:3"]); got != "[2 3 7]" || s.Sequence.DType != "uint16" || s.Tokenizer.Vocabulary != 31 {
		t.Errorf("%s %+v", got, s.Tokenizer)
	}
	o = options(t, src)
	o.Field, o.Tokenizer, o.DType = "mel", "", "int32"
	s = run(t, o)
	if got := fmt.Sprint(tokens(t, o.Output)["reviews.jsonl:3"]); got != "[2 1 2 3]" || s.Sequence.Features != 2 || s.Sequence.Axis != "time" || s.Tokens != 60 {
		t.Errorf("%s %+v", got, s.Sequence)
	}
	o = options(t, src)
	o.Field, o.Tokenizer, o.Vocabulary = "ids", "ids", 20
	if _, err := Run(t.Context(), o); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "token 1 is 20") {
		t.Errorf("an id above the vocabulary: %v", err)
	}
}

func TestUint16WhereTheVocabularyFits(t *testing.T) {
	for high, want := range map[int]string{65535: "uint16", 65536: "int32"} {
		path := filepath.Join(filetest.FastDir(t), "a.jsonl")
		check(t, os.WriteFile(path, fmt.Appendf(nil, "{\"x\": [0, %d]}\n", high), 0o644))
		o := options(t, path)
		o.Field, o.Tokenizer = "x", "ids"
		if s := run(t, o); s.Sequence.DType != want || fmt.Sprint(tokens(t, o.Output)["a.jsonl:1"]) != fmt.Sprint([]int{0, high}) {
			t.Errorf("%d: %s", high, s.Sequence.DType)
		}
	}
}

// TestStoppedAtAnyMoment stops runs by their context at random moments and goes on:
// the result is that of an undisturbed run.
func TestStoppedAtAnyMoment(t *testing.T) {
	o := options(t, reviews(t, 2500, true))
	o.SkipBad = true
	run(t, o)
	want := filetest.Contents(t, o.Output)
	o.Output = filepath.Join(filetest.FastDir(t), "t.stk")
	random := rand.New(rand.NewPCG(3, 4))
	stops := 0
	for try := range 6 {
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() {
			for range random.IntN(200) {
				runtime.Gosched()
			}
			cancel()
			close(stopped)
		}()
		_, err := Run(ctx, o)
		<-stopped
		if err == nil {
			break
		}
		if !errs.Is(err, errs.Canceled) {
			t.Fatalf("try %d: %v", try, err)
		}
		stops++
	}
	if _, err := os.Stat(o.Output); err != nil {
		run(t, o)
	}
	t.Logf("%d stops", stops)
	filetest.Same(t, filetest.Contents(t, o.Output), want)
}

func TestChangedVocabularyIsNotMixedIn(t *testing.T) {
	src := reviews(t, 3000, false)
	o := options(t, src)
	interrupt(t, o)
	o.Vocabulary = 10
	_, err := Run(t.Context(), o)
	if !errs.Is(err, errs.Mismatch) {
		t.Errorf("another vocabulary size: %v", err)
	}
	o.Vocabulary = 0
	info, err := os.Stat(src)
	check(t, err)
	data, err := os.ReadFile(src)
	check(t, err)
	check(t, os.WriteFile(src, []byte(strings.Replace(string(data), "film", "fill", 1)), 0o644))
	check(t, os.Chtimes(src, info.ModTime(), info.ModTime()))
	if _, err := Run(t.Context(), o); !errs.Is(err, errs.Mismatch) || !strings.Contains(err.Error(), "vocabulary") || errs.HintOf(err) == "" {
		t.Errorf("another word: %v", err)
	}
	o.Restart = true
	run(t, o)
}

// interrupt leaves an unfinished dataset with at least one batch.
func interrupt(t *testing.T, o Options) {
	t.Helper()
	o, err := o.withDefaults()
	check(t, err)
	files, err := text.Find(o.Source, o.Read)
	check(t, err)
	p := &packer{opts: o, files: files}
	check(t, p.prepare(t.Context()))
	check(t, p.openWriter())
	p.opts.Limit = 2000
	check(t, p.pack(t.Context()))
	check(t, p.writer.Close())
	if _, err := os.Stat(o.Output + ".partial"); err != nil {
		t.Fatal(err)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	src := reviews(t, 3, false)
	for name, change := range map[string]func(*Options){
		"no output":        func(o *Options) { o.Output = "" },
		"no parent":        func(o *Options) { o.Output = "/no/such/folder/x.stk" },
		"no source":        func(o *Options) { o.Source = "/no/such/file.jsonl" },
		"no field":         func(o *Options) { o.Field = "" },
		"wrong field":      func(o *Options) { o.Field = "nothing" },
		"wrong tokenizer":  func(o *Options) { o.Tokenizer = "bpe" },
		"no such json":     func(o *Options) { o.Tokenizer = "no.json" },
		"tiny vocabulary":  func(o *Options) { o.Vocabulary = 2 },
		"text as ids":      func(o *Options) { o.Tokenizer = "ids" },
		"fractions as ids": func(o *Options) { o.Tokenizer, o.Field = "ids", "mel" },
		"keep no text":     func(o *Options) { o.Tokenizer, o.Field, o.KeepText = "ids", "ids", true },
		"no such field":    func(o *Options) { o.Fields = []string{"nothing"} },
		"list as field":    func(o *Options) { o.Fields = []string{"mel"} },
		"no row":           func(o *Options) { o.Where = []Where{{Field: "split", Value: "none"}} },
		"wrong dtype":      func(o *Options) { o.Field, o.Tokenizer, o.DType = "mel", "", "int8" },
		"dtype of tokens":  func(o *Options) { o.DType = "int32" },
		"too many workers": func(o *Options) { o.Workers = -1 },
		"max length":       func(o *Options) { o.MaxLength = -1 },
	} {
		o := options(t, src)
		change(&o)
		if _, err := Run(t.Context(), o); err == nil || errs.Is(err, errs.Internal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseWhere("split"); err == nil {
		t.Error("a condition without a value")
	}
	if w, err := ParseWhere("a!=b=c"); err != nil || w.String() != "a!=b=c" || !w.Not || w.Value != "b=c" {
		t.Errorf("%+v %v", w, err)
	}
}

// BenchmarkWords packs reviews with words; MB/s are of text.
func BenchmarkWords(b *testing.B) {
	src := reviews(b, 20000, false)
	info, err := os.Stat(src)
	check(b, err)
	b.SetBytes(info.Size())
	o := options(b, src)
	o.Overwrite = true
	for b.Loop() {
		run(b, o)
	}
}
