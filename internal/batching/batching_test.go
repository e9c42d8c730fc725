package batching_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stoker/internal/batching"
	"stoker/internal/errs"
	"stoker/internal/rng"
)

// lognormal draws lengths as film reviews have them: median 174 words, cv 0.74.
func lognormal(n int) []int32 {
	source := rng.NewKey(11).Source()
	lengths := make([]int32, n)
	for i := range lengths {
		lengths[i] = int32(min(174*math.Exp(0.62*source.Normal())+1, 2470))
	}
	return lengths
}

// reviews returns the words of each training review, or skips.
func reviews(t testing.TB) []int32 {
	dir := os.Getenv("STOKER_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	file, err := os.Open(filepath.Join(dir, "reviews.jsonl.gz"))
	if err != nil {
		t.Skipf("no reviews: set STOKER_TEST_DATA (%v)", err)
	}
	defer file.Close()
	unzip, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var lengths []int32
	for lines := bufio.NewReader(unzip); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return lengths
		}
		var review struct{ Text, Split string }
		if err := json.Unmarshal(line, &review); err != nil {
			t.Fatal(err)
		}
		if review.Split == "train" {
			lengths = append(lengths, int32(len(strings.Fields(review.Text))))
		}
	}
}

func newPlan(t interface{ Fatal(...any) }, s batching.Spec) *batching.Plan {
	p, err := batching.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func anyWay(t *rapid.T, longest int32) batching.Way {
	round := rapid.SampledFrom([]batching.Round{{}, {Multiple: 8}, {Ladder: 1.25}}).Draw(t, "round")
	switch rapid.IntRange(0, 5).Draw(t, "way") {
	case 0:
		return batching.Fixed{Round: round}
	case 1:
		return batching.Grouped{Noise: rapid.Float64Range(0, 0.5).Draw(t, "noise"), Round: round}
	case 2:
		return batching.Tokens{Budget: int64(round.Up(longest)) * rapid.Int64Range(1, 5).Draw(t, "budget"),
			Pool: rapid.IntRange(0, 60).Draw(t, "pool"), Round: round}
	case 3:
		return batching.Rebalanced{Round: round, Varlen: rapid.Bool().Draw(t, "varlen")}
	case 4:
		return batching.Packed{Tokens: rapid.Int32Range(1, longest+1).Draw(t, "row"), TooLong: batching.Split,
			Open: rapid.IntRange(1, 6).Draw(t, "open"), MaxAge: rapid.IntRange(1, 60).Draw(t, "age")}
	}
	return batching.Packed{Tokens: longest + rapid.Int32Range(1, 50).Draw(t, "row")}
}

func anyGeometry(t *rapid.T) batching.Geometry {
	return batching.Geometry{BatchSize: rapid.IntRange(1, 9).Draw(t, "batch"), World: rapid.IntRange(1, 5).Draw(t, "world"),
		Micro: rapid.SampledFrom([]int{1, 2, 4}).Draw(t, "micro")}
}

// checkStep looks at what must hold in every step, whatever the way.
func checkStep(t *rapid.T, s batching.Step, spec batching.Spec) {
	var tokens int64
	for _, rank := range s.Ranks {
		if len(rank) != spec.Micro || len(s.Ranks) != spec.World {
			t.Fatalf("%d ranks, one with %d micro-batches, want %d and %d", len(s.Ranks), len(rank), spec.World, spec.Micro)
		}
		for _, m := range rank {
			for _, p := range m.Pieces {
				tokens += int64(p.Length)
				if !m.Varlen && p.Length > m.Width {
					t.Fatalf("a piece of %d tokens in a width of %d", p.Length, m.Width)
				}
			}
			if way, ok := spec.Way.(batching.Tokens); ok && (m.Cost() > way.Budget || len(m.Pieces) > spec.BatchSize) {
				t.Fatalf("%d tokens, %d samples in a batch of at most %d, %d", m.Cost(), len(m.Pieces), way.Budget, spec.BatchSize)
			}
			checkRows(t, m, spec)
		}
	}
	if tokens != s.Tokens {
		t.Fatalf("a step counts %d tokens and holds %d", s.Tokens, tokens)
	}
}

func checkRows(t *rapid.T, m batching.Micro, spec batching.Spec) {
	if m.Rows == nil {
		return
	}
	if len(m.Rows)-1 > spec.BatchSize || m.Rows[0] != 0 || int(m.Rows[len(m.Rows)-1]) != len(m.Pieces) {
		t.Fatalf("rows %v over %d pieces, batch size %d", m.Rows, len(m.Pieces), spec.BatchSize)
	}
	for r := range len(m.Rows) - 1 {
		var sum int32
		for _, p := range m.Pieces[m.Rows[r]:m.Rows[r+1]] {
			sum += p.Length
		}
		if sum > m.Width {
			t.Fatalf("a row of %d holds %d tokens", m.Width, sum)
		}
	}
}

type piece struct {
	index  int64
	offset int32
}

// take takes up to limit steps and counts the tokens of every piece.
func take(t *rapid.T, spec batching.Spec, c batching.Cursor, limit int, seen map[piece]int32) (batching.Cursor, int) {
	steps, err := newPlan(t, spec).From(c)
	if err != nil {
		t.Fatal(err)
	}
	for n := range limit {
		step, after, ok := steps.Next()
		if !ok {
			return c, n
		}
		checkStep(t, step, spec)
		for _, rank := range step.Ranks {
			for _, m := range rank {
				for _, p := range m.Pieces {
					if seen[piece{p.Index, p.Offset}] != 0 {
						t.Fatalf("sample %d, token %d twice", p.Index, p.Offset)
					}
					seen[piece{p.Index, p.Offset}] = p.Length + 1
				}
			}
		}
		c = throughJSON(t, after)
	}
	return c, limit
}

// throughJSON saves and restores a cursor as a checkpoint does.
func throughJSON(t *rapid.T, c batching.Cursor) (restored batching.Cursor) {
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.AppendJSON(nil); string(got) != string(data) {
		t.Fatalf("the JSON is\n%s\nand should be\n%s", got, data)
	}
	if err := json.Unmarshal(data, &restored); err != nil {
		t.Fatal(err)
	}
	return restored
}

// The law: every token of every sample once, over ranks and over resumes with
// other geometries; nothing cut.
func TestEveryTokenOnceOverRanksAndResumes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOfN(rapid.Int32Range(0, 90), 1, 300).Draw(t, "lengths")
		spec := batching.Spec{Lengths: lengths, Seed: rapid.Uint64().Draw(t, "seed"), Shuffle: rapid.Bool().Draw(t, "shuffle"),
			Way: anyWay(t, 90)}
		if _, packed := spec.Way.(batching.Packed); !packed && rapid.Bool().Draw(t, "limited") {
			spec.MaxTokens, spec.TooLong = rapid.Int32Range(1, 90).Draw(t, "most"), batching.Split
		}
		seen := map[piece]int32{}
		c := batching.Cursor{Epoch: rapid.Uint64().Draw(t, "epoch")}
		for range rapid.IntRange(0, 4).Draw(t, "resumes") {
			spec.Geometry = anyGeometry(t)
			c, _ = take(t, spec, c, rapid.IntRange(0, 6).Draw(t, "steps"), seen)
		}
		spec.Geometry = anyGeometry(t)
		c, _ = take(t, spec, c, 100000, seen)
		if c.Position != pieces(spec) || len(c.Open)+len(c.Ready)+len(c.Done) > 0 {
			t.Fatalf("the epoch ended at %+v", c)
		}
		total := map[int64]int32{}
		for p, n := range seen {
			total[p.index] += n - 1
		}
		for i, n := range lengths {
			if _, ok := total[int64(i)]; !ok || total[int64(i)] != n {
				t.Fatalf("sample %d: %d of %d tokens", i, total[int64(i)], n)
			}
		}
	})
}

// pieces returns the pieces of an epoch, those of one split sample counted.
func pieces(spec batching.Spec) int64 {
	n := int64(len(spec.Lengths))
	for _, length := range spec.Lengths {
		if spec.MaxTokens > 0 {
			n += int64(max(length-1, 0) / spec.MaxTokens)
		}
	}
	return n
}

// With Drop every step is full, the last one ends the epoch, and a resume at any
// step goes on with the same.
func TestDropTakesFullStepsOnly(t *testing.T) {
	lengths := lognormal(701)
	for name, way := range map[string]batching.Way{
		"fixed": batching.Fixed{}, "grouped": batching.Grouped{Noise: 0.1}, "rebalanced": batching.Rebalanced{},
		"varlen": batching.Rebalanced{Varlen: true}, "packed": batching.Packed{Tokens: 2500},
	} {
		spec := batching.Spec{Lengths: lengths, Shuffle: true, Way: way, Geometry: batching.Geometry{BatchSize: 4, World: 2, Micro: 2}}
		all, _ := steps(t, newPlan(t, spec), batching.Cursor{})
		spec.Drop = true
		p := newPlan(t, spec)
		whole, cursors := steps(t, p, batching.Cursor{})
		if n, err := p.Steps(0); err != nil || int(n) != len(whole) || len(whole) < len(all)-2 || len(whole) == 0 {
			t.Fatalf("%s: %d of %d steps are full, announced were %d: %v", name, len(whole), len(all), n, err)
		}
		for i, step := range whole {
			n := 0
			for _, rank := range step.Ranks {
				for _, m := range rank {
					n += max(len(m.Rows)-1, 0)
					if m.Rows == nil {
						n += len(m.Pieces)
					}
				}
			}
			rest, _ := steps(t, p, cursors[i])
			if n != 16 || p.Ended(cursors[i]) != (i == len(whole)-1) || !reflect.DeepEqual(rest, whole[i+1:]) && len(rest)+len(whole[i+1:]) > 0 {
				t.Fatalf("%s: step %d of %d has %d pieces or rows; %d steps follow a resume", name, i, len(whole), n, len(rest))
			}
		}
	}
	for name, s := range map[string]batching.Spec{
		"fall short of": {Way: batching.Tokens{Budget: 5000}},
		"does not fill": {Way: batching.Packed{Tokens: 100_000}},
	} {
		s.Lengths, s.Drop, s.Geometry = lengths, true, batching.Geometry{BatchSize: 4, World: 2, Micro: 2}
		if _, err := batching.New(s); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is too long is refused, cut or split in every way; nothing else is touched.
func TestTooLongIsRefusedCutOrSplit(t *testing.T) {
	lengths := []int32{3, 0, 20, 7, 8, 9, 15, 16, 17}
	g := batching.Geometry{BatchSize: 3, World: 2, Micro: 1}
	for _, way := range []batching.Way{batching.Fixed{}, batching.Grouped{Noise: 0.1}, batching.Tokens{Budget: 30}, batching.Rebalanced{},
		batching.Rebalanced{Varlen: true}, batching.Packed{Tokens: 8}} {
		run := func(long batching.TooLong) (held map[int64][]int32, err error) {
			spec := batching.Spec{Lengths: lengths, Shuffle: true, Geometry: g, Way: way, MaxTokens: 8, TooLong: long}
			if packed, ok := way.(batching.Packed); ok {
				packed.TooLong = long
				spec.Way, spec.MaxTokens, spec.TooLong = packed, 0, 0
			}
			p, err := batching.New(spec)
			if err != nil {
				return nil, err
			}
			held = map[int64][]int32{}
			all, _ := steps(t, p, batching.Cursor{})
			for _, step := range all {
				for _, rank := range step.Ranks {
					for _, m := range rank {
						for _, q := range m.Pieces {
							held[q.Index] = append(held[q.Index], q.Length)
						}
					}
				}
			}
			return held, nil
		}
		if _, err := run(batching.Refuse); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "sample 2 has 20 tokens") {
			t.Errorf("%T: %v", way, err)
		}
		cut, err := run(batching.Cut)
		if err != nil {
			t.Fatal(err)
		}
		split, err := run(batching.Split)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range lengths {
			var sum int32
			for _, length := range split[int64(i)] {
				sum += length
			}
			if c := cut[int64(i)]; len(c) != 1 || c[0] != min(n, 8) || sum != n || len(split[int64(i)]) != max(1, int(n+7)/8) {
				t.Errorf("%T: sample of %d: cut %v, split %v", way, n, c, split[int64(i)])
			}
		}
	}
}

// A resume with the same geometry continues the very same steps, at every step.
func TestResumeAtEveryStep(t *testing.T) {
	lengths := lognormal(700)
	for name, way := range map[string]batching.Way{
		"fixed": batching.Fixed{}, "grouped": batching.Grouped{Noise: 0.1}, "tokens": batching.Tokens{Budget: 5000, Pool: 128},
		"rebalanced": batching.Rebalanced{}, "packed": batching.Packed{Tokens: 2500}, "split": batching.Packed{Tokens: 200, TooLong: batching.Split},
	} {
		spec := batching.Spec{Lengths: lengths, Seed: 3, Shuffle: true, Way: way, Geometry: batching.Geometry{BatchSize: 4, World: 2, Micro: 2}}
		p := newPlan(t, spec)
		whole, cursors := steps(t, p, batching.Cursor{Epoch: 5})
		for at, c := range cursors {
			rest, _ := steps(t, p, c)
			if len(rest) == 0 && at == len(whole)-1 {
				continue
			}
			if !reflect.DeepEqual(rest, whole[at+1:]) {
				t.Fatalf("%s: resumed behind step %d of %d: the rest differs", name, at, len(whole))
			}
		}
	}
}

func steps(t testing.TB, p *batching.Plan, c batching.Cursor) (all []batching.Step, cursors []batching.Cursor) {
	s, err := p.From(c)
	if err != nil {
		t.Fatal(err)
	}
	for {
		step, after, ok := s.Next()
		if !ok {
			return all, cursors
		}
		all, cursors = append(all, step), append(cursors, after)
	}
}

func measure(t testing.TB, lengths []int32, way batching.Way, g batching.Geometry, epochs int) batching.Report {
	p, err := batching.New(batching.Spec{Lengths: lengths, Seed: 1, Shuffle: true, Way: way, Geometry: g})
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Measure(epochs)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%T%+v %+v: padding %.2f %% useful %.2f %% rho %.4f C %.3f AC1 %+.3f peak %d age %d", way, way, g,
		100*r.Padding, 100*r.Useful, r.Rho, r.C, r.AC1, r.Peak, r.Age)
	return r
}

// The figures that the ways are chosen for, on the film reviews.
func TestFiguresOnReviews(t *testing.T) {
	lengths := reviews(t)
	single := batching.Geometry{BatchSize: 64, World: 1, Micro: 1}
	if r := measure(t, lengths, batching.Fixed{}, single, 4); r.Padding < 0.7 {
		t.Error("random batches should be mostly padding")
	}
	if r := measure(t, lengths, batching.Grouped{Noise: 0.1}, single, 12); r.Padding > 0.10 || r.C < 0.08 || math.Abs(r.AC1) > 0.05 {
		t.Error("length-grouped, noise 0.1: want <= 10 % padding, C >= 0.08, |AC1| <= 0.05")
	}
	if r := measure(t, lengths, batching.Grouped{Noise: 0.2}, single, 12); r.Padding > 0.185 || r.C < 0.15 || math.Abs(r.AC1) > 0.05 {
		t.Error("length-grouped, noise 0.2: want <= 18.5 % padding, C >= 0.15, |AC1| <= 0.05")
	}
	for _, c := range []struct {
		tokens int32
		fill   float64
	}{{1024, 0.983}, {2048, 0.992}, {8192, 0.998}} {
		way := batching.Packed{Tokens: c.tokens, TooLong: batching.Cut}
		r := measure(t, lengths, way, batching.Geometry{BatchSize: 16, World: 1, Micro: 1}, 8)
		if 1-r.Padding < c.fill || math.Abs(r.Rho) > 0.01 || r.C < 0.98 || r.Age > 512 {
			t.Errorf("packed to %d: want fill >= %.1f %%, |rho| <= 0.01, C >= 0.98, age <= 512", c.tokens, 100*c.fill)
		}
	}
	for micro, useful := range map[int]float64{1: 0.82, 2: 0.90, 4: 0.93} {
		g := batching.Geometry{BatchSize: 32, World: 8, Micro: micro}
		if r := measure(t, lengths, batching.Rebalanced{}, g, 8); r.Useful < useful || math.Abs(r.Rho) > 0.01 {
			t.Errorf("rebalanced, 8 ranks x 32 x %d: want useful >= %.0f %% at rho 0", micro, 100*useful)
		}
	}
	if r := measure(t, lengths, batching.Rebalanced{Varlen: true}, batching.Geometry{BatchSize: 32, World: 8, Micro: 1}, 4); r.Useful < 0.998 {
		t.Error("varlen: want useful >= 99.8 %")
	}
}

func TestSettingsThatCannotWork(t *testing.T) {
	good := batching.Geometry{BatchSize: 2, World: 1, Micro: 1}
	lengths := []int32{3, 500}
	for name, s := range map[string]batching.Spec{
		"no way":      {Lengths: lengths, Geometry: good},
		"no samples":  {Geometry: good, Way: batching.Fixed{}},
		"no ranks":    {Lengths: lengths, Way: batching.Fixed{}, Geometry: batching.Geometry{BatchSize: 2, Micro: 1}},
		"noise":       {Lengths: lengths, Geometry: good, Way: batching.Grouped{Noise: math.NaN()}},
		"long packed": {Lengths: lengths, Geometry: good, Way: batching.Packed{Tokens: 400}},
		"limit":       {Lengths: lengths, Geometry: good, Way: batching.Fixed{}, MaxTokens: -1},
		"no limit":    {Lengths: lengths, Geometry: good, Way: batching.Fixed{}, TooLong: batching.Cut},
		"two limits":  {Lengths: lengths, Geometry: good, Way: batching.Packed{Tokens: 600}, MaxTokens: 5, TooLong: batching.Cut},
		"long budget": {Lengths: lengths, Geometry: good, Way: batching.Tokens{Budget: 400}},
		"ladder":      {Lengths: lengths, Geometry: good, Way: batching.Fixed{Round: batching.Round{Ladder: 0.5}}},
	} {
		if _, err := batching.New(s); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Any cursor is refused or continued; none crashes or runs without end.
func FuzzCursor(f *testing.F) {
	f.Add([]byte(`{"epoch":1,"position":10,"window":20,"done":[{"batch_size":2,"world_size":1,"micro":1,"steps":3,"added":0}]}`), uint8(1))
	f.Add([]byte(`{"position":9,"ready":[[{"at":3}]],"open":[[{"at":8,"part":1},{"at":2}]]}`), uint8(4))
	f.Add([]byte(`{"window":30,"done":[{"batch_size":2,"world_size":555551,"micro":1,"steps":3,"added":0}]}`), uint8(3)) // took hours
	ways := []batching.Way{batching.Fixed{}, batching.Grouped{}, batching.Tokens{Budget: 2470, Pool: 30}, batching.Rebalanced{},
		batching.Packed{Tokens: 2470}, batching.Packed{Tokens: 50, TooLong: batching.Split}}
	lengths := lognormal(64)
	f.Fuzz(func(t *testing.T, data []byte, way uint8) {
		var c batching.Cursor
		if json.Unmarshal(data, &c) != nil {
			return
		}
		p := newPlan(t, batching.Spec{Lengths: lengths, Way: ways[int(way)%len(ways)], Geometry: batching.Geometry{BatchSize: 4, World: 2, Micro: 1}})
		s, err := p.From(c)
		if err != nil {
			return
		}
		for n := 0; ; n++ {
			if _, _, ok := s.Next(); !ok {
				return
			}
			if n > 4*len(lengths)*50 {
				t.Fatal("the epoch does not end")
			}
		}
	})
}

// TestMostPieces: the room for the pieces of a batch is that of the shortest ones.
func TestMostPieces(t *testing.T) {
	lengths := lognormal(150_000)
	lengths[3], lengths[149_999] = 0, 0
	for _, way := range []batching.Packed{
		{Tokens: 16, TooLong: batching.Cut}, {Tokens: 16, TooLong: batching.Split},
		{Tokens: 100, TooLong: batching.Split}, {Tokens: 1024, TooLong: batching.Cut},
	} {
		p := newPlan(t, batching.Spec{Lengths: lengths, Way: way, Geometry: batching.Geometry{BatchSize: 64, World: 1, Micro: 1}})
		want, left := 0, 64*way.Tokens
		for _, n := range shortestFirst(lengths, way) {
			if left -= n; left < 0 {
				break
			}
			want++
		}
		if got := p.Most().Pieces; got != want {
			t.Errorf("%+v: room for %d pieces, the %d shortest fit", way, got, want)
		}
	}
}

func shortestFirst(lengths []int32, way batching.Packed) (pieces []int32) {
	for _, n := range lengths {
		if way.TooLong == batching.Split {
			for ; n > way.Tokens; n -= way.Tokens {
				pieces = append(pieces, way.Tokens)
			}
		}
		pieces = append(pieces, min(n, way.Tokens))
	}
	slices.Sort(pieces)
	return pieces
}
