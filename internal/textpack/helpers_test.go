package textpack

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/filetest"
	"stoker/internal/leaktest"
)

// childVar holds the options, as JSON, of a test process that is to pack and
// nothing else, and that tests may kill.
const childVar = "STOKER_TEST_TEXTPACK"

func TestMain(m *testing.M) {
	if text := os.Getenv(childVar); text != "" {
		var o Options
		err := json.Unmarshal([]byte(text), &o)
		if err == nil {
			_, err = Run(context.Background(), o)
		}
		if err != nil && !errs.Is(err, errs.Invalid) { // there already: killed behind the rename
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	leaktest.Main(m)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var someWords = strings.Fields("the a film was good bad Don't é naïve über quoted, text. <br/> and of to I it")

// reviews writes n rows of text, with labels, fields, and now and then a bad row,
// and returns the file.
func reviews(t testing.TB, n int, bad bool) string {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for i := range n {
		var words []string
		for range 1 + r.IntN(60) {
			words = append(words, someWords[r.IntN(len(someWords))])
		}
		row := map[string]any{"text": strings.Join(words, " "), "label": []string{"neg", "pos"}[i%2], "stars": i % 10, "score": float64(i) / 3,
			"split": []string{"train", "train", "test"}[i%3], "ids": []int{i, i + 1, 7}, "mel": [][]float64{{float64(i), 1}, {2, 3}}}
		if i%5 == 0 {
			delete(row, "score")
		}
		line, err := json.Marshal(row)
		check(t, err)
		b.Write(line)
		b.WriteByte('\n')
		if bad && i%50 == 7 {
			b.WriteString([]string{"no json\n", "{\"label\": \"pos\"}\n", "{\"text\": 3}\n", "{\"text\": \"\\ud800\"}\n",
				"{\"text\": \"\xff\"}\n", "{\"text\": \"...\", \"label\": \"pos\"}\n", "{\"text\": \"x\", \"label\": [1]}\n"}[i/50%7])
		}
	}
	path := filepath.Join(filetest.FastDir(t), "reviews.jsonl")
	check(t, os.WriteFile(path, []byte(b.String()), 0o644))
	return path
}

func options(t testing.TB, src string) Options {
	return Options{Source: src, Output: filepath.Join(filetest.FastDir(t), "t.stk"), Field: "text", Tokenizer: "words", Workers: 2, CreatedBy: "test"}
}

func run(t testing.TB, o Options) *Summary {
	t.Helper()
	s, err := Run(t.Context(), o)
	check(t, err)
	return s
}

// tokens returns the ids of every sample by key.
func tokens(t testing.TB, dir string) map[string][]int {
	t.Helper()
	d, err := dataset.Open(dir)
	check(t, err)
	defer d.Close() //nolint:errcheck // of a test
	all := map[string][]int{}
	for i := range d.Len() {
		s, err := d.Sample(i)
		check(t, err)
		blob, err := d.Read(&s, i, nil)
		check(t, err)
		ids := []int{}
		size := int(d.Sequence().ElementBytes()) / max(d.Sequence().Features, 1)
		for at := 0; at < len(blob); at += size {
			if size == 2 {
				ids = append(ids, int(binary.LittleEndian.Uint16(blob[at:])))
			} else {
				ids = append(ids, int(int32(binary.LittleEndian.Uint32(blob[at:]))))
			}
		}
		all[d.Key(i)] = ids
	}
	return all
}
