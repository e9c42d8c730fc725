package batching_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"stoker/internal/batching"
)

// The benchmarks plan synthetic lengths distributed as those of film reviews. One
// goroutine does all of it: the figures are those of one core.

type planned struct {
	name string
	way  batching.Way
	batching.Geometry
}

func everyWay() []planned {
	one, eight := batching.Geometry{BatchSize: 64, World: 1, Micro: 1}, batching.Geometry{BatchSize: 32, World: 8, Micro: 2}
	return []planned{
		{"fixed", batching.Fixed{}, one},
		{"grouped", batching.Grouped{Noise: 0.1}, one},
		{"tokens", batching.Tokens{Budget: 64 * 234}, one},
		{"rebalanced", batching.Rebalanced{}, eight},
		{"varlen", batching.Rebalanced{Varlen: true}, eight},
		{"packed-1024", batching.Packed{Tokens: 1024, TooLong: batching.Cut}, one},
		{"packed-8192", batching.Packed{Tokens: 8192}, one},
	}
}

// synthetic makes the lengths once: ten million take a second.
var synthetic = map[int]func() []int32{
	1_000_000:  sync.OnceValue(func() []int32 { return lognormal(1_000_000) }),
	10_000_000: sync.OnceValue(func() []int32 { return lognormal(10_000_000) }),
}

func (w planned) plan(b *testing.B, samples int) *batching.Plan {
	return newPlan(b, batching.Spec{Lengths: synthetic[samples](), Shuffle: true, Way: w.way, Geometry: w.Geometry})
}

// BenchmarkPlan plans whole epochs. The bound is 150 ns/sample.
func BenchmarkPlan(b *testing.B) {
	for _, samples := range []int{1_000_000, 10_000_000} {
		for _, w := range everyWay() {
			b.Run(fmt.Sprintf("%dM/%s", samples/1_000_000, w.name), func(b *testing.B) {
				p := w.plan(b, samples)
				b.ResetTimer()
				for i := range b.N {
					s, err := p.From(batching.Cursor{Epoch: uint64(i)})
					if err != nil {
						b.Fatal(err)
					}
					for ok := true; ok; {
						_, _, ok = s.Next()
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(samples), "ns/sample")
			})
		}
	}
}

// BenchmarkEpochStart takes the first step of an epoch of ten million samples. The
// bound is 50 ms.
func BenchmarkEpochStart(b *testing.B) {
	for _, w := range everyWay() {
		b.Run(w.name, func(b *testing.B) {
			p := w.plan(b, 10_000_000)
			b.ResetTimer()
			for i := range b.N {
				first(b, p, batching.Cursor{Epoch: uint64(i)})
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/start")
		})
	}
}

// BenchmarkResume takes the next step after saved places of an epoch of ten
// million samples, JSON and all: in the middle, and near the end, where the last
// window is the largest. The bound is 100 ms.
func BenchmarkResume(b *testing.B) {
	for _, w := range everyWay() {
		p := w.plan(b, 10_000_000)
		steps, err := p.Steps(7)
		if err != nil {
			b.Fatal(err)
		}
		for _, at := range []int64{steps / 2, steps - 2} {
			saved := savedAt(b, p, at)
			b.Run(fmt.Sprintf("%s/step-%d", w.name, at), func(b *testing.B) {
				for range b.N {
					var c batching.Cursor
					if err := json.Unmarshal(saved, &c); err != nil {
						b.Fatal(err)
					}
					first(b, p, c)
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/resume")
			})
		}
	}
}

func first(b *testing.B, p *batching.Plan, c batching.Cursor) {
	s, err := p.From(c)
	if err != nil {
		b.Fatal(err)
	}
	if _, _, ok := s.Next(); !ok {
		b.Fatal("no step is left")
	}
}

// savedAt returns the cursor behind a step of epoch 7 as a checkpoint keeps it.
func savedAt(b *testing.B, p *batching.Plan, step int64) []byte {
	s, err := p.From(batching.Cursor{Epoch: 7})
	if err != nil {
		b.Fatal(err)
	}
	var c batching.Cursor
	for range step + 1 {
		_, c, _ = s.Next()
	}
	data, err := json.Marshal(c)
	if err != nil {
		b.Fatal(err)
	}
	return data
}
