package engine_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/tensor"
)

// TestFields: every type of field has the dataset's values, and a documented
// value where there is none.
func TestFields(t *testing.T) {
	s := open(t, engine.Options{Dataset: enginetest.Make(t, enginetest.Options{Samples: 100}), BatchSize: 30, Shuffle: true,
		Fields: []string{"safe", "index", "key", "caption", "label", "views", "score"}})
	l := s.Info().Layout
	for _, f := range l.Fields {
		if f.Offset%engine.Align != 0 || f.DataOffset%engine.Align != 0 {
			t.Errorf("the field %s is at %d and %d", f.Name, f.Offset, f.DataOffset)
		}
	}
	if f := l.Field("safe"); f.DType != tensor.Uint8 {
		t.Errorf("a bool field with nulls has type %v", f.DType)
	}
	le := binary.LittleEndian
	for range 4 {
		b := next(t, s)
		word := func(field string, row int) int64 {
			return int64(le.Uint64(b.Bytes()[l.Field(field).Offset+8*row:]))
		}
		text := func(field string, row int) string {
			f := l.Field(field)
			lo, hi := le.Uint32(b.Bytes()[f.Offset+4*row:]), le.Uint32(b.Bytes()[f.Offset+4*row+4:])
			return string(b.Bytes()[f.DataOffset:][lo:hi])
		}
		for row := range b.Rows {
			i := word("index", row)
			check := func(field string, got, want any) {
				if got != want {
					t.Errorf("sample %d: %s is %v, want %v", i, field, got, want)
				}
			}
			check("label", word("label", row), i%3)
			check("key", text("key", row), fmt.Sprintf("class %d/%05d.%s", i%3, i, []string{"jpeg", "ppm", "jpeg", "png"}[i%4]))
			check("caption", text("caption", row), pick(i%5 != 0, fmt.Sprint("caption of ", i), ""))
			check("views", word("views", row), pick(i%11 != 0, i-5, int64(engine.NullInt64)))
			check("safe", b.Bytes()[l.Field("safe").Offset+row], pick(i%13 != 0, byte((i+1)%2), engine.NullBool))
			score := math.Float64frombits(uint64(word("score", row)))
			if i%7 == 0 {
				check("score is NaN", math.IsNaN(score), true)
			} else {
				check("score", score, float64(i)/3)
			}
		}
		if err := b.Release(); err != nil {
			t.Fatal(err)
		}
	}
}

func pick[T any](ok bool, yes, no T) T {
	if ok {
		return yes
	}
	return no
}
