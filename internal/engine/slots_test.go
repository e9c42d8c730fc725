package engine

import (
	"context"
	"testing"
	"time"

	"stoker/internal/errs"
)

func TestBuffersStayWithinTheirLimit(t *testing.T) {
	b := newBuffers(64<<10, 32<<10)
	ctx := t.Context()
	x, y := b.take(ctx, 30<<10), b.take(ctx, 32<<10)
	if cap(x) != 32<<10 || cap(y) != 32<<10 {
		t.Fatalf("capacities %d, %d", cap(x), cap(y))
	}
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if got := b.take(short, 1); got != nil {
		t.Error("more was lent than the limit")
	}
	lent := make(chan []byte)
	go func() { lent <- b.take(ctx, 5000) }()
	b.give(x)
	z := <-lent
	if cap(z) != 8<<10 {
		t.Errorf("capacity %d", cap(z))
	}
	b.give(y)
	b.give(z)
	if huge := b.take(ctx, 1<<20); cap(huge) != 1<<20 {
		t.Error("a single large buffer is refused")
	} else {
		b.give(huge)
	}
	if b.bytes > 32<<10 || b.lent != 0 {
		t.Errorf("%d bytes are kept, %d buffers lent", b.bytes, b.lent)
	}
}

func TestSlotsGrowByWhatIsHeld(t *testing.T) {
	reserved := 0
	s := newSlots(64, 2, 5, func(int64) bool { reserved++; return reserved < 3 })
	defer s.close()
	ctx := t.Context()
	take := func() *slot {
		sl, err := s.tryTake(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return sl
	}
	a, b := take(), take()
	if take() != nil {
		t.Error("a third slot, and two are allowed")
	}
	s.lease(a)
	s.lease(b)
	if s.stuck() {
		t.Error("stuck, and more could be made")
	}
	s.allow(9)
	c, d := take(), take()
	if c == nil || d == nil || reserved != 2 {
		t.Errorf("%v, %v, %d reservations", c, d, reserved)
	}
	s.lease(c)
	s.lease(d)
	if take() != nil || !s.stuck() {
		t.Error("the budget refused a fifth slot")
	}
	if err := s.release(b.id, b.generation); err != nil {
		t.Error(err)
	}
	if got, err := s.take(ctx, 3, 4); err != nil || got != b || got.step != 4 {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := s.release(77, 1); !errs.Is(err, errs.Invalid) {
		t.Errorf("error is %v", err)
	}
}

func TestShareOfTheMemory(t *testing.T) {
	for memory, want := range map[int64]int64{0: 256 << 20, 64 << 30: 16 << 30, 800 << 20: 256 << 20, 100 << 20: 50 << 20} {
		if got := share(memory); got != want {
			t.Errorf("of %d bytes: %d, want %d", memory, got, want)
		}
	}
}

func TestHugePicturesShareTheBudget(t *testing.T) {
	b := NewBudget(3, 4000)
	ctx := t.Context()
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if !b.work(ctx, 900) || b.work(short, 200) || !b.work(ctx, 100) || !b.work(ctx, 0) {
		t.Error("1000 bytes are for huge pictures")
	}
	b.done(900)
	b.done(100)
	if !b.work(ctx, 1<<40) {
		t.Error("one that exceeds all is let in alone")
	}
	b.done(1 << 40)
	b.done(0)
}

func TestLargeRegionsAreKeptWhereTheyAreCommon(t *testing.T) {
	var m regionMemory
	defer m.free()
	use := func(side int) {
		image, err := m.take(side, side)
		if err != nil {
			t.Fatal(err)
		}
		for y := range side {
			image.Row(y)[0] = 1
		}
		m.done()
	}
	use(100)
	use(3000)
	if m.large != nil {
		t.Error("the memory of a rare large region is kept")
	}
	for range 20 {
		use(3000)
	}
	if m.large == nil {
		t.Error("the memory of common large regions is not kept")
	}
	for range 100 {
		use(100)
	}
	if m.large != nil {
		t.Error("it is kept for ever")
	}
}
