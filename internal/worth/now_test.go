package worth_test

import (
	"flag"
	"math"
	"testing"

	"pgregory.net/rapid"

	"stoker/internal/errs"
	"stoker/internal/rng"
	"stoker/internal/worth"
)

// TestMain keeps the property tests short: each check draws thousands of numbers.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "25"); err != nil {
		panic(err)
	}
	m.Run()
}

func interrupt(t interface{ Fatal(...any) }, n worth.Now) worth.Interruption {
	i, err := n.Weigh()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// Ten hours remain, half an hour is lost, an hour of work cuts the rest by a
// third: 10.5 h at two thirds are 7, and 1.5 h are spent before: 8.5 instead of 10.
func TestStopNowOrNot(t *testing.T) {
	n := worth.Now{Remaining: worth.Point(10), Lost: 0.5, Gain: worth.Point(1. / 3), Work: worth.Point(1), Chance: 1}
	if i := interrupt(t, n); i.Verdict != worth.Yes || math.Abs(i.Saved-2) > 1e-9 {
		t.Errorf("%+v", i)
	}
	n.Remaining = worth.Point(2)
	if i := interrupt(t, n); i.Verdict != worth.No || i.Saved >= 0 {
		t.Errorf("%+v", i)
	}
	n.Remaining, n.Gain = worth.Range{Low: 4, High: 6}, worth.Range{Low: 0.1, High: 0.6}
	if i := interrupt(t, n); i.Verdict != worth.TooClose {
		t.Errorf("%+v", i)
	}
}

func TestStoppingIsMonotoneAndScaleFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := func(name string, most, spread float64) worth.Range {
			low := rapid.Float64Range(1e-3, most).Draw(t, name)
			return worth.Range{Low: low, High: low * rapid.Float64Range(1, spread).Draw(t, name+" spread")}
		}
		n := worth.Now{Remaining: amount("remaining", 100, 3), Work: amount("work", 10, 3), Gain: amount("gain", 0.3, 3),
			Lost: rapid.Float64Range(0, 5).Draw(t, "lost"), Works: rapid.IntRange(0, 5).Draw(t, "works"), Chance: 0.5}
		base := interrupt(t, n)
		k := rapid.Float64Range(1, 10).Draw(t, "k")
		times := func(r worth.Range) worth.Range { return worth.Range{Low: k * r.Low, High: k * r.High} }
		more := n
		more.Remaining = times(n.Remaining)
		if i := interrupt(t, more); i.Saved < base.Saved-1e-9 || i.Earlier < base.Earlier {
			t.Fatalf("more remains, and it pays less: %+v, was %+v", i, base)
		}
		more = n
		more.Work, more.Lost = times(n.Work), k*n.Lost
		if i := interrupt(t, more); i.Saved > base.Saved+1e-9 || i.Earlier > base.Earlier {
			t.Fatalf("more is lost, and it pays more: %+v, was %+v", i, base)
		}
		more.Remaining = times(n.Remaining)
		if i := interrupt(t, more); math.Abs(i.Saved-k*base.Saved) > 1e-6*(1+math.Abs(i.Saved)) || math.Abs(i.Earlier-base.Earlier) > 1e-3 {
			t.Fatalf("not scale-free: %+v, was %+v", i, base)
		}
	})
}

func TestStoppingCovers(t *testing.T) {
	n := worth.Now{Remaining: worth.Range{Low: 6, High: 9}, Gain: worth.Range{Low: 0.1, High: 0.4}, Work: worth.Range{Low: 0.5, High: 2}, Lost: 0.3, Works: 4, Failed: 2}
	i := interrupt(t, n)
	source := rng.NewKey(3).Source()
	lognormal := func(r worth.Range) float64 {
		return math.Exp((math.Log(r.Low)+math.Log(r.High))/2 + source.Normal()*math.Log(r.High/r.Low)/2/1.28155)
	}
	const trials = 4000
	inside := 0
	for range trials {
		saved := betaByRejection(&source, n.Works, n.Failed)*min(lognormal(n.Gain), 1)*(lognormal(n.Remaining)+n.Lost) - lognormal(n.Work) - n.Lost
		if saved >= i.Range.Low && saved <= i.Range.High {
			inside++
		}
	}
	if share := float64(inside) / trials; math.Abs(share-0.8) > 0.025 {
		t.Errorf("the 80 %% interval held %.1f %% of the time", 100*share)
	}
}

func TestStoppingRefusesNonsense(t *testing.T) {
	for _, n := range []worth.Now{{Gain: worth.Point(2)}, {Lost: -1}, {Work: worth.Range{Low: 2, High: 1}}, {Lost: math.NaN()}, {Remaining: worth.Point(-1)}} {
		if _, err := n.Weigh(); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v", n, err)
		}
	}
}
