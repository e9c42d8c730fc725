package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stoker/internal/errs"
	"stoker/internal/plan"
	"stoker/internal/rng"
)

func newPlan(t interface{ Fatal(...any) }, s plan.Spec) *plan.Plan {
	p, err := plan.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// world draws the ranks of one job that differ in nothing but their rank.
func world(t *rapid.T, s plan.Spec, size, batch int) []*plan.Plan {
	s.WorldSize, s.BatchSize = size, batch
	ranks := make([]*plan.Plan, size)
	for r := range ranks {
		s.Rank = r
		ranks[r] = newPlan(t, s)
	}
	return ranks
}

// run takes up to limit steps of all ranks from a position; seen counts valid
// samples by index.
func run(t *rapid.T, ranks []*plan.Plan, epoch uint64, position int64, limit int, seen map[int64]int) int64 {
	for range limit {
		if ranks[0].Steps(position) == 0 {
			return position
		}
		var next int64
		for _, p := range ranks {
			if p.Steps(position) != ranks[0].Steps(position) {
				t.Fatal("ranks disagree about the steps that are left")
			}
			indices, valid, after := p.Batch(epoch, position, nil)
			if len(indices) == 0 || len(indices) > p.BatchSize || valid > len(indices) {
				t.Fatalf("batch of %d rows, %d valid, batch size %d", len(indices), valid, p.BatchSize)
			}
			for _, i := range indices[:valid] {
				seen[i]++
			}
			for _, i := range indices {
				if i < 0 || i >= p.Samples {
					t.Fatalf("index %d of %d samples", i, p.Samples)
				}
			}
			next = after
		}
		position = next
	}
	return position
}

// The law: over an epoch, also one that is interrupted twice and goes on with
// other world and batch sizes, every sample is handed out exactly once.
func TestEverySampleOnceOverRanksAndResumes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := plan.Spec{
			Samples: rapid.Int64Range(1, 400).Draw(t, "samples"),
			Seed:    rapid.Uint64().Draw(t, "seed"),
			Shuffle: rapid.Bool().Draw(t, "shuffle"),
			Last:    rapid.SampledFrom([]plan.Last{plan.Keep, plan.Pad}).Draw(t, "last"),
		}
		epoch := rapid.Uint64().Draw(t, "epoch")
		seen := map[int64]int{}
		position := int64(0)
		for part := range 3 {
			ranks := world(t, s, rapid.IntRange(1, 16).Draw(t, "world"), rapid.IntRange(1, 40).Draw(t, "batch"))
			limit := rapid.IntRange(0, 5).Draw(t, "steps")
			if part == 2 {
				limit = int(s.Samples) + 1
			}
			position = run(t, ranks, epoch, position, limit, seen)
		}
		if position != s.Samples || int64(len(seen)) != s.Samples {
			t.Fatalf("ended at %d with %d of %d samples", position, len(seen), s.Samples)
		}
		for i, n := range seen {
			if n != 1 {
				t.Fatalf("sample %d handed out %d times", i, n)
			}
		}
	})
}

func TestDropTakesFullBatchesOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		batch, size := rapid.IntRange(1, 8).Draw(t, "batch"), rapid.IntRange(1, 8).Draw(t, "world")
		samples := int64(batch*size) + rapid.Int64Range(0, 100).Draw(t, "more")
		ranks := world(t, plan.Spec{Samples: samples, Shuffle: true, Last: plan.Drop}, size, batch)
		seen := map[int64]int{}
		run(t, ranks, 0, 0, int(samples), seen)
		if want := samples / int64(batch*size) * int64(batch*size); int64(len(seen)) != want {
			t.Fatalf("%d samples in full batches, want %d", len(seen), want)
		}
	})
}

// A resumed epoch is the rest of the undisturbed one, batch by batch.
func TestResumeAtEveryStep(t *testing.T) {
	p := newPlan(t, plan.Spec{Samples: 101, BatchSize: 7, WorldSize: 2, Rank: 1, Shuffle: true, Seed: 5, Last: plan.Pad})
	var whole [][]int64
	var positions []int64
	for position := int64(0); p.Steps(position) > 0; {
		batch, _, next := p.Batch(3, position, nil)
		whole, positions = append(whole, batch), append(positions, position)
		position = next
	}
	for at, position := range positions {
		for step := at; step < len(whole); step++ {
			batch, _, next := p.Batch(3, position, nil)
			if !slices.Equal(batch, whole[step]) {
				t.Fatalf("resumed at step %d: step %d differs", at, step)
			}
			position = next
		}
	}
}

func TestPaddedRowsComeFromTheStartOfTheOrder(t *testing.T) {
	p := newPlan(t, plan.Spec{Samples: 3, BatchSize: 8, WorldSize: 1, Last: plan.Pad})
	indices, valid, next := p.Batch(0, 0, nil)
	if want := []int64{0, 1, 2, 0, 1, 2, 0, 1}; !slices.Equal(indices, want) || valid != 3 || next != 3 {
		t.Errorf("got %v, %d valid, next %d", indices, valid, next)
	}
}

func TestSpecsThatCannotWork(t *testing.T) {
	for _, s := range []plan.Spec{
		{},
		{Samples: 1},
		{Samples: 1, BatchSize: 1},
		{Samples: 1, BatchSize: 1, WorldSize: 1, Rank: 1},
		{Samples: 1, BatchSize: 1, WorldSize: 1, Rank: -1},
		{Samples: 1, BatchSize: 1 << 30, WorldSize: 1 << 30},
		{Samples: 3, BatchSize: 4, WorldSize: 1, Last: plan.Drop},
	} {
		if _, err := plan.New(s); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// Saved states name positions in this order: it may never change.
func TestOrderIsFrozen(t *testing.T) {
	p := newPlan(t, plan.Spec{Samples: 1281167, BatchSize: 6, WorldSize: 1, Shuffle: true, Seed: 1})
	got, _, _ := p.Batch(2, 1000, nil)
	if want := []int64{340491, 770934, 911952, 277307, 991984, 548880}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: saved states would resume in another order", got, want)
	}
}

func TestPermutationIsOneToOne(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 5, 64, 1000, 1023, 1024, 1025, 65537} {
		p := plan.NewPermutation(n, rng.NewKey(uint64(n)))
		seen := make([]bool, n)
		filled := make([]int64, n)
		p.Fill(filled[:n/3], 0)
		p.Fill(filled[n/3:], n/3)
		for i := range n {
			v := p.At(i)
			if filled[i] != v {
				t.Fatalf("n = %d: place %d holds %d, by Fill %d", n, i, v, filled[i])
			}
			if v < 0 || v >= n || seen[v] {
				t.Fatalf("n = %d: place %d holds %d, outside or twice", n, i, v)
			}
			seen[v] = true
		}
	}
}

// All 120 orders of five samples are about equally likely: chi-square with 119
// degrees of freedom, at 4.5 standard deviations.
func TestTinyOrdersAreUniform(t *testing.T) {
	const n, trials = 5, 12000
	count := map[string]float64{}
	for seed := range uint64(trials) {
		p := plan.NewPermutation(n, rng.NewKey(seed))
		var order [n]int64
		for i := range order {
			order[i] = p.At(int64(i))
		}
		count[fmt.Sprint(order)]++
	}
	var chi2 float64
	for _, c := range count {
		chi2 += (c - trials/120.) * (c - trials/120.) / (trials / 120.)
	}
	if len(count) != 120 || chi2 > 119+4.5*15.4 {
		t.Errorf("%d of 120 orders, chi-square %.0f", len(count), chi2)
	}
}

func TestNeighboursDoNotStayTogether(t *testing.T) {
	const n = 20000
	p := plan.NewPermutation(n, rng.NewKey(9))
	together := 0
	for i := range int64(n - 1) {
		if d := p.At(i+1) - p.At(i); d == 1 || d == -1 {
			together++
		}
	}
	if together > 15 { // 2 are expected
		t.Errorf("%d of %d neighbours stay neighbours", together, n)
	}
}

func TestStateSaysWhatDiffers(t *testing.T) {
	saved := plan.State{Version: 1, Dataset: "aaaaaaaaaaaaaaaa", Samples: 10, Seed: 1, Pipeline: "crop", Decoder: "d/1"}
	if err := saved.Check(saved); err != nil {
		t.Fatal(err)
	}
	now := saved
	now.Dataset, now.Seed, now.Epoch, now.Position = "bbbbbbbbbbbbbbbb", 2, 5, 5
	err := saved.Check(now)
	want := "the saved state belongs to another stream: the dataset's fingerprint was aaaaaaaaaaaaaaaa, is bbbbbbbbbbbbbbbb; the seed was 1, is 2"
	if !errs.Is(err, errs.Mismatch) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func FuzzParseState(f *testing.F) {
	f.Add([]byte(`{"version":1,"samples":3,"position":2,"epoch":1}`))
	f.Add([]byte(`{"version":2}`))
	f.Add([]byte(`{"version":1,"samples":3,"position":4}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := plan.ParseState(data)
		if err == nil && (s.Position < 0 || s.Position > s.Samples) {
			t.Errorf("accepted %+v", s)
		}
	})
}

func BenchmarkBatch256Of1281167(b *testing.B) {
	p := newPlan(b, plan.Spec{Samples: 1281167, BatchSize: 256, WorldSize: 8, Rank: 3, Shuffle: true})
	dst := make([]int64, 0, 256)
	b.ReportAllocs()
	for i := range b.N {
		dst, _, _ = p.Batch(uint64(i), int64(i%600)*2048, dst[:0])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/sample")
}

// TestDecodersThatAreNotNeeded: a state binds to the decoders that the dataset
// takes, and a difference names the one that changed.
func TestDecodersThatAreNotNeeded(t *testing.T) {
	saved := plan.State{Decoder: "jpeg=a/1 png=b/1 pixels=p/1 crop/1 flip/1"}
	for now, want := range map[string]string{
		"jpeg=a/1 pixels=p/1 crop/1 flip/1":  "",
		"none":                               "",
		"jpeg=a/2 pixels=p/1 crop/1 flip/1":  "the version of jpeg was a/1, is a/2",
		"png=b/1 pixels=p/2":                 "the version of pixels was p/1, is p/2",
		"jpeg=a/1 gif=c/1 pixels=p/1":        "the version of gif is c/1 and was none",
		"jpeg=a/1 png=b/1 pixels=p/1 crop/2": "the version of crop was 1, is 2",
	} {
		err := saved.Check(plan.State{Decoder: now})
		if want == "" && err != nil || want != "" && (!errs.Is(err, errs.Mismatch) || !strings.HasSuffix(err.Error(), "another stream: "+want)) {
			t.Errorf("%s: %v", now, err)
		}
	}
}
