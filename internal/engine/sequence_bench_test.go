package engine_test

import (
	"testing"

	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
)

// BenchmarkSequences makes batches that nobody slows down: bytes are those of the
// batches as the consumer sees them.
func BenchmarkSequences(b *testing.B) {
	lengths := enginetest.Lengths(12_500)
	for i := range lengths {
		lengths[i] = lengths[i]*3 + 60
	}
	dir := enginetest.Sequences(b, lengths)
	for _, way := range []engine.Batching{{Way: "fixed"}, {Way: "grouped"}, {Way: "rebalanced", Varlen: true}, {Way: "packed", Tokens: 1024}} {
		b.Run(way.Way, func(b *testing.B) {
			size := 64
			if way.Way == "packed" {
				size = 16
			}
			s := open(b, engine.Options{Dataset: dir, Batching: &way, BatchSize: size, Shuffle: true})
			samples, bytes := 0, 0
			b.ResetTimer()
			for range b.N {
				batch := next(b, s)
				samples += batch.Valid
				bytes += 4 * cells(batch, way.Varlen)
				if err := batch.Release(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(samples)/b.Elapsed().Seconds(), "samples/s")
			b.ReportMetric(float64(bytes)/b.Elapsed().Seconds()/1e9, "GB/s")
		})
	}
}

// cells returns the places for tokens in a batch.
func cells(b *engine.Batch, varlen bool) int {
	if varlen {
		return b.Sequences.Width
	}
	return b.Rows * b.Sequences.Width
}
