package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stoker/internal/dataset"
	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/errs"
)

// faulty is a dataset whose reads a test spoils.
type faulty struct {
	engine.Source
	read func(i int64) error
}

func (f *faulty) Read(s *dataset.Sample, i int64, dst []byte) ([]byte, error) {
	if err := f.read(i); err != nil {
		return dst, err
	}
	return f.Source.Read(s, i, dst)
}

// otherKind is a dataset that says it holds no images.
type otherKind struct{ *faulty }

func (o otherKind) Manifest() *dataset.Manifest {
	m := *o.Source.Manifest()
	m.Kind = "films"
	return &m
}

func spoil(t *testing.T, dir string, read func(i int64) error) *faulty {
	t.Helper()
	d, err := dataset.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &faulty{d, read}
}

// failure returns the error that ends s, and the batches before it.
func failure(t *testing.T, s *engine.Session) (before []got, err error) {
	t.Helper()
	for range 1000 {
		b, err := s.Next(t.Context())
		if err != nil {
			return before, err
		}
		before = append(before, look(t, s, b))
	}
	t.Fatal("the session did not fail")
	return nil, nil
}

// TestFailTellsOfTheFirstBadSample: in the order of the stream, whatever the
// workers' timing, after the batches before it.
func TestFailTellsOfTheFirstBadSample(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 50, Bad: map[int]bool{19: true, 21: true, 40: true}})
	for range 5 {
		s := open(t, engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 8, Workers: 4})
		before, err := failure(t, s)
		if len(before) != 2 {
			t.Errorf("%d batches came before the error", len(before))
		}
		if !errs.Is(err, errs.Corrupt) || !strings.Contains(err.Error(), `"class 1/00019.png"`) || !strings.Contains(err.Error(), "data-0") {
			t.Errorf("error is %v", err)
		}
		if errs.HintOf(err) == "" {
			t.Error("there is no hint")
		}
		if _, again := s.Next(t.Context()); again == nil || again.Error() != err.Error() {
			t.Errorf("the error is not final: %v", again)
		}
	}
}

func TestSkipLeavesBadSamplesOut(t *testing.T) {
	var told notices
	dir := enginetest.Make(t, enginetest.Options{Samples: 20, Bad: map[int]bool{0: true, 5: true, 19: true}})
	s := open(t, engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 8, OnBad: engine.Skip, Notify: told.add})
	all := read(t, s, 3)
	var rows []int
	for _, g := range all {
		rows = append(rows, g.Rows)
		for _, index := range g.Indices {
			if index == 0 || index == 5 || index == 19 {
				t.Errorf("sample %d came", index)
			}
		}
	}
	if rows[0] != 6 || rows[1] != 8 || rows[2] != 3 {
		t.Errorf("rows are %v", rows)
	}
	r := s.Stats(nil, engine.Measured{})
	if r.BadCount < 3 || r.BadSamples[0].Key == "" || r.BadSamples[0].Reason == "" {
		t.Errorf("counted %d: %+v", r.BadCount, r.BadSamples)
	}
	told.wait(t) // the batches may be there before the worker that tells of the first
	if text := told.text(); strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "skipped: ") {
		t.Errorf("told %q", text)
	}
}

func TestSubstituteKeepsEveryRow(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 20, Bad: map[int]bool{3: true}})
	o := engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 20, OnBad: engine.Substitute}
	a, b := read(t, open(t, o), 2), read(t, open(t, o), 2)
	if a[0].Rows != 20 || a[0].Indices[3] == 3 || a[0].Indices[3] == a[1].Indices[3] && a[0].Hash == a[1].Hash {
		t.Errorf("got %+v", a)
	}
	if a[0].Hash != b[0].Hash || a[1].Hash != b[1].Hash {
		t.Error("two sessions drew other substitutes")
	}
}

func TestADatasetOfBadSamplesEnds(t *testing.T) {
	bad := make(map[int]bool)
	for i := range 20 {
		bad[i] = true
	}
	dir := enginetest.Make(t, enginetest.Options{Samples: 20, Bad: bad})
	for _, policy := range []engine.Policy{engine.Skip, engine.Substitute} {
		_, err := failure(t, open(t, engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 4, OnBad: policy}))
		if !errs.Is(err, errs.Corrupt) {
			t.Errorf("%v: error is %v", policy, err)
		}
	}
}

// TestPanicsAreErrorsOfTheSession: with the stage's name and a stack, whatever
// the policy; another session goes on.
func TestPanicsAreErrorsOfTheSession(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 50})
	budget := engine.NewBudget(2, 1<<30)
	other := open(t, engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 8, Budget: budget})
	s := open(t, engine.Options{Transform: augment(t), BatchSize: 8, OnBad: engine.Skip, Budget: budget,
		Source: spoil(t, dir, func(i int64) error {
			if i == 20 {
				panic("the reader is broken")
			}
			return nil
		})})
	before, err := failure(t, s)
	if len(before) != 2 || !errs.Is(err, errs.Internal) {
		t.Errorf("after %d batches: %v", len(before), err)
	}
	for _, part := range []string{"stage fetch at sample 20", "the reader is broken", "fault_test.go"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %v", part, err)
		}
	}
	read(t, other, 20)
}

// TestErrorsThatNoPolicyCovers: a failing disk is not a bad sample.
func TestErrorsThatNoPolicyCovers(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 50})
	s := open(t, engine.Options{Transform: augment(t), BatchSize: 8, OnBad: engine.Skip, Source: spoil(t, dir, func(i int64) error {
		if i == 30 {
			return errs.New(errs.Transient, "the network is down")
		}
		return nil
	})})
	if before, err := failure(t, s); len(before) != 3 || !errs.Is(err, errs.Transient) {
		t.Errorf("after %d batches: %v", len(before), err)
	}
}

// TestReadsOverlap: the latency of a slow disk is paid for many samples at once:
// here for four, as the disk answers none before it was asked for so many.
func TestReadsOverlap(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 64})
	var asked atomic.Int64
	enough := make(chan struct{})
	s := open(t, engine.Options{Transform: augment(t), BatchSize: 32, Source: spoil(t, dir, func(int64) error {
		if asked.Add(1) == 4 {
			close(enough)
		}
		select {
		case <-enough:
			return nil
		case <-time.After(patience / 4):
			return errs.New(errs.Internal, "nobody else reads")
		}
	})})
	read(t, s, 4)
}

// TestAShardCutOffDuringTheRun: its samples are errors, never pictures.
func TestAShardCutOffDuringTheRun(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 200, Width: 48})
	s := open(t, engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 8, OnBad: engine.Skip})
	read(t, s, 2)
	shard := filepath.Join(dir, "data-00001.arrow")
	if err := os.Truncate(shard, 20_000); err != nil {
		t.Fatal(err)
	}
	read(t, s, 60)
	r := s.Stats(nil, engine.Measured{})
	if r.BadCount == 0 {
		t.Fatal("no bad sample was counted")
	}
	cut := 0 // one that was being read meanwhile may have had bytes of both
	for _, b := range r.BadSamples {
		if b.Shard != "data-00001.arrow" {
			t.Errorf("bad is %+v", b)
		}
		if strings.Contains(b.Reason, "cut off") {
			cut++
		}
	}
	if cut == 0 {
		t.Errorf("none is cut off: the first is %+v", r.BadSamples[0])
	}
}

func TestOptionsAreChecked(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 20})
	f := func(name string, kind errs.Kind, change func(o *engine.Options)) {
		t.Helper()
		o := engine.Options{Dataset: dir, Transform: augment(t), BatchSize: 4}
		change(&o)
		s, err := engine.Open(t.Context(), o)
		if err == nil {
			s.Close()
		}
		if !errs.Is(err, kind) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	f("no dataset", errs.NotFound, func(o *engine.Options) { o.Dataset = filepath.Join(dir, "none") })
	f("batch size", errs.Invalid, func(o *engine.Options) { o.BatchSize = 0 })
	f("huge batch size", errs.Exhausted, func(o *engine.Options) { o.BatchSize = 1 << 30 })
	f("unknown field", errs.NotFound, func(o *engine.Options) { o.Fields = []string{"imgae"} })
	f("a dataset of another kind", errs.Unsupported, func(o *engine.Options) { o.Source = otherKind{spoil(t, dir, nil)} })
	f("a field twice", errs.Invalid, func(o *engine.Options) { o.Fields = []string{"image", "image"} })
	f("rank", errs.Invalid, func(o *engine.Options) { o.Rank = 2 })
	f("workers", errs.Invalid, func(o *engine.Options) { o.Workers = -1 })
	f("prefetch", errs.Invalid, func(o *engine.Options) { o.Prefetch = -1 })
	f("memory", errs.Invalid, func(o *engine.Options) { o.MemoryBytes = -1 })
	f("position", errs.Invalid, func(o *engine.Options) { o.Position = 21 })
	f("nothing to make sizes equal", errs.Invalid, func(o *engine.Options) { o.Transform.Ops = nil })
}

// TestPicturesOfOneSizeNeedNoTransform: they are taken as they are.
func TestPicturesOfOneSizeNeedNoTransform(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 20, Width: 32})
	s := open(t, engine.Options{Dataset: dir, BatchSize: 4})
	if f := s.Info().Layout.Field("image"); f.Shape[1] != 32 || f.Shape[2] != 32 {
		t.Errorf("the shape is %v", f.Shape)
	}
	read(t, s, 10)
}
