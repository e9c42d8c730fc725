package engine

import (
	"slices"
	"testing"

	"stoker/internal/tensor"
)

// The kernels write what the plain loops do, for every length and alignment, and
// nothing beside it.
func TestKernelsOfSequences(t *testing.T) {
	source := make([]uint16, 300)
	for i := range source {
		source[i] = uint16(i * 40503)
	}
	check := func(what string, from, n int, fill func(dst []int32), want func(i int) int32) {
		t.Helper()
		got := slices.Repeat([]int32{-7}, 300)
		fill(got[from : from+n])
		for i, v := range got {
			expected := int32(-7)
			if i >= from && i < from+n {
				expected = want(i - from)
			}
			if v != expected {
				t.Fatalf("%s of %d from %d: element %d is %d, want %d", what, n, from, i, v, expected)
			}
		}
	}
	for n := range 140 {
		for from := range 9 {
			src := source[from : from+n]
			wide := func(i int) int32 { return int32(src[i]) }
			check("widen", from, n, func(dst []int32) { widen(dst, src) }, wide)
			check("widenGeneric", from, n, func(dst []int32) { widenGeneric(dst, src) }, wide)
			check("fillInt32", from, n, func(dst []int32) { fillInt32(dst, 5) }, func(int) int32 { return 5 })
			check("fillInt32", from, n, func(dst []int32) { fillInt32(dst, 0) }, func(int) int32 { return 0 })
			check("fillGeneric", from, n, func(dst []int32) { fillGeneric(dst, 5) }, func(int) int32 { return 5 })
			check("count", from, n, count, func(i int) int32 { return int32(i) })
		}
	}
	long := make([]int32, len(counted)+5)
	count(long)
	if last := long[len(long)-1]; int(last) != len(long)-1 {
		t.Errorf("counting ends at %d", last)
	}
	bytes := make([]byte, 48)
	repeat(bytes, 3, tensor.Float32)
	if v := view[int32](bytes); v[0] != 0x40400000 || v[11] != v[0] {
		t.Errorf("three as float32 is %#x", v)
	}
	convert(bytes[:40], []byte{1, 0, 2, 0, 3, 0, 255, 255, 5, 0}, tensor.Uint16, tensor.Int64)
	if v := view[int64](bytes[:40]); !slices.Equal(v, []int64{1, 2, 3, 65535, 5}) {
		t.Errorf("widened to int64: %d", v)
	}
}
