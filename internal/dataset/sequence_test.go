package dataset

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stoker/internal/errs"
	"stoker/internal/filetest"
)

var vocabulary = []byte(`{"words": ["a", "b"]}`)

// sequenceOptions makes batches of four rows.
func sequenceOptions(s Sequence) WriterOptions {
	pad := int64(0)
	return WriterOptions{Kind: KindSequences, Classes: []string{"no", "yes"}, Fields: testFields, CreatedBy: "test", BatchRows: 4,
		ShardBytes: 48 << 10, Sequence: &s, TokenFile: vocabulary,
		Tokens: &Tokens{DType: s.DType, Vocabulary: 2000, Tokenizer: "words", File: "vocabulary.json", Pad: &pad}}
}

var plainTokens = Sequence{Field: "tokens", DType: "uint16", Axis: "tokens"}

// sequenceRow makes row i: a test row with elements of the sequence for a blob.
func sequenceRow(s *Sequence, i int) *Row {
	row := testRow(i)
	row.Width, row.Height, row.Orientation, row.Format = 0, 0, 0, 0
	row.Blob = row.Blob[:int64(len(row.Blob))/s.ElementBytes()*s.ElementBytes()]
	row.CRC, row.Position = CRC32C(row.Blob), int64(2*i+2)
	if s.Text {
		row.Text = strings.Repeat("ä word ", i)
	}
	return row
}

func writeSequences(t fataler, dir string, n int, o WriterOptions) *Manifest {
	t.Helper()
	w, err := NewWriter(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	done, _ := w.Done()
	if w.Position() != 2*done {
		t.Fatalf("position %d after %d rows", w.Position(), done)
	}
	for i := int(done); i < n; i++ {
		if err := w.Append(sequenceRow(o.Sequence, i)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := w.Commit(nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSequencesAreReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Sequence{Field: "tokens", Axis: "time",
			DType:    rapid.SampledFrom([]string{"uint16", "int32", "int64", "float32", "float64"}).Draw(t, "dtype"),
			Features: rapid.SampledFrom([]int{0, 1, 5}).Draw(t, "features"),
			Text:     rapid.Bool().Draw(t, "text")}
		parent, err := os.MkdirTemp("/dev/shm", "stoker-test-*")
		if err != nil {
			t.Skip(err)
		}
		defer os.RemoveAll(parent) //nolint:errcheck // of a test
		dir, n := filepath.Join(parent, "t.stk"), rapid.IntRange(1, 60).Draw(t, "rows")
		writeSequences(t, dir, n, sequenceOptions(s))
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close() //nolint:errcheck // of a test
		lengths, err := d.Lengths()
		if err != nil || len(lengths) != n {
			t.Fatal(len(lengths), err)
		}
		for i := range n {
			want := sequenceRow(&s, i)
			checkRow(t, d, int64(i), want)
			checkValues(t, d, int64(i), testFields, want.Values)
			tokens := int32(int64(len(want.Blob)) / s.ElementBytes())
			if sample, _ := d.Sample(int64(i)); lengths[i] != tokens || d.Tokens(int64(i)) != tokens || sample.Tokens != tokens {
				t.Fatalf("sample %d: %d, %d, %d tokens, want %d", i, lengths[i], d.Tokens(int64(i)), sample.Tokens, tokens)
			}
		}
		if r, err := Verify(context.Background(), dir, nil); err != nil || !r.OK() {
			t.Fatalf("%v: %+v", err, r)
		}
	})
}

func TestVocabularyIsCheckedAndBelongsToTheFingerprint(t *testing.T) {
	parent := filetest.FastDir(t)
	dir := filepath.Join(parent, "t.stk")
	o := sequenceOptions(plainTokens)
	first := writeSequences(t, dir, 5, o)
	path := filepath.Join(dir, "vocabulary.json")
	if err := os.WriteFile(path, bytes.ToUpper(vocabulary), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openTest(t, dir).TokenFile(); !errs.Is(err, errs.Corrupt) {
		t.Errorf("another vocabulary of that size: %v", err)
	}
	if r, err := Verify(context.Background(), dir, nil); err != nil || r.BadFiles != 1 {
		t.Errorf("%v: %+v", err, r)
	}
	o.TokenFile = []byte("{}")
	second := writeSequences(t, filepath.Join(parent, "u.stk"), 5, o)
	if first.Fingerprint == second.Fingerprint {
		t.Error("the fingerprint does not see the vocabulary")
	}
	o.Sequence = &Sequence{Field: "tokens", DType: "uint16", Axis: "tokens", Text: true}
	if kept := writeSequences(t, filepath.Join(parent, "v.stk"), 5, o); kept.Fingerprint != second.Fingerprint {
		t.Error("kept text changes the fingerprint")
	}
}

func TestChangedVocabularyIsNotContinued(t *testing.T) {
	dir := filepath.Join(filetest.FastDir(t), "t.stk")
	o := sequenceOptions(plainTokens)
	w, err := NewWriter(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		if err := w.Append(sequenceRow(&plainTokens, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	changed := o
	changed.TokenFile = []byte("other words")
	if _, err := NewWriter(dir, changed); !errs.Is(err, errs.Mismatch) || !strings.Contains(err.Error(), "vocabulary") {
		t.Errorf("resumed with another vocabulary: %v", err)
	}
	writeSequences(t, dir, 20, o)
	whole := filepath.Join(filepath.Dir(dir), "whole.stk")
	writeSequences(t, whole, 20, o)
	sameFolder(t, dir, whole)
}

func TestSequencesThatCannotBeAreRefused(t *testing.T) {
	for _, s := range []*Sequence{nil, {Field: "", DType: "uint16"}, {Field: "label", DType: "uint16"}, {Field: "text", DType: "uint16"},
		{Field: "tokens", DType: "uint8"}, {Field: "tokens", DType: "int32", Features: -1}, {Field: "tokens", DType: "int32", Features: 1 << 21}} {
		o := sequenceOptions(plainTokens)
		o.Sequence = s
		if _, err := NewWriter(filepath.Join(t.TempDir(), "t.stk"), o); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// TestTokensLieWhereTheIndexSays reads the ids of a sample from the file, without
// this package.
func TestTokensLieWhereTheIndexSays(t *testing.T) {
	dir := filepath.Join(filetest.FastDir(t), "t.stk")
	writeSequences(t, dir, 40, sequenceOptions(plainTokens))
	d := openTest(t, dir)
	for i := range d.Len() {
		s, err := d.Sample(i)
		if err != nil {
			t.Fatal(err)
		}
		shard, err := os.ReadFile(filepath.Join(dir, d.Manifest().Shards[s.Shard].File))
		if err != nil {
			t.Fatal(err)
		}
		want := sequenceRow(&plainTokens, int(i)).Blob
		for j := range int(s.Tokens) {
			if got := binary.LittleEndian.Uint16(shard[s.Offset+2*int64(j):]); got != binary.LittleEndian.Uint16(want[2*j:]) {
				t.Fatalf("token %d of sample %d is %d", j, i, got)
			}
		}
	}
}
