package engine_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/rng"
	"stoker/internal/shm"
	"stoker/internal/stats"
)

// reviews makes a dataset of as many sequences as there are film reviews for
// training, of such lengths.
func reviews(b *testing.B) string {
	source := rng.NewKey(11).Source()
	lengths := make([]int32, 12_500)
	for i := range lengths {
		lengths[i] = int32(min(174*math.Exp(0.62*source.Normal())+1, 1024))
	}
	return enginetest.Sequences(b, lengths)
}

// BenchmarkSequences makes batches that nobody slows down.
func BenchmarkSequences(b *testing.B) {
	dir := reviews(b)
	for _, way := range []engine.Batching{{Way: "fixed"}, {Way: "grouped"}, {Way: "tokens", Budget: 15_000}, {Way: "rebalanced"}, {Way: "rebalanced", Varlen: true}} {
		b.Run(fmt.Sprintf("%s,varlen=%t", way.Way, way.Varlen), func(b *testing.B) {
			s := open(b, engine.Options{Dataset: dir, Batching: &way, BatchSize: 64, Shuffle: true})
			samples := 0
			b.ResetTimer()
			for range b.N {
				samples += consume(b, s)
			}
			b.ReportMetric(float64(samples)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}

// BenchmarkPackedRows makes batches of 64 packed rows and copies as many bytes, in
// turns. The bytes are those of tokens, segment_ids and positions, 12 for each
// place. Copies go to as many regions of shared memory as the session has slots;
// "memcpy" from all rows of an epoch, as if they had been made before and lay in
// memory, "warm" from one buffer that never leaves the cache. "of-memcpy" is the
// speed of the whole session, planning the rows on the same core included,
// "filling-of-memcpy" that of filling planned rows. The bound is 0.6 of memcpy;
// run it with -cpu 1, since copying uses one core.
func BenchmarkPackedRows(b *testing.B) {
	const rows, turn = 64, 128 // what was made ahead of a turn is little of it
	dir := reviews(b)
	for _, width := range []int{1024, 2048, 8192} {
		b.Run(fmt.Sprint(width), func(b *testing.B) {
			way := engine.Batching{Way: "packed", Tokens: int32(width)}
			s := open(b, engine.Options{Dataset: dir, Batching: &way, BatchSize: rows, Shuffle: true})
			size := 12 * rows * width
			steps, err := s.EpochSteps(0)
			if err != nil {
				b.Fatal(err)
			}
			for range steps + 8 { // all is read once, all slots are in use
				consume(b, s)
			}
			targets, source := regions(b, 5, size), make([]byte, size*int(steps))
			for i := range source {
				source[i] = byte(i)
			}
			var made, copied, warm time.Duration
			samples := 0
			filling := filled{session: s}
			b.ResetTimer()
			for n := 0; n < b.N; n += turn {
				begin := time.Now()
				for range min(turn, b.N-n) {
					batch := next(b, s)
					filling.see(batch)
					samples += batch.Valid
					if err := batch.Release(); err != nil {
						b.Fatal(err)
					}
				}
				middle := time.Now()
				made += middle.Sub(begin)
				for i := range min(turn, b.N-n) {
					copy(targets[i%len(targets)], source[i%int(steps)*size:])
				}
				end := time.Now()
				copied += end.Sub(middle)
				for i := range min(turn, b.N-n) {
					copy(targets[i%len(targets)], source)
				}
				warm += time.Since(end)
			}
			bytes := float64(b.N*size) / 1e9
			b.ReportMetric(bytes/made.Seconds(), "GB/s")
			b.ReportMetric(copied.Seconds()/made.Seconds(), "of-memcpy")
			b.ReportMetric(copied.Seconds()/float64(b.N)/filling.each(), "filling-of-memcpy")
			b.ReportMetric(warm.Seconds()/made.Seconds(), "of-warm")
			b.ReportMetric(bytes/copied.Seconds(), "memcpy-GB/s")
			b.ReportMetric(bytes/warm.Seconds(), "warm-GB/s")
			b.ReportMetric(float64(samples)/made.Seconds(), "samples/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// filled sums up what filling took, by the session's own account of each epoch.
type filled struct {
	session *engine.Session
	epoch   uint64
	busy    time.Duration
	batches int64
}

func (f *filled) see(b *engine.Batch) {
	if b.Epoch == f.epoch {
		return
	}
	if r := f.session.Stats(&f.epoch, engine.Measured{}); r.Epoch == f.epoch && f.epoch > 1 { // all is in memory
		f.busy += r.Stages[stats.Fetch].Busy + r.Stages[stats.Collate].Busy
		f.batches += r.Batches
	}
	f.epoch = b.Epoch
}

// each returns the seconds for one batch.
func (f *filled) each() float64 { return f.busy.Seconds() / float64(f.batches) }

// consume reads a batch and returns its samples.
func consume(b *testing.B, s *engine.Session) int {
	batch := next(b, s)
	if err := batch.Release(); err != nil {
		b.Fatal(err)
	}
	return batch.Valid
}

func regions(b *testing.B, n, size int) [][]byte {
	var all [][]byte
	for range n {
		r, err := shm.Create("benchmark", size)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { r.Close() }) //nolint:errcheck // of a benchmark
		clear(r.Bytes())
		all = append(all, r.Bytes())
	}
	return all
}
