package engine_test

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/rng"
	"stoker/internal/sysinfo"
	"stoker/internal/transform"
)

const imageNet = 1_281_167 // samples of ImageNet's training set

// train is the usual pipeline of ImageNet.
func train(t testing.TB) transform.Spec {
	t.Helper()
	spec, err := transform.ParseSpec([]byte(`{"ops": [{"op": "random_resized_crop", "size": [224, 224]}, {"op": "horizontal_flip"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func take(b *testing.B, s *engine.Session) *engine.Batch {
	b.Helper()
	batch, err := s.Next(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if err := batch.Release(); err != nil {
		b.Fatal(err)
	}
	return batch
}

// BenchmarkSamples is the cost of a sample through all stages; with -benchmem
// the allocations: none for a sample, some for a batch.
func BenchmarkSamples(b *testing.B) {
	const batch = 64
	s := open(b, engine.Options{Dataset: enginetest.Photos(b), Transform: train(b), BatchSize: batch, Shuffle: true})
	for range 20 {
		take(b, s)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%batch == 0 {
			take(b, s)
		}
	}
}

// BenchmarkFirstBatch opens a dataset of 1.28 million samples and takes a batch.
func BenchmarkFirstBatch(b *testing.B) {
	dir := enginetest.Repeated(b, enginetest.Photos(b), imageNet)
	for b.Loop() {
		s, err := engine.Open(b.Context(), engine.Options{Dataset: dir, Transform: train(b), BatchSize: 64, Shuffle: true})
		if err != nil {
			b.Fatal(err)
		}
		take(b, s)
		s.Close()
	}
}

// BenchmarkSeek goes to a random step of 1.28 million samples and takes a batch
// of 64; subtract the making of one batch (BenchmarkSamples times 64).
func BenchmarkSeek(b *testing.B) {
	s := open(b, engine.Options{Dataset: enginetest.Repeated(b, enginetest.Photos(b), imageNet), Transform: train(b), BatchSize: 64, Shuffle: true})
	random := rng.NewKey(1).Source()
	stream := uint32(1)
	for b.Loop() {
		stream++
		if err := s.Seek(stream, random.Uint64()%100, int64(random.IntN(imageNet))); err != nil {
			b.Fatal(err)
		}
		for take(b, s).Stream != stream {
		}
	}
}

// BenchmarkEpochGap has a trainer of 20 ms a step: the wait for the first batch
// of an epoch is the gap between epochs.
func BenchmarkEpochGap(b *testing.B) {
	s := open(b, engine.Options{Dataset: enginetest.Photos(b), Transform: train(b), BatchSize: 16, Shuffle: true})
	var worst, sum time.Duration
	epochs := 0
	for b.Loop() {
		for last := false; !last; {
			last = take(b, s).Last
			time.Sleep(60 * time.Millisecond) // the trainer
		}
		asked := time.Now()
		take(b, s)
		gap := time.Since(asked)
		worst, sum, epochs = max(worst, gap), sum+gap, epochs+1
		time.Sleep(60 * time.Millisecond)
	}
	b.ReportMetric(float64(sum.Microseconds())/float64(epochs), "us-mean-gap")
	b.ReportMetric(float64(worst.Microseconds()), "us-worst-gap")
}

// BenchmarkMemory is the growth of this process's memory from the tenth epoch to
// the last, with the garbage collector set as `stoker serve` sets it: with
// -benchtime 190x over 200 epochs.
func BenchmarkMemory(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	s := open(b, engine.Options{Dataset: enginetest.Photos(b), Transform: train(b), BatchSize: 64, Shuffle: true})
	epoch := func() {
		for !take(b, s).Last {
		}
	}
	for range 10 {
		epoch()
	}
	before := sysinfo.Usage()
	for b.Loop() {
		epoch()
	}
	after := sysinfo.Usage()
	b.ReportMetric(float64(before.RSSBytes)/1e6, "MB-before")
	b.ReportMetric(float64(after.RSSBytes)/1e6, "MB-after")
	b.ReportMetric(float64(after.PeakBytes)/1e6, "MB-peak")
	b.ReportMetric(100*float64(after.RSSBytes-before.RSSBytes)/float64(before.RSSBytes), "%-growth")
	runtime.KeepAlive(s)
}
