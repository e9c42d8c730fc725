package engine_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/errs"
	"stoker/internal/plan"
	"stoker/internal/rng"
	"stoker/internal/transform"
)

var allFields = []string{"image", "label", "index", "key", "caption", "score", "views", "safe"}

// TestMetamorphicLaw: the same seed and dataset give the same keys and bytes,
// whatever the workers, the prefetch, the memory and the consumer's holding.
func TestMetamorphicLaw(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 45, Bad: map[int]bool{7: true, 8: true, 30: true}})
	base := engine.Options{Dataset: dir, Transform: augment(t), Fields: allFields, BatchSize: 6, Shuffle: true, Seed: 3}
	want := map[string][]got{}
	reference := func(o engine.Options) []got {
		name := fmt.Sprint(o.OnBad, o.Last, o.Shuffle)
		if want[name] == nil {
			o.Workers, o.Prefetch = 1, 1
			want[name] = read(t, open(t, o), 20)
		}
		return want[name]
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range rounds(6, 200) {
		r := rng.NewKey(seed).Sub(uint64(round)).Source()
		o := base
		o.OnBad = []engine.Policy{engine.Skip, engine.Substitute}[r.IntN(2)]
		o.Last = []plan.Last{plan.Keep, plan.Drop, plan.Pad}[r.IntN(3)]
		o.Shuffle = r.Bool(0.7)
		want := reference(o)
		o.Workers, o.Prefetch = 1+r.IntN(5), 1+r.IntN(9)
		o.Budget = engine.NewBudget(1+r.IntN(5), 1<<30)
		o.MemoryBytes = []int64{0, 6 << 20, 100 << 20}[r.IntN(3)]
		keep := r.IntN(4)
		if diff := cmp.Diff(want, readKeeping(t, o, len(want), keep)); diff != "" {
			t.Fatalf("seed %d, %d workers, prefetch %d, %d batches kept: %s", seed, o.Workers, o.Prefetch, keep, diff)
		}
	}
}

// readKeeping returns the first n batches for a consumer that keeps some.
func readKeeping(t *testing.T, o engine.Options, n, keep int) []got {
	t.Helper()
	s, err := engine.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var held []*engine.Batch
	var all []got
	for len(all) < n {
		held = append(held, next(t, s))
		if len(held) > keep {
			all = append(all, look(t, s, held[0]))
			held = held[1:]
		}
	}
	return all
}

// rounds returns how often to try: more with STOKER_LONG=1.
func rounds(short, long int) int {
	if os.Getenv("STOKER_LONG") != "" {
		return long
	}
	return short
}

// TestRanksPartitionTheEpoch: over the ranks every sample comes exactly once.
func TestRanksPartitionTheEpoch(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 61})
	for _, world := range []int{1, 2, 3, 8} {
		counts := make(map[int64]int)
		steps := int64(-1)
		for rank := range world {
			s := open(t, engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 4, Shuffle: true, Seed: 9, Rank: rank, WorldSize: world})
			if info := s.Info(); steps >= 0 && info.Steps != steps {
				t.Errorf("rank %d of %d has %d steps, others %d", rank, world, info.Steps, steps)
			} else {
				steps = info.Steps
			}
			for _, g := range read(t, s, int(steps)) {
				for _, index := range g.Indices[:g.Valid] {
					counts[index]++
				}
			}
		}
		for i := range int64(61) {
			if counts[i] != 1 {
				t.Errorf("with %d ranks sample %d comes %d times", world, i, counts[i])
			}
		}
	}
}

// TestResumeLaw: a session opened with the state after any step continues as if
// undisturbed; so does a Seek.
func TestResumeLaw(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 45})
	o := engine.Options{Dataset: dir, Transform: augment(t), Fields: allFields, BatchSize: 7, Shuffle: true, Seed: 5}
	s := open(t, o)
	undisturbed := read(t, s, 13)
	state := s.Info().State
	for i := range 9 { // a whole epoch of 7 steps, and into the next
		state.Epoch, state.Position = undisturbed[i].Epoch, undisturbed[i].Position
		saved, err := json.Marshal(state)
		if err != nil {
			t.Fatal(err)
		}
		resumed := o
		resumed.State = saved
		resumed.Workers = 1 + i%3
		if diff := cmp.Diff(undisturbed[i+1:], read(t, open(t, resumed), 13-i-1)); diff != "" {
			t.Fatalf("resumed after batch %d: %s", i, diff)
		}
		if err := s.Seek(uint32(i+2), state.Epoch, state.Position); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(undisturbed[i+1:i+4], read(t, s, 3)); diff != "" {
			t.Fatalf("sought to the end of batch %d: %s", i, diff)
		}
	}
}

// TestResumeWithOtherRanks: 8 ranks, then 4, then 16, then 3, with other batch
// sizes, together see every sample once, with the pixels of an undisturbed epoch.
func TestResumeWithOtherRanks(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 333})
	o := engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 16, Shuffle: true, Seed: 5, Fields: []string{"index", "image"}}
	whole := make(map[int64][32]byte)
	s := open(t, o)
	for range 21 {
		samples(t, next(t, s), func(index int64, hash [32]byte) { whole[index] = hash })
	}
	seen := make(map[int64]int)
	position := int64(0)
	for _, part := range []struct{ ranks, batch, steps int }{{8, 2, 7}, {4, 3, 6}, {16, 1, 4}, {3, 5, 1000}} {
		var after int64
		for rank := range part.ranks {
			p := o
			p.Rank, p.WorldSize, p.BatchSize, p.Position = rank, part.ranks, part.batch, position
			s := open(t, p)
			for step, last := 0, false; !last && step < part.steps; step++ {
				b := next(t, s)
				after, last = b.Position, b.Last
				samples(t, b, func(index int64, hash [32]byte) {
					seen[index]++
					if hash != whole[index] {
						t.Errorf("sample %d has other pixels on rank %d of %d", index, rank, part.ranks)
					}
				})
			}
		}
		position = after
	}
	for i := range int64(333) {
		if seen[i] != 1 {
			t.Errorf("sample %d came %d times", i, seen[i])
		}
	}
}

// samples calls visit with each row of a batch that counts, and releases it.
func samples(t *testing.T, b *engine.Batch, visit func(index int64, hash [32]byte)) {
	t.Helper()
	for row := range b.Valid {
		// The index is the first field, the image the second.
		visit(int64(binary.LittleEndian.Uint64(b.Bytes()[8*row:])), sha256.Sum256(b.Image(row)))
	}
	if err := b.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestAStateOfAnotherStreamIsRefused(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 20})
	o := engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 4, Shuffle: true, Seed: 5}
	saved, err := json.Marshal(open(t, o).Info().State)
	if err != nil {
		t.Fatal(err)
	}
	flat, err := transform.ParseSpec([]byte(`{"ops": [{"op": "center_crop", "size": [16, 16]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, change func(o *engine.Options)) {
		t.Helper()
		other := o
		other.State = saved
		change(&other)
		s, err := engine.Open(t.Context(), other)
		if err == nil {
			s.Close()
		}
		if !errs.Is(err, errs.Mismatch) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	f("seed", func(o *engine.Options) { o.Seed = 6 })
	f("order", func(o *engine.Options) { o.Shuffle = false })
	f("policy", func(o *engine.Options) { o.OnBad = engine.Skip })
	f("transforms", func(o *engine.Options) { o.Transform = flat })
	f("dataset", func(o *engine.Options) { o.Dataset = enginetest.Make(t, enginetest.Options{Samples: 21}) })
	f("version", func(o *engine.Options) { o.State = []byte(`{"version": 2}`) })

	other := o
	other.State, other.BatchSize, other.WorldSize, other.Rank = saved, 2, 3, 1
	open(t, other)
}
