package enginetest

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"stoker/internal/dataset"
)

// Token returns token j of sample i in the datasets that Sequences writes.
func Token(i int64, j int) uint16 { return uint16(1 + (i*7919+int64(j)*13)%60000) }

// Lengths returns n lengths that are spread like those of reviews, some 0.
func Lengths(n int) []int32 {
	lengths := make([]int32, n)
	for i := range lengths {
		x := uint32(i)*2654435761>>16 + 1
		lengths[i] = int32(x % 40)
		if x%7 == 0 {
			lengths[i] = int32(x % 300)
		}
	}
	return lengths
}

// Sequences writes a dataset of token sequences of the given lengths to a folder
// of the test and returns its path. The pad id is 9, the label i mod 2.
func Sequences(t testing.TB, lengths []int32) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sequences.stk")
	pad := int64(9)
	o := dataset.WriterOptions{
		Kind: dataset.KindSequences, Classes: []string{"no", "yes"}, Fields: Fields,
		Sequence: &dataset.Sequence{Field: "tokens", DType: "uint16", Axis: "tokens"},
		Tokens:   &dataset.Tokens{DType: "uint16", Vocabulary: 60001, Tokenizer: "ids", Pad: &pad},
	}
	if len(lengths) < 1000 { // many small shards and batches of the index; benchmarks have the usual ones
		o.BatchRows, o.ShardBytes = 16, 32<<10
	}
	write(t, dir, o, len(lengths), func(i int) (*dataset.Row, error) {
		var blob []byte
		for j := range lengths[i] {
			blob = binary.LittleEndian.AppendUint16(blob, Token(int64(i), int(j)))
		}
		return &dataset.Row{
			Key: fmt.Sprint("text ", i), Label: int64(i % 2), Blob: blob, CRC: dataset.CRC32C(blob),
			Values: []dataset.Value{{Valid: true, Text: fmt.Sprint("caption of ", i)}, {Valid: i%7 != 0, Float: float64(i)}, {}, {}},
		}, nil
	})
	return dir
}
