package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/leaktest"
	"stoker/internal/transform"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// augment is a pipeline with random choices whose rows are 16 x 16 x 3.
func augment(t testing.TB) transform.Spec {
	t.Helper()
	spec, err := transform.ParseSpec([]byte(`{"ops": [{"op": "random_resized_crop", "size": [16, 16]},
		{"op": "horizontal_flip"}, {"op": "color_jitter", "brightness": [0.6, 1.4]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// open opens a session that ends with the test.
func open(t testing.TB, o engine.Options) *engine.Session {
	t.Helper()
	s, err := engine.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// patience is a time that only a stuck engine takes.
const patience = time.Minute

// next returns the next batch.
func next(t testing.TB, s *engine.Session) *engine.Batch {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	b, err := s.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// got is what a consumer sees of one batch.
type got struct {
	Epoch, Step uint64
	Position    int64
	Rows, Valid int
	Last        bool
	Indices     []int64
	Hash        [32]byte // of all rows of all fields
}

// look copies what b holds and releases it.
func look(t testing.TB, s *engine.Session, b *engine.Batch) got {
	t.Helper()
	g := got{Epoch: b.Epoch, Step: b.Step, Position: b.Position, Rows: b.Rows, Valid: b.Valid, Last: b.Last}
	h := sha256.New()
	for _, f := range s.Info().Layout.Fields {
		if f.Text {
			offsets := b.Bytes()[f.Offset:][:4*(b.Rows+1)]
			h.Write(offsets)
			h.Write(b.Bytes()[f.DataOffset:][:binary.LittleEndian.Uint32(offsets[4*b.Rows:])])
			continue
		}
		row := f.DType.Size()
		for _, d := range f.Shape[1:] {
			row *= d
		}
		h.Write(b.Bytes()[f.Offset:][:row*b.Rows])
		if f.Name == "index" {
			for i := range b.Rows {
				g.Indices = append(g.Indices, int64(binary.LittleEndian.Uint64(b.Bytes()[f.Offset+8*i:])))
			}
		}
	}
	h.Sum(g.Hash[:0])
	if err := b.Release(); err != nil {
		t.Fatal(err)
	}
	return g
}

// read returns the next n batches.
func read(t testing.TB, s *engine.Session, n int) []got {
	t.Helper()
	var all []got
	for range n {
		all = append(all, look(t, s, next(t, s)))
	}
	return all
}

func TestAnEpochHasEverySampleOnce(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 50})
	s := open(t, engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 8, Shuffle: true})
	for epoch := range uint64(3) {
		seen := make(map[int64]bool)
		for i, g := range read(t, s, 7) {
			if g.Epoch != epoch || g.Step != uint64(i) || g.Last != (i == 6) {
				t.Errorf("batch %d of epoch %d is %+v", i, epoch, g)
			}
			for _, index := range g.Indices {
				seen[index] = true
			}
		}
		if len(seen) != 50 {
			t.Errorf("epoch %d has %d samples", epoch, len(seen))
		}
	}
}
