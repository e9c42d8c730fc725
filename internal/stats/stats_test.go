package stats_test

import (
	"testing"
	"time"

	"stoker/internal/stats"
)

// facts returns an epoch of ten seconds on two workers and two cores.
func facts(change func(f *stats.Facts)) *stats.Facts {
	f := &stats.Facts{Workers: 2, Cores: 2, Fetchers: 4, OutputShortSide: 224}
	f.Wall, f.Batches, f.Samples = 10*time.Second, 10, 2560
	f.Decoded, f.ShortSides, f.BytesRead = 2560, 2560*256, 300_000_000
	change(f)
	return f
}

func TestJudge(t *testing.T) {
	const s = time.Second
	f := func(name string, limit stats.Limit, sentence string, change func(f *stats.Facts)) {
		t.Helper()
		got := stats.Judge(facts(change))
		if got.Limit != limit || got.Sentence != sentence {
			t.Errorf("%s:\n got %s: %s\nwant %s: %s", name, got.Limit, got.Sentence, limit, sentence)
		}
	}
	f("nothing measured", stats.LimitUnknown, "nothing was measured yet", func(f *stats.Facts) { f.Batches = 0 })
	f("no waiting", stats.LimitTrainer,
		"waited for data 0.1 % of the epoch (0.01 s); the trainer is the limit: leave the data alone",
		func(f *stats.Facts) { f.Waited = s / 100; f.Stages[stats.Collate].WaitOut = 9 * s })
	f("decoding, cores left", stats.LimitDecode,
		"waited for data 50 % of the epoch (5 s); the limit is image decoding (90 % of the work on 1 worker); "+
			"more workers would help (1 of 2 cores are used)",
		func(f *stats.Facts) {
			f.Workers, f.Waited = 1, 5*s
			f.Stages[stats.Decode].Busy, f.Stages[stats.Augment].Busy = 9*s, s
		})
	f("decoding, large pictures", stats.LimitDecode,
		"waited for data 50 % of the epoch (5 s); the limit is image decoding (90 % of the work on 2 workers); "+
			"packing with --resize short=256 would make it about 3.1 times as fast",
		func(f *stats.Facts) {
			f.Waited, f.ShortSides = 5*s, 2560*512
			f.Stages[stats.Decode].Busy, f.Stages[stats.Augment].Busy = 18*s, 2*s
		})
	f("decoding, crops of JPEGs", stats.LimitDecode,
		"waited for data 50 % of the epoch (5 s); the limit is image decoding (90 % of the work on 2 workers); "+
			"`stoker index` would let crops skip what they do not show",
		func(f *stats.Facts) {
			f.Waited, f.JPEG, f.StoredPixels, f.RegionPixels = 5*s, 2000, 1000, 500
			f.Stages[stats.Decode].Busy, f.Stages[stats.Augment].Busy = 18*s, 2*s
		})
	f("decoding, crops of JPEGs with indexes", stats.LimitDecode,
		"waited for data 50 % of the epoch (5 s); the limit is image decoding (90 % of the work on 2 workers); more cores would help",
		func(f *stats.Facts) {
			f.Waited, f.JPEG, f.StoredPixels, f.RegionPixels, f.Indexed = 5*s, 2000, 1000, 500, true
			f.Stages[stats.Decode].Busy, f.Stages[stats.Augment].Busy = 18*s, 2*s
		})
	f("decoding, nothing left", stats.LimitDecode,
		"waited for data 50 % of the epoch (5 s); the limit is image decoding (90 % of the work on 2 workers); "+
			"more cores would help",
		func(f *stats.Facts) {
			f.Waited = 5 * s
			f.Stages[stats.Decode].Busy, f.Stages[stats.Augment].Busy = 18*s, 2*s
		})
	f("augmentation", stats.LimitAugment,
		"waited for data 50 % of the epoch (5 s); the limit is augmentation (80 % of the work on 2 workers); more cores would help",
		func(f *stats.Facts) {
			f.Waited = 5 * s
			f.Stages[stats.Decode].Busy, f.Stages[stats.Augment].Busy = 4*s, 16*s
		})
	sequences := func(change func(f *stats.Facts)) func(f *stats.Facts) {
		return func(f *stats.Facts) {
			f.Waited, f.Sequences = 5*s, true
			change(f)
		}
	}
	f("sequences", stats.LimitGather,
		"waited for data 50 % of the epoch (5 s); the limit is gathering sequences into batches (2 workers); more cores would help",
		sequences(func(f *stats.Facts) { f.Stages[stats.Fetch].Busy, f.Stages[stats.Collate].Busy = 2*s, 15*s }))
	f("sequences from a disk", stats.LimitFetch,
		"waited for data 50 % of the epoch (5 s); the limit is reading (30.0 MB/s); faster storage, or a dataset in the page cache, would help",
		sequences(func(f *stats.Facts) { f.Stages[stats.Fetch].Busy, f.Stages[stats.Collate].Busy = 15*s, 2*s }))
	f("sequences, many small rows", stats.LimitPlan,
		"waited for data 50 % of the epoch (5 s); the limit is planning the batches; another way to batch, or longer rows, would help",
		sequences(func(f *stats.Facts) { f.Stages[stats.Collate].Busy, f.Stages[stats.Decode].WaitIn = 5*s, 15*s }))
	f("reading", stats.LimitFetch,
		"waited for data 80 % of the epoch (8 s); the limit is reading (30.0 MB/s); "+
			"faster storage, or a dataset in the page cache, would help",
		func(f *stats.Facts) {
			f.Waited = 8 * s
			f.Stages[stats.Fetch].Busy = 39 * s
			f.Stages[stats.Decode].Busy, f.Stages[stats.Decode].WaitIn = 4*s, 16*s
		})
	f("memory", stats.LimitMemory,
		"waited for data 30 % of the epoch (3 s); the limit is memory: no more batches fit into the budget; "+
			"a larger memory budget or smaller batches would help",
		func(f *stats.Facts) {
			f.Waited, f.SlotsExhausted = 3*s, true
			f.Stages[stats.Collate].WaitOut = 6 * s
			f.Stages[stats.Decode].Busy = 5 * s
		})
	f("a benchmark", stats.LimitDecode,
		"fed 256 samples/s; the limit is image decoding (90 % of the work on 2 workers); more cores would help",
		func(f *stats.Facts) {
			f.FeedOnly = true
			f.Stages[stats.Decode].Busy, f.Stages[stats.Augment].Busy = 18*s, 2*s
		})
}

func TestWords(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(stats.Span(130*time.Millisecond), "0.13 s")
	f(stats.Span(42*time.Second), "42 s")
	f(stats.Span(250*time.Second), "4 m 10 s")
	f(stats.Span(125*time.Minute), "2 h 5 m")
	f(stats.Percent(0.31), "31 %")
	f(stats.Percent(0.0042), "0.4 %")
	f(stats.Percent(0), "0 %")
	f(stats.Percent(0.0003), "0 %")
	f(stats.Bytes(12_345_678), "12.3 MB")
	f(stats.Bytes(999_999), "1.00 MB")
	f(stats.Bytes(0), "0.00 B")
	f(stats.Number(1234.5), "1234")
}

func TestTotals(t *testing.T) {
	rows := []stats.Row{
		{FetchBusy: 1, FetchIn: 2, FetchOut: 3, DecodeIn: 4, DecodeBusy: 5, AugmentBusy: 6, Bytes: 7,
			StoredPixels: 8, RegionPixels: 4, ShortSide: 2, Decoded: 1},
		{FetchBusy: 10, Bytes: 70},
	}
	var a, sum stats.Totals
	a.AddRows(rows)
	a.Batches, a.Samples, a.Wall, a.Waited = 1, 2, 100, 50
	sum.Add(&a)
	sum.Add(&a)
	if sum.Stages[stats.Fetch] != (stats.Time{Busy: 22, WaitIn: 4, WaitOut: 6, Items: 4}) ||
		sum.Stages[stats.Decode] != (stats.Time{Busy: 10, WaitIn: 8, Items: 4}) ||
		sum.BytesRead != 154 || sum.Decoded != 2 || sum.ShortSides != 4 || sum.Samples != 4 || sum.Wall != 200 {
		t.Errorf("sum is %+v", sum)
	}
}

// BenchmarkCounting is the whole cost of counting one sample: the clock readings
// of its stages and its share of the sum. Compare with the hundreds of
// microseconds that decoding one photograph takes.
func BenchmarkCounting(b *testing.B) {
	rows := make([]stats.Row, 256)
	var t stats.Totals
	start := time.Now()
	for i := 0; b.Loop(); i++ {
		r := &rows[i%len(rows)]
		r.FetchIn = int64(time.Since(start))
		r.FetchBusy = int64(time.Since(start))
		r.FetchOut = int64(time.Since(start))
		r.DecodeIn = int64(time.Since(start))
		r.DecodeBusy = int64(time.Since(start))
		r.AugmentBusy = int64(time.Since(start))
		if i%len(rows) == 0 {
			t.AddRows(rows)
		}
	}
}
