//go:build linux

package daemon

import (
	"testing"

	"stoker/internal/engine/enginetest"
)

func TestBatchesCrossTheSocket(t *testing.T) {
	name := start(t, Options{})
	p, err := join(name, request(enginetest.Make(t, enginetest.Options{Samples: 50})))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if p.open.Samples != 50 || p.open.Steps != 7 || len(p.open.Fields) != 3 {
		t.Errorf("opened %+v", p.open)
	}
	for i := range 20 {
		b, memory, err := p.next(0)
		if err != nil {
			t.Fatal(err)
		}
		if b.Epoch != uint64(i/7) || b.Step != uint64(i%7) || len(memory) != p.open.SlotBytes {
			t.Errorf("batch %d is %+v", i, b)
		}
		if err := p.release(b); err != nil {
			t.Fatal(err)
		}
	}
}
