package pack

import "testing"

func TestBuffersLendTheWarmestThatFits(t *testing.T) {
	b := &buffers{limit: 1000}
	for _, n := range []int{100, 300, 200} {
		b.give(make([]byte, n))
	}
	for _, c := range []struct{ want, got int64 }{{150, 200}, {150, 300}, {50, 100}} {
		if buf := b.take(c.want); int64(cap(buf)) != c.got || len(buf) != 0 {
			t.Errorf("asked for %d, got %d of %d; want %d", c.want, len(buf), cap(buf), c.got)
		}
	}
	if buf := b.take(10); cap(buf) < 10 || b.kept != 0 {
		t.Errorf("an empty store lends %d bytes and counts %d", cap(buf), b.kept)
	}
}

// TestBuffersKeepNoMoreThanTheirLimit: 64 pictures that each kept their buffer of
// 60 MB once held 1.8 GB.
func TestBuffersKeepNoMoreThanTheirLimit(t *testing.T) {
	b := &buffers{limit: 1000}
	for i := range 50 {
		b.give(make([]byte, 10*i))
		sum := int64(0)
		for _, f := range b.free {
			sum += int64(cap(f))
		}
		if sum != b.kept || sum > b.limit {
			t.Fatalf("keeps %d bytes, counts %d, may %d", sum, b.kept, b.limit)
		}
	}
	b.give(make([]byte, 1001))
	if last := b.free[len(b.free)-1]; cap(last) != 490 {
		t.Errorf("kept last: %d bytes", cap(last))
	}
}
