package engine_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stoker/internal/dataset"
	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/errs"
	"stoker/internal/plan"
)

// ways are one of each kind, for lengths of up to 300.
var ways = []engine.Batching{
	{}, {Way: "fixed", Ladder: 1.5}, {Way: "grouped"}, {Way: "tokens", Budget: 700, Pool: 64}, {Way: "rebalanced", Multiple: 8},
	{Way: "rebalanced", Varlen: true}, {Way: "rebalanced", MaxTokens: 50, TooLong: "split"}, {Way: "packed", Tokens: 320}, {Way: "packed", Tokens: 64, TooLong: "split", MaxAge: 30},
}

// texts is what a consumer sees of one batch of sequences.
type texts struct {
	Epoch, Step             uint64
	Micro, Micros           int
	Last                    bool
	Width, Longest          int
	StepSamples, StepTokens int64
	Pieces                  []string // "index:offset+length"
	Place                   string
}

// reader checks every field of the batches of a dataset of sequences.
type reader struct {
	t       testing.TB
	session *engine.Session
	lengths []int32
	way     engine.Batching
}

func openTexts(t testing.TB, dir string, lengths []int32, way engine.Batching, o engine.Options) *reader {
	t.Helper()
	o.Dataset, o.Batching, o.Shuffle = dir, &way, true
	return &reader{t, open(t, o), lengths, way}
}

// epoch reads to the end of the epoch.
func (r *reader) epoch() []texts {
	r.t.Helper()
	var all []texts
	for len(all) == 0 || !all[len(all)-1].Last {
		all = append(all, r.next())
	}
	return all
}

// next reads a batch and checks it.
func (r *reader) next() texts {
	r.t.Helper()
	b := next(r.t, r.session)
	q := b.Sequences
	g := texts{Epoch: b.Epoch, Step: b.Step, Micro: q.Micro, Micros: q.Micros, Last: b.Last, Width: q.Width, Longest: q.Longest,
		StepSamples: q.StepSamples, StepTokens: q.StepTokens, Place: string(q.Place)}
	at := r.starts(b)
	for i, index := range r.ints(b, "index")[:b.Valid] {
		n := int(r.ints(b, "lengths")[i])
		tokens := r.ints(b, "tokens")[at[i]:][:n]
		if label := r.ints(b, "label")[i]; label != index%2 {
			r.t.Fatalf("sample %d has label %d", index, label)
		}
		offset := r.offset(index, tokens)
		g.Pieces = append(g.Pieces, fmt.Sprintf("%d:%d+%d", index, offset, n))
	}
	r.checkPadding(b, at)
	if err := b.Release(); err != nil {
		r.t.Fatal(err)
	}
	return g
}

// starts returns where each sequence begins in the batch.
func (r *reader) starts(b *engine.Batch) []int64 {
	switch {
	case r.way.Way == "packed":
		return r.ints(b, "starts")
	case r.way.Varlen:
		return r.ints(b, "cu_seqlens")
	}
	var at []int64
	for i := range b.Rows {
		at = append(at, int64(i*b.Sequences.Width))
	}
	return at
}

// offset returns where in its sample a piece begins.
func (r *reader) offset(index int64, tokens []int64) int {
	for offset := 0; offset == 0 || offset < int(r.lengths[index]) && r.way.TooLong == "split"; offset += int(r.way.Tokens + r.way.MaxTokens) {
		same := offset+len(tokens) <= int(r.lengths[index])
		for j, v := range tokens {
			same = same && v == int64(enginetest.Token(index, offset+j))
		}
		if same {
			return offset
		}
	}
	r.t.Fatalf("sample %d came as %v", index, tokens)
	return 0
}

// checkPadding compares all fields with the places of the sequences.
func (r *reader) checkPadding(b *engine.Batch, at []int64) {
	cells := r.ints(b, "tokens")
	positions, segments, borders := r.ints(b, "positions"), r.ints(b, "segment_ids"), r.ints(b, "cu_seqlens")
	taken := make([]bool, len(cells))
	marked := map[int64]bool{0: true, int64(len(cells)): true}
	segment, row := int64(0), int64(-1)
	for i, n := range r.ints(b, "lengths")[:b.Valid] {
		marked[at[i]], marked[at[i]+n] = true, true
		if n == 0 {
			continue
		}
		if here := at[i] / int64(b.Sequences.Width); here != row {
			row, segment = here, 0
		}
		if segments != nil && segments[at[i]] <= segment {
			r.t.Fatalf("sequence %d is segment %d, behind segment %d", i, segments[at[i]], segment)
		}
		for j := range n {
			taken[at[i]+j] = true
			if positions != nil && positions[at[i]+j] != j || segments != nil && segments[at[i]+j] != segments[at[i]] {
				r.t.Fatalf("sequence %d: position or segment of token %d is wrong", i, j)
			}
		}
		if segments != nil {
			segment = segments[at[i]]
		}
	}
	for i, v := range cells {
		if !taken[i] && (v != 9 || segments != nil && segments[i] != 0) {
			r.t.Fatalf("the padding at %d is %d", i, v)
		}
	}
	for i, v := range borders {
		if !marked[v] && v%int64(max(b.Sequences.Width, 1)) != 0 || i > 0 && v < borders[i-1] {
			r.t.Fatalf("cu_seqlens has %d", v)
		}
		if i > 0 && v-borders[i-1] > int64(b.Sequences.Longest) {
			r.t.Fatalf("the longest is %d, not %d", v-borders[i-1], b.Sequences.Longest)
		}
	}
	if borders != nil && borders[len(borders)-1] != int64(len(cells)) {
		r.t.Fatalf("cu_seqlens ends at %d of %d", borders[len(borders)-1], len(cells))
	}
}

// ints returns a field of the batch as numbers; nil where there is none.
func (r *reader) ints(b *engine.Batch, name string) []int64 {
	f := r.session.Info().Layout.Field(name)
	if f == nil {
		return nil
	}
	n := 1
	for _, d := range f.Shape {
		n *= map[int]int{engine.DimRows: b.Rows, engine.DimWidth: b.Sequences.Width, engine.DimPieces: b.Valid,
			engine.DimBorders: b.Valid + 1}[min(d, 0)] + max(d, 0)
	}
	values := make([]int64, n)
	for i := range values {
		if f.DType.Size() == 4 {
			values[i] = int64(int32(binary.LittleEndian.Uint32(b.Bytes()[f.Offset+4*i:])))
		} else {
			values[i] = int64(binary.LittleEndian.Uint64(b.Bytes()[f.Offset+8*i:]))
		}
	}
	return values
}

// once fails unless the pieces are every token of every sample once.
func once(t *testing.T, lengths []int32, batches ...[]texts) {
	t.Helper()
	left := make(map[int64]int32)
	seen := make(map[string]bool)
	for i, n := range lengths {
		left[int64(i)] = n
	}
	met := make(map[int64]bool)
	for _, all := range batches {
		for _, b := range all {
			for _, p := range b.Pieces {
				var index int64
				var offset, n int32
				if _, err := fmt.Sscanf(p, "%d:%d+%d", &index, &offset, &n); err != nil || seen[p] {
					t.Fatalf("%q came twice: %v", p, err)
				}
				seen[p], met[index] = true, true
				left[index] -= n
			}
		}
	}
	for i, n := range left {
		if n != 0 || !met[i] {
			t.Fatalf("sample %d: %d tokens are missing", i, n)
		}
	}
}

func batchSize(way engine.Batching) int {
	if way.Way == "packed" {
		return 2
	}
	return 6
}

// TestEveryTokenOnce: over all ranks every token comes once an epoch, in steps
// that are equally many everywhere and count what they hold.
func TestEveryTokenOnce(t *testing.T) {
	lengths := enginetest.Lengths(200)
	dir := enginetest.Sequences(t, lengths)
	for _, way := range ways {
		for _, world := range []int{1, 3} {
			way.Micro = world%2 + 1
			var all [][]texts
			samples, tokens := map[uint64]int64{}, map[uint64]int64{}
			for rank := range world {
				r := openTexts(t, dir, lengths, way, engine.Options{BatchSize: batchSize(way), Rank: rank, WorldSize: world, Seed: 5})
				all = append(all, r.epoch())
				if steps, err := r.session.EpochSteps(0); err != nil || steps != int64(len(all[rank])) || len(all[rank]) != len(all[0]) {
					t.Fatalf("%+v: rank %d has %d batches, rank 0 %d, announced were %d: %v", way, rank, len(all[rank]), len(all[0]), steps, err)
				}
				for _, b := range all[rank] {
					for _, p := range b.Pieces {
						var index, offset, n int64
						fmt.Sscanf(p, "%d:%d+%d", &index, &offset, &n) //nolint:errcheck // once checks it
						tokens[b.Step] += n
						if offset == 0 {
							samples[b.Step]++
						}
					}
				}
				if second := r.epoch(); second[0].Epoch != 1 || cmp.Equal(second[0].Pieces, all[rank][0].Pieces) {
					t.Fatalf("%+v: the second epoch is the first", way)
				}
			}
			once(t, lengths, all...)
			for _, b := range all[0] {
				if b.StepTokens != tokens[b.Step] || b.StepSamples != samples[b.Step] || b.Micros != way.Micro {
					t.Fatalf("%+v: step %d has %d tokens and %d samples, told were %+v", way, b.Step, tokens[b.Step], samples[b.Step], b)
				}
			}
		}
	}
}

// TestWorkersChangeNoSequence: the same batches for any number of workers.
func TestWorkersChangeNoSequence(t *testing.T) {
	lengths := enginetest.Lengths(150)
	dir := enginetest.Sequences(t, lengths)
	for _, way := range ways {
		var want []texts
		for _, workers := range []int{1, 2, 7} {
			o := engine.Options{BatchSize: batchSize(way), Workers: workers, Prefetch: workers, Budget: engine.NewBudget(workers, 1<<30)}
			got := openTexts(t, dir, lengths, way, o).epoch()
			if want == nil {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%+v with %d workers: %s", way, workers, diff)
			}
		}
	}
}

// state returns the state of r after the batch.
func (r *reader) state(b texts) []byte {
	s := r.session.Info().State
	s.Epoch, s.Place = b.Epoch, json.RawMessage(b.Place)
	var place engine.Place
	if err := json.Unmarshal(s.Place, &place); err != nil {
		r.t.Fatal(err)
	}
	s.Position = min(place.Cursor.Position, int64(len(r.lengths)))
	data, err := json.Marshal(s)
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

// TestSequencesResumeAtEveryBatch: what follows a state is what would have
// followed, inside a step too, in a new session and after a Seek.
func TestSequencesResumeAtEveryBatch(t *testing.T) {
	lengths := enginetest.Lengths(90)
	dir := enginetest.Sequences(t, lengths)
	for _, way := range ways {
		way.Micro = 2
		o := engine.Options{BatchSize: batchSize(way), WorldSize: 2, Rank: 1}
		r := openTexts(t, dir, lengths, way, o)
		want := append(r.epoch(), r.next())
		for i, b := range want[:len(want)-1] {
			o.State = r.state(b)
			again := openTexts(t, dir, lengths, way, o)
			if diff := cmp.Diff(want[i+1], again.next()); diff != "" {
				t.Fatalf("%+v: after batch %d: %s", way, i, diff)
			}
			if err := r.session.SeekPlace(uint32(i+2), b.Epoch, []byte(b.Place)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want[i+1], r.next()); diff != "" {
				t.Fatalf("%+v: after going back to batch %d: %s", way, i, diff)
			}
			again.session.Close() //nolint:errcheck // closed again by the test's end
		}
	}
}

// TestSequencesResumeOnOtherRanks: 8 ranks, then 4, then 16; at every step nothing
// is lost and nothing comes twice.
func TestSequencesResumeOnOtherRanks(t *testing.T) {
	lengths := enginetest.Lengths(260)
	dir := enginetest.Sequences(t, lengths)
	for i, way := range ways {
		size := batchSize(way) / 2
		// run reads so many steps on every rank from a state on; 0 reads all.
		run := func(world, steps int, state []byte) (all [][]texts, after []byte, over bool) {
			for rank := range world {
				r := openTexts(t, dir, lengths, way, engine.Options{BatchSize: size, Rank: rank, WorldSize: world, State: state})
				var mine []texts
				for len(mine) < steps || steps == 0 {
					b := r.next()
					mine = append(mine, b)
					if b.Last {
						break
					}
				}
				all, after, over = append(all, mine), r.state(mine[len(mine)-1]), mine[len(mine)-1].Last
				r.session.Close() //nolint:errcheck // closed again by the test's end
			}
			return all, after, over
		}
		whole, _, _ := run(8, 0, nil)
		stride := rounds(len(whole[0]), 1) // every step with STOKER_LONG=1, else another for every way
		for cut := 1 + i%stride; cut < len(whole[0]); cut += stride {
			first, state, over := run(8, cut, nil)
			var second, third [][]texts
			if !over {
				second, state, over = run(4, 1, state)
			}
			if !over {
				third, _, _ = run(16, 0, state)
			}
			once(t, lengths, append(append(first, second...), third...)...)
		}
	}
}

func TestStatesOfAnotherWayAreRefused(t *testing.T) {
	lengths := enginetest.Lengths(60)
	dir := enginetest.Sequences(t, lengths)
	r := openTexts(t, dir, lengths, engine.Batching{Way: "packed", Tokens: 320}, engine.Options{BatchSize: 2})
	state := r.state(r.next())
	for _, way := range []engine.Batching{{}, {Way: "packed", Tokens: 640}} {
		_, err := engine.Open(t.Context(), engine.Options{Dataset: dir, Batching: &way, BatchSize: 2, Shuffle: true, State: state})
		if !errs.Is(err, errs.Mismatch) || !strings.Contains(err.Error(), "the way to batch was") {
			t.Errorf("%+v: %v", way, err)
		}
	}
	damaged := strings.Replace(string(state), `"open":[[`, `"open":[[{"at":59999},`, 1)
	_, err := engine.Open(t.Context(), engine.Options{Dataset: dir, Batching: &r.way, BatchSize: 2, Shuffle: true, State: []byte(damaged)})
	if !errs.Is(err, errs.Invalid) {
		t.Errorf("a damaged place: %v", err)
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	dir := enginetest.Sequences(t, []int32{3, 4, 500})
	negative := -1.0
	for want, o := range map[string]engine.Options{
		"no way":           {Batching: &engine.Batching{Way: "sorted"}},
		"takes no such":    {Batching: &engine.Batching{Way: "fixed", Tokens: 5}},
		"a packed row has": {Batching: &engine.Batching{Way: "packed", Tokens: 499}},
		"too_long":         {Batching: &engine.Batching{Way: "packed", Tokens: 5, TooLong: "drop"}},
		"at most":          {Batching: &engine.Batching{MaxTokens: 100}},
		"no such settings": {Batching: &engine.Batching{Way: "packed", Tokens: 500, MaxTokens: 100}},
		"noise":            {Batching: &engine.Batching{Way: "grouped", Noise: &negative}},
		"budget":           {Batching: &engine.Batching{Way: "tokens", Budget: 100}},
		"cannot come as":   {Batching: &engine.Batching{DType: "float32"}},
		"last_batch":       {Last: plan.Pad},
		"fall short of":    {Last: plan.Drop, Batching: &engine.Batching{Way: "tokens", Budget: 600}},
		"do not fill":      {Last: plan.Drop, WorldSize: 9},
		"no field":         {Fields: []string{"image2"}},
		"without a saved":  {Position: 1},
		"holds sequences":  {Fields: []string{"image"}},
		"micro-batches":    {Batching: &engine.Batching{Micro: -1}},
		"takes more than":  {Batching: &engine.Batching{Way: "packed", Tokens: 1 << 30}},
		"asked for twice":  {Fields: []string{"tokens", "tokens"}},
	} {
		o.Dataset, o.BatchSize = dir, 2
		s, err := engine.Open(t.Context(), o)
		if err == nil {
			s.Close() //nolint:errcheck // the test fails
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// TestLastSteps: drop leaves out what is not full, and pad fills every batch up with
// rows of padding that do not count.
func TestLastSteps(t *testing.T) {
	lengths := enginetest.Lengths(100)
	dir := enginetest.Sequences(t, lengths)
	for _, way := range []engine.Batching{{Way: "fixed"}, {Way: "grouped"}, {Way: "rebalanced", Varlen: true}, {Way: "packed", Tokens: 320}} {
		r := openTexts(t, dir, lengths, way, engine.Options{BatchSize: 3, WorldSize: 2, Last: plan.Drop})
		for range 2 {
			for _, b := range r.epoch() {
				if way.Way != "packed" && b.StepSamples != 6 {
					t.Errorf("%+v: a step of %d samples", way, b.StepSamples)
				}
			}
		}
	}
	for _, way := range []engine.Batching{{Way: "fixed"}, {Way: "tokens", Budget: 700}} {
		s := open(t, engine.Options{Dataset: dir, Batching: &way, BatchSize: 30, Last: plan.Pad})
		for valid := 0; valid < len(lengths); {
			b := next(t, s)
			r := reader{t: t, session: s}
			labels, index, n := r.ints(b, "label"), r.ints(b, "index"), r.ints(b, "lengths")
			if b.Rows != 30 || len(labels) != 30 || len(index) != 30 || len(n) != 30 {
				t.Fatalf("%+v: %d rows, %d labels", way, b.Rows, len(labels))
			}
			for i := b.Valid; i < 30; i++ {
				if labels[i] != -1 || index[i] != -1 || n[i] != 0 {
					t.Fatalf("%+v: row %d is no padding", way, i)
				}
			}
			valid += b.Valid
			if err := b.Release(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestBadSequences(t *testing.T) {
	lengths := enginetest.Lengths(40)
	dir := enginetest.Sequences(t, lengths)
	d, err := dataset.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	const victim = 5
	sample, err := d.Sample(victim)
	if err != nil || sample.Length == 0 {
		t.Fatal(sample, err)
	}
	path := filepath.Join(dir, d.Manifest().Shards[sample.Shard].File)
	d.Close() //nolint:errcheck // only read
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt([]byte{0xee, 0xff}, sample.Offset)
		f.Close() //nolint:errcheck // a test
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range ways {
		r := openTexts(t, dir, lengths, way, engine.Options{BatchSize: 4, OnBad: engine.Skip})
		kept := map[string]bool{}
		for _, b := range r.epoch() {
			for _, p := range b.Pieces {
				index, _, _ := strings.Cut(p, ":")
				kept[index] = true
			}
		}
		if report := r.session.Stats(nil, engine.Measured{}); len(kept) != len(lengths)-1 || kept["5"] || report.BadCount < 1 {
			t.Errorf("%+v: %d samples came, %d were bad", way, len(kept), report.BadCount)
		}
		count := func(all []texts) (n int, victims int) {
			for _, b := range all {
				n += len(b.Pieces)
				for _, p := range b.Pieces {
					if strings.HasPrefix(p, "5:") {
						victims++
					}
				}
			}
			return n, victims
		}
		kept2, _ := count(openTexts(t, dir, lengths, way, engine.Options{BatchSize: 4, OnBad: engine.Skip}).epoch())
		r = openTexts(t, dir, lengths, way, engine.Options{BatchSize: 4, OnBad: engine.Substitute})
		if n, victims := count(r.epoch()); n <= kept2 || victims > 0 {
			t.Errorf("%+v: %d sequences with a substitute, %d without, %d bad", way, n, kept2, victims)
		}
		s := openTexts(t, dir, lengths, way, engine.Options{BatchSize: 4}).session
		for err = nil; err == nil; {
			var b *engine.Batch
			if b, err = s.Next(t.Context()); err == nil {
				err = b.Release()
			}
		}
		if !errs.Is(err, errs.Corrupt) {
			t.Errorf("%+v: %v", way, err)
		}
	}
}
