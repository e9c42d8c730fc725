package tokenize

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stoker/internal/errs"
	"stoker/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func encode(t *testing.T, tok Tokenizer, texts ...string) string {
	t.Helper()
	e, err := tok.Encoder(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close() //nolint:errcheck // of a test
	var all [][]byte
	for _, s := range texts {
		all = append(all, []byte(s))
	}
	var ids IDs
	if err := e.Encode(all, &ids); err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := range texts {
		out = append(out, fmt.Sprint(ids.Of(i)))
	}
	return strings.Join(out, " ")
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"Don't <br />STOP":     "don't br stop",
		"":                     "",
		" \t\n.,!":             "",
		"É\u00a0ÀB\u2003x_y":   "é àb x y",
		"a-b (c)[d]{e}\"f\"~g": "a b c d e f g",
		"1st 3.14":             "1st 3 14",
		"日本 語":                 "日本 語",
		"…“quoted”":            "…“quoted”",
	} {
		var got []string
		var word []byte
		for rest := []byte(text); ; {
			if word, rest = scanWord(rest, word); len(word) == 0 {
				break
			}
			got = append(got, string(word))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestVocabularyHasTheMostFrequentWords(t *testing.T) {
	a, b := NewWordCount(), NewWordCount()
	a.Add([]byte("b b c a " + strings.Repeat("x", maxWordBytes+1)))
	b.Add([]byte("a C d"))
	a.Merge(b)
	if got := a.Most(3); !slices.Equal(got, []string{"a", "b", "c"}) { // ties in byte order
		t.Errorf("%q", got)
	}
	if got := a.Most(10); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("%q: words without end belong to no vocabulary", got)
	}
}

func TestIDsOfWords(t *testing.T) {
	words := NewWords([]string{"the", "film"}, true, 0)
	if got := encode(t, words, "The film, the end", "...", ""); got != "[1 3 4 3 2] [] []" {
		t.Error(got)
	}
	about, file := words.Describe()
	again, err := ParseWords(file, false, 2)
	if err != nil || about.Vocabulary != 5 || *about.Unknown != WordUnknown {
		t.Fatalf("%v %+v", err, about)
	}
	if got := encode(t, again, "the film the end"); got != "[3 4]" {
		t.Error(got)
	}
	for _, damaged := range []string{"", "{}", `{"tokenizer": "words", "version": 2}`, strings.Replace(string(file), "film", "the", 1), strings.Replace(string(file), "film", "", 1)} {
		if _, err := ParseWords([]byte(damaged), true, 0); err == nil || errs.Is(err, errs.Internal) {
			t.Errorf("%q: %v", damaged, err)
		}
	}
	if got := encode(t, Bytes(3), "é12", "", "\x00"); got != "[195 169 49] [] [0]" {
		t.Error(got)
	}
}

// TestCountsDoNotDependOnWhoCounted counts the same texts in one piece and in
// several.
func TestCountsDoNotDependOnWhoCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.StringMatching(`[a-cA-C ,é]{0,20}`)).Draw(t, "texts")
		one, some := NewWordCount(), [3]*WordCount{NewWordCount(), NewWordCount(), NewWordCount()}
		for i, text := range texts {
			one.Add([]byte(text))
			some[i%3].Add([]byte(text))
		}
		some[1].Merge(some[2])
		some[0].Merge(some[1])
		if got, want := some[0].Most(5), one.Most(5); !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

// TestTheTableIsAMap compares it with one.
func TestTheTableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, want := newWordTable(), map[string]uint32{}
		for _, word := range rapid.SliceOfN(rapid.StringMatching(`[a-cé]{1,20}`), 0, 2000).Draw(t, "words") {
			buf := append(newWordBuf(), word...)
			number, fresh := table.add(buf)
			n, known := want[word]
			if !known {
				n = uint32(len(want))
				want[word] = n
			}
			if number != n || fresh == known {
				t.Fatalf("%q: %d, want %d", word, number, n)
			}
		}
		for word, n := range want {
			if number, ok := table.find(append(newWordBuf(), word...)); !ok || number != n {
				t.Fatalf("%q: %d %v, want %d", word, number, ok, n)
			}
		}
		if _, ok := table.find(append(newWordBuf(), "zebra"...)); ok {
			t.Fatal("found what was not added")
		}
	})
}

func FuzzWords(f *testing.F) {
	f.Add([]byte("Don't <br/>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var word []byte
		for rest := text; ; {
			before := len(rest)
			if word, rest = scanWord(rest, word); len(word) == 0 {
				return
			}
			if len(rest) >= before {
				t.Fatal("no end")
			}
		}
	})
}

func TestMissingPythonAndLibraryAreExplained(t *testing.T) {
	_, err := OpenLibrary(t.Context(), []byte("{}"), LibraryOptions{Python: "/no/such/python"})
	if !errs.Is(err, errs.NotFound) || !strings.Contains(errs.HintOf(err), "--python") {
		t.Errorf("%v: %s", err, errs.HintOf(err))
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3: the rest of this test, and python/tests/test_pack_text.py, need it")
	}
	_, err = OpenLibrary(t.Context(), []byte("{}"), LibraryOptions{Python: python})
	switch {
	case errs.Is(err, errs.NotFound): // without the library
		if !strings.Contains(errs.HintOf(err), "pip install tokenizers") {
			t.Errorf("%v: %s", err, errs.HintOf(err))
		}
	case !errs.Is(err, errs.Invalid): // with it: {} is no tokenizer
		t.Error(err)
	}
}

// TestWorkersThatEndAreNamed runs an interpreter that answers nothing.
func TestWorkersThatEndAreNamed(t *testing.T) {
	path, err := exec.LookPath("false")
	if err != nil {
		t.Skip(err)
	}
	_, err = OpenLibrary(t.Context(), []byte("{}"), LibraryOptions{Python: path})
	if err == nil || !strings.Contains(err.Error(), "tokenizer process ended") || errs.Is(err, errs.Internal) {
		t.Error(err)
	}
}

func BenchmarkWords(b *testing.B) {
	text := []byte(strings.Repeat("The film wasn't that good, but I liked the end of it. ", 20))
	e, err := NewWords([]string{"the", "film", "good", "i", "it", "of"}, true, 0).Encoder(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	var ids IDs
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if err := e.Encode([][]byte{text}, &ids); err != nil {
			b.Fatal(err)
		}
	}
}
