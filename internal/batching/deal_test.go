package batching

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// dealt is deal as its contract has it: always to the rank with the least so far, the
// first of equal ones.
func dealt(micros []Micro, g Geometry) Step {
	step, load := newStep(g), make([]int64, g.World)
	for _, m := range micros {
		rank := -1
		for r := range load {
			if len(step.Ranks[r]) < g.Micro && (rank < 0 || load[r] < load[rank]) {
				rank = r
			}
		}
		load[rank] += m.Cost()
		step.add(rank, m)
	}
	return step
}

func TestDealGivesToTheRankWithTheLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Geometry{BatchSize: 1, World: rapid.IntRange(1, 20).Draw(t, "ranks"), Micro: rapid.IntRange(1, 5).Draw(t, "micro-batches")}
		micros := make([]Micro, g.World*g.Micro)
		for i := range micros {
			n := int32(rapid.IntRange(0, 4).Draw(t, "tokens"))
			micros[i] = Micro{Varlen: true, Width: n, Pieces: []Piece{{Index: int64(i), Length: n}}}
		}
		got := deal(micros, g) // which sorts them
		if want := dealt(micros, g); !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})
}
