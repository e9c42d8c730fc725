package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"stoker/internal/bench"
	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/errs"
	"stoker/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func options(t *testing.T) bench.Options {
	t.Helper()
	spec, err := bench.Transform("rrc:16,flip")
	if err != nil {
		t.Fatal(err)
	}
	return bench.Options{Epochs: 2, Engine: engine.Options{
		Dataset: enginetest.Make(t, enginetest.Options{Samples: 50}), Transform: spec, BatchSize: 8,
	}}
}

func TestTransform(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		spec, err := bench.Transform(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			return
		}
		got, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(got), want) {
			t.Errorf("%q: got %s, want %s in it", text, got, want)
		}
	}
	f("train", `"op":"random_resized_crop","size":[224,224]`)
	f("eval", `"op":"resize","short":256`)
	f("rrc:96", `"size":[96,96]`)
	f("center:8, flip:0.25", `"op":"horizontal_flip","p":0.25`)
	f("center:8,jitter:0.2", `"brightness":[0.8,1.2]`)
	f("rrc:8,normalize,float16,nchw", `{"dtype":"float16","layout":"NCHW"}`)
	f(`{"ops": [{"op": "grayscale"}]}`, `"op":"grayscale","p":1`)
	for _, text := range []string{"", "rcc:224", "rrc", "rrc:x", "rrc:-1", "flip:2", "normalize:3", "{"} {
		if _, err := bench.Transform(text); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: error is %v", text, err)
		}
	}
}

func TestARunCountsWhatItFed(t *testing.T) {
	r, err := bench.Run(t.Context(), options(t))
	if err != nil {
		t.Fatal(err)
	}
	if r.Samples != 100 || r.Batches != 14 || r.SamplesPerSecond <= 0 || r.TimeToFirstBatchS <= 0 || r.BytesRead == 0 {
		t.Errorf("got %+v", r)
	}
	if len(r.Stages) != 4 || r.Stages[1].Name != "decode" || r.Stages[1].BusyS <= 0 || r.Utilisation != nil {
		t.Errorf("got %+v", r)
	}
	var out bytes.Buffer
	if err := r.Print(&out); err != nil || !strings.Contains(out.String(), r.Sentence) {
		t.Errorf("printed %q, %v", out.String(), err)
	}
}

func TestAPlayedTrainerIsKeptBusy(t *testing.T) {
	o := options(t)
	o.Step = 60 * time.Millisecond
	r, err := bench.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	// How much it is on a free machine BenchmarkUtilisation tells. On any, the trainer
	// worked for its steps, and waited at most for what is left.
	least := float64(r.Batches) * o.Step.Seconds() / r.WallS
	if r.Utilisation == nil || *r.Utilisation < least || *r.Utilisation > 1 || r.Batches != 14 || r.SimStepS != 0.06 {
		t.Errorf("got %+v, at least %v", r, least)
	}
}

func TestAnInterruptedRunTellsWhatItHad(t *testing.T) {
	o := options(t)
	o.Epochs, o.Step = 100_000, 5*time.Millisecond
	// A busy machine needs longer until it has something.
	for most := time.Second; ; most *= 4 {
		ctx, cancel := context.WithTimeout(t.Context(), most)
		r, err := bench.Run(ctx, o)
		cancel()
		if err == nil && r.Batches > 0 {
			return
		}
		if !errs.Is(err, errs.Canceled) || most > 30*time.Second {
			t.Fatalf("in %v: got %+v, %v", most, r, err)
		}
	}
}

func TestImpossibleOptions(t *testing.T) {
	o := options(t)
	o.Step = -1
	if _, err := bench.Run(t.Context(), o); !errs.Is(err, errs.Invalid) {
		t.Errorf("error is %v", err)
	}
	o = options(t)
	o.Engine.Dataset = "/nonexistent"
	if _, err := bench.Run(t.Context(), o); !errs.Is(err, errs.NotFound) {
		t.Errorf("error is %v", err)
	}
}
