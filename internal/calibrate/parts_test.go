package calibrate

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stoker/internal/dataset"
	"stoker/internal/errs"
)

func TestLoad(t *testing.T) {
	a := parseStat("cpu  1000 100 200 5000 50 0 10 20 7 8\ncpu0 1 2\ncpu1 1 2\nintr 5\n")
	if a.cpus != 2 || math.Abs(a.busy-13.1) > 1e-9 || math.Abs(a.steal-0.2) > 1e-9 {
		t.Fatalf("%+v", a)
	}
	now := time.Now()
	a.at = now
	later := func(busy, own, steal float64) Load {
		b := a
		b.at, b.busy, b.own, b.steal = now.Add(2*time.Second), a.busy+busy, own, a.steal+steal
		return a.until(b)
	}
	calm, crowded, stolen, beside := later(4, 3.9, 0), later(4, 2, 0), later(3, 3, 1), later(2.4, 1.9, 0)
	if calm.disturbs(2) || !crowded.disturbs(2) || !stolen.disturbs(2) || beside.disturbs(1) {
		t.Errorf("%+v %+v %+v %+v", calm, crowded, stolen, beside)
	}
	if r := calm.fair(100, 2); r != 100 {
		t.Errorf("a calm rate became %v", r)
	}
	if r := crowded.fair(100, 2); math.Abs(r-200) > 1e-9 { // half of the time was had
		t.Errorf("a disturbed rate became %v", r)
	}
	if (Load{}).disturbs(1) {
		t.Error("a system that tells nothing is taken as calm")
	}
}

func TestValue(t *testing.T) {
	if v := value("s", []float64{3, math.NaN(), 1, 2, math.Inf(1), 4}); v.Mid != 2.5 || v.Low != 1 || v.High != 4 || v.Blocks != 4 || v.Spread() != 0.6 {
		t.Errorf("%+v", v)
	}
	if v := value("s", []float64{9, 1, 2, 3, 4, 5, 6, 7, 8, 99}); v.Low != 3 || v.High != 8 {
		t.Errorf("%+v", v)
	}
	if v := value("s", nil); v.Mid != 0 || v.Spread() != 0 {
		t.Errorf("%+v", v)
	}
}

func TestSpreadVisitsAll(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 8, 300, 384, 385, 1_281_167} {
		all := spread(n, 384)
		sorted := slices.Compact(slices.Sorted(slices.Values(all)))
		if int64(len(all)) != min(n, 384) || len(sorted) != len(all) || sorted[0] != 0 || sorted[len(sorted)-1] >= n {
			t.Errorf("of %d: %d, %d different", n, len(all), len(sorted))
		}
	}
}

func TestMountLine(t *testing.T) {
	point, kind, from, ok := mountLine(`36 35 98:0 /mnt1 /mnt/my\040data rw,noatime master:1 - nfs4 store:/export rw,vers=4`)
	if !ok || point != "/mnt/my data" || kind != "nfs4" || from != "store:/export" {
		t.Errorf("%q %q %q %v", point, kind, from, ok)
	}
	for _, bad := range []string{"", "1 2 3", "1 2 3 4 / rw", "a - b"} {
		if _, _, _, ok := mountLine(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

// predictionOf makes a calibrator with two figures.
func predictionOf(d Data, decode, disk float64) *Predict {
	c := &calibrator{report: &Report{Data: d}}
	c.add(Row{ID: "decode.all", Value: Value{Mid: decode}})
	c.add(Row{ID: "disk.cold.deep", Value: Value{Mid: disk}})
	return c.predict()
}

func TestPredict(t *testing.T) {
	f := func(name string, d Data, decode, disk, bench, first, later float64, limit string) {
		t.Helper()
		p := predictionOf(d, decode, disk)
		if math.Abs(p.Bench-bench) > 1 || p.First != first || p.Later != later || p.Limit != limit {
			t.Errorf("%s: %+v", name, *p)
		}
	}
	small := Data{Samples: 300, Sampled: 300, Fits: true, Cached: 0}
	f("all was read, decoding limits", small, 1000, 500, 1000, 500, 1000, "decode")
	large := Data{Samples: 20_000, Sampled: 384, Fits: true, Cached: 0}
	f("half of bench reads the disk", large, 4000, 4000, 4000, 4000, 4000, "decode")
	f("ten seconds of a first pass", large, 4000, 2000, 2000, 2000, 4000, "decode")
	f("a first pass, then more", Data{Samples: 10_000, Sampled: 384, Fits: true}, 4000, 2000, 3000, 2000, 4000, "decode")
	f("half is cached", Data{Samples: 40_000, Sampled: 384, Fits: true, Cached: 0.5}, 4000, 1000, 2000, 1000, 4000, "decode")
	f("too large for memory", Data{Samples: 1 << 30, Sampled: 384}, 4000, 1000, 1000, 1000, 1000, "disk")
	if predictionOf(small, 0, 1) != nil {
		t.Error("a prediction without decoding")
	}
}

func TestAmount(t *testing.T) {
	for want, got := range map[string]string{
		"1.50 ns": Amount(1.5e-9, "s"), "98.0 ns": Amount(98e-9, "s"), "65.8 us": Amount(65.8e-6, "s"), "8.00 ms": Amount(8e-3, "s"), "2.00 s": Amount(2, "s"),
		"18.1 GB/s": Amount(18.1e9, "B/s"), "790 TFLOP/s": Amount(790e12, "FLOP/s"), "73.9 GFLOP/s": Amount(73.9e9, "FLOP/s"),
		"3,900 samples/s": Amount(3900, "samples/s"), "89 %": Amount(0.89, "share"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestMadePicturesAreLikePhotographs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made.jpg")
	if err := writePicture(path, 1); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() < 90e3 || info.Size() > 130e3 {
		t.Errorf("%v, %v; ImageNet's have 110 KB", info, err)
	}
}

// TestAPartAnswersOfItsOwnSamples: whatever the engine asks of a number is of the
// sample that has it in the part.
func TestAPartAnswersOfItsOwnSamples(t *testing.T) {
	c := &calibrator{Options: Options{Quick: true}, temp: t.TempDir()}
	dir, err := c.makePictures()
	if err != nil {
		t.Fatal(err)
	}
	d, err := dataset.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // only read
	last := d.Len() - 1
	p := &some{Dataset: d, indices: []int64{last}}
	theirs, err := d.Sample(last)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := p.Sample(0)
	if err != nil || ours != theirs || p.Key(0) != d.Key(last) || p.Len() != 1 {
		t.Errorf("%+v, %v, key %q", ours, err, p.Key(0))
	}
	if got := p.AppendEntropy(nil, 0, &ours); len(got) == 0 || !bytes.Equal(got, d.AppendEntropy(nil, last, &theirs)) {
		t.Error("the entropy index is another sample's")
	}
	if got := p.AppendParts(nil, 0, &ours); len(got) == 0 || !bytes.Equal(got, d.AppendParts(nil, last, &theirs)) {
		t.Error("the parts are another sample's")
	}
	blob, err := p.Read(&ours, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if some, err := p.ReadRange(&ours, 0, 100, 50, nil); err != nil || !bytes.Equal(some, blob[100:150]) {
		t.Errorf("a range of it is something else, %v", err)
	}
	if _, err := p.ReadRange(&ours, 0, -1, 1, nil); err == nil || !strings.Contains(err.Error(), d.Key(last)) {
		t.Errorf("an error names another sample: %v", err)
	}
}

// TestTheWalkVisitsEveryLine: one circle, so that a walk waits for all of it.
func TestTheWalkVisitsEveryLine(t *testing.T) {
	words := make([]uint32, 1000*lineWords)
	link(words)
	at, seen := uint32(0), 0
	for {
		at = words[at]
		seen++
		if at == 0 {
			break
		}
	}
	if seen != 1000 {
		t.Errorf("the circle has %d of 1000 lines", seen)
	}
}

// TestFastest: what others disturb now and then tells the machine's own speed, a
// rate by its highest, a time by its lowest values, within the range that is told.
func TestFastest(t *testing.T) {
	rates := []float64{10, 30, 20, 29, 15, 12, 31, 11, 13}
	if v := value("B/s", rates).fastest(rates); v.Mid != 30 || v.Low != 11 || v.High != 30 || v.Blocks != 9 {
		t.Errorf("%+v", v)
	}
	times := []float64{3, 1.1, 2, 1, 5, 4, 1.2, 6}
	if v := value("s", times).fastest(times); v.Mid != 1.1 || v.Low != 1.1 || v.High != 5 {
		t.Errorf("%+v", v)
	}
	if v := value("s", times[:1]).fastest(times[:1]); v.Mid != 3 || v.Low != 3 || v.High != 3 {
		t.Errorf("%+v", v)
	}
}

// TestWhatFailsIsLeftOut: a figure that this machine cannot give costs no other one.
func TestWhatFailsIsLeftOut(t *testing.T) {
	c := &calibrator{Options: Options{Quick: true}, report: &Report{}}
	calls := 0
	items := []*item{
		{row: Row{ID: "a"}, unit: "s", block: func(context.Context) (float64, error) { return 2, nil }},
		{row: Row{ID: "b"}, unit: "s", block: func(context.Context) (float64, error) {
			calls++
			return 0, errs.New(errs.Unsupported, "b: not here")
		}},
	}
	if err := c.measure(t.Context(), items); err != nil || calls != 1 {
		t.Fatalf("%v after %d calls", err, calls)
	}
	for _, it := range items {
		c.finish(it)
	}
	if c.report.Mid("a") != 2 || c.report.Row("a").Value.Blocks != enough || c.report.Row("b") != nil || !slices.Equal(c.report.Notes, []string{"b: not here"}) {
		t.Errorf("%+v", c.report)
	}
	items[1].failed, items[1].block = false, func(context.Context) (float64, error) { return 0, errs.New(errs.NotFound, "a file is gone") }
	if err := c.measure(t.Context(), items); !errs.Is(err, errs.NotFound) {
		t.Errorf("the user's own data failed: %v", err)
	}
}
