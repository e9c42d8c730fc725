//go:build unix

package jpeg

import "testing"

// BenchmarkCropAndIndex compares what the first epoch over files without
// indexes may do with each: decode a crop; that, and build the index in one pass
// or in one of its own.
func BenchmarkCropAndIndex(b *testing.B) {
	s := newBenchSet(b)
	b.Run("none", func(b *testing.B) { s.run(b, s.crops, func(int) Options { return Options{} }) })
	b.Run("one-pass", func(b *testing.B) {
		var d Decoder
		var index []byte
		start := cpuTime()
		for b.Loop() {
			for i, src := range s.data {
				r := s.crops[i]
				var err error
				if index, err = d.DecodeAndIndex(s.dst, 3*r.Dx(), src, r, Options{}, index[:0], DefaultStep); err != nil {
					b.Fatal(err)
				}
			}
		}
		report(b, start, len(s.data))
	})
	b.Run("two-passes", func(b *testing.B) {
		var d Decoder
		var index []byte
		start := cpuTime()
		for b.Loop() {
			for i, src := range s.data {
				r := s.crops[i]
				index, _ = d.AppendIndex(index[:0], src, DefaultStep)
				if err := d.Decode(s.dst, 3*r.Dx(), src, r, Options{Index: index, Unverified: true}); err != nil && index != nil {
					b.Fatal(err)
				}
			}
		}
		report(b, start, len(s.data))
	})
}
