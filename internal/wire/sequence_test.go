package wire_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stoker/internal/wire"
)

func TestSequenceBatches(t *testing.T) {
	b := wire.Batch{Slot: 1, Generation: 2, Stream: 3, Rows: 4, Epoch: 5, Step: 6, Position: 7, Valid: 8, Flags: wire.FlagLast}
	q := wire.Sequence{Width: 9, Longest: 10, Micro: 11, Micros: 12, StepSamples: 13, StepTokens: 14, Place: []byte(`{"step":6}`)}
	frame := wire.AppendSequenceBatch([]byte("x"), &b, &q)[1:]
	var buf []byte
	kind, payload, err := wire.ReadFrame(bytes.NewReader(frame), &buf)
	if err != nil || kind != wire.TypeBatch {
		t.Fatal(kind, err)
	}
	gotB, gotQ, err := wire.ParseSequenceBatch(payload)
	if diff := cmp.Diff(b, gotB) + cmp.Diff(q, gotQ); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	for n := range len(payload) - len(q.Place) {
		if _, _, err := wire.ParseSequenceBatch(payload[:n]); err == nil {
			t.Fatalf("%d bytes were taken for a batch", n)
		}
	}
}
