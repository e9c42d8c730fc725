package progress

import (
	"testing"
	"time"
)

// FuzzFeed feeds any bytes in two pieces: no panic, bounded state, sane events.
func FuzzFeed(f *testing.F) {
	for _, s := range readSamples(f) {
		f.Add([]byte(s.Raw+"\n"), 3)
	}
	f.Add([]byte("\x1b]7707;tqdm;1;None;2\x07\r 1%|# | 1/9 [00:01<00:09, 1.0it/s]"), 10)
	f.Fuzz(func(t *testing.T, raw []byte, cut int) {
		p := NewParser(Options{})
		k := max(0, min(cut, len(raw)))
		for i, piece := range [][]byte{raw[:k], raw[k:]} {
			now := noon.Add(time.Duration(i) * time.Second)
			check(t, p.Feed(now, piece))
			check(t, p.Idle(now))
		}
		if len(p.line) > maxLine || len(p.ctx.bars) > maxBars || len(p.mined.groups) > maxTemplates {
			t.Fatal("state grew past its bounds")
		}
	})
}

func check(t *testing.T, all []Event) {
	for _, e := range all {
		if e.Step < 0 || e.Steps < 0 || e.Epoch < 0 || e.Epochs < 0 || e.Source == "" || e.Kind == "" || e.Time.IsZero() {
			t.Fatalf("bad event %+v", e)
		}
		if len(e.Metrics) > maxMetrics {
			t.Fatalf("%d metrics", len(e.Metrics))
		}
	}
}
