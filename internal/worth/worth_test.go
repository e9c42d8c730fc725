package worth_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"stoker/internal/errs"
	"stoker/internal/rng"
	"stoker/internal/worth"
)

// example is the standing one: an hour of work to save two minutes a run.
func example(runs float64) worth.Question {
	return worth.Question{Save: worth.Point(2. / 60), Work: worth.Point(1), Runs: worth.Point(runs),
		Chance: 1, Attended: 1, Person: 50}
}

func weigh(t interface{ Fatal(...any) }, q worth.Question) worth.Answer {
	a, err := worth.Weigh(q)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTheWorkedExampleToTheMinute(t *testing.T) {
	q := example(8)
	a := weigh(t, q)
	if a.Verdict != worth.No || math.Abs(a.BreakEven-30) > 1e-9 || math.Abs(a.Net*60+44) > 1e-9 {
		t.Errorf("%+v", a)
	}
	want := "One hour of work to save 2 minutes a run pays back after 30 runs; you plan 8: no, you would lose 44 minutes."
	if got := a.Sentence(q); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	q = example(45)
	want = "One hour of work to save 2 minutes a run pays back after 30 runs; you plan 45: yes, you would win 30 minutes."
	if got := weigh(t, q).Sentence(q); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	q = example(8)
	q.Chance = 0.5
	if got := weigh(t, q).BreakEven; math.Abs(got-60) > 1e-9 {
		t.Errorf("half the chance: %v runs, want 60", got)
	}
}

func TestSentences(t *testing.T) {
	uncertain := example(30)
	uncertain.Save = worth.Range{Low: 1. / 60, High: 4. / 60}
	nobody := example(30)
	nobody.Attended = 0
	machine := example(30)
	machine.Attended, machine.Machine = 0, 50
	free := example(30)
	free.Person = 0
	for _, c := range []struct {
		q    worth.Question
		want string
	}{
		{uncertain, "One hour of work to save 1 minute to 4 minutes a run pays back after 30 runs; you plan 30: too close to call, between a loss of 30 minutes and a gain of one hour."},
		{nobody, "One hour of work to save 2 minutes a run never pays back, as nobody waits for the runs and the machine costs nothing; you plan 30: no, you would lose one hour."},
		{machine, "One hour of work to save 2 minutes a run pays back after 30 runs; you plan 30: it comes out even."},
		{free, "Neither your time nor the machine's has a price here: do what you enjoy, or nothing."},
	} {
		if got := weigh(t, c.q).Sentence(c.q); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func question(t *rapid.T) worth.Question {
	amount := func(name string) worth.Range {
		low := rapid.Float64Range(1e-3, 1e3).Draw(t, name)
		return worth.Range{Low: low, High: low * rapid.Float64Range(1, 5).Draw(t, name+" spread")}
	}
	return worth.Question{
		Save: amount("save"), Work: amount("work"), Runs: amount("runs"),
		Works: rapid.IntRange(0, 3).Draw(t, "works"), Failed: rapid.IntRange(0, 3).Draw(t, "failed"),
		Chance:   rapid.Float64Range(0, 1).Draw(t, "chance"),
		Attended: rapid.Float64Range(0, 1).Draw(t, "attended"),
		Person:   rapid.Float64Range(0.1, 200).Draw(t, "person"),
		Machine:  rapid.Float64Range(0, 50).Draw(t, "machine"),
	}
}

// More saved, more runs, a better chance never make the answer worse; more work
// never makes it better.
func TestMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := question(t)
		base := weigh(t, q)
		factor := rapid.Float64Range(1, 10).Draw(t, "factor")
		times := func(r worth.Range) worth.Range { return worth.Range{Low: r.Low * factor, High: r.High * factor} }
		better := map[string]func(*worth.Question){
			"save":    func(q *worth.Question) { q.Save = times(q.Save) },
			"runs":    func(q *worth.Question) { q.Runs = times(q.Runs) },
			"machine": func(q *worth.Question) { q.Machine *= factor },
		}
		for name, change := range better {
			c := q
			change(&c)
			a := weigh(t, c)
			if a.Net < base.Net-1e-9*math.Abs(base.Net) || a.PaysBack < base.PaysBack || a.BreakEven > base.BreakEven*(1+1e-9) {
				t.Fatalf("%s times %g made it worse: %+v, was %+v", name, factor, a, base)
			}
		}
		c := q
		c.Work = times(q.Work)
		if a := weigh(t, c); a.Net > base.Net+1e-9*math.Abs(base.Net) || a.PaysBack > base.PaysBack {
			t.Fatalf("more work made it better: %+v, was %+v", a, base)
		}
	})
}

// Another currency, or minutes for hours throughout, changes no verdict.
func TestScaleFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := question(t)
		scaled := q
		money := rapid.SampledFrom([]float64{0.25, 8, 128}).Draw(t, "money")
		scaled.Person, scaled.Machine = q.Person*money, q.Machine*money
		hours := rapid.SampledFrom([]float64{0.0625, 64}).Draw(t, "hours")
		scaled.Save = worth.Range{Low: q.Save.Low * hours, High: q.Save.High * hours}
		scaled.Work = worth.Range{Low: q.Work.Low * hours, High: q.Work.High * hours}
		a, b := weigh(t, q), weigh(t, scaled)
		if a.Verdict != b.Verdict || math.Abs(a.PaysBack-b.PaysBack) > 1e-3 ||
			math.Abs(b.Net-a.Net*hours) > 1e-6*math.Abs(b.Net) {
			t.Fatalf("%+v\n%+v", a, b)
		}
	})
}

// The interval covers what it claims: the truth drawn from the same beliefs lies
// in it 80 % of the time.
func TestIntervalCovers(t *testing.T) {
	q := worth.Question{Save: worth.Range{Low: 0.02, High: 0.08}, Work: worth.Range{Low: 1, High: 3},
		Runs: worth.Range{Low: 20, High: 90}, Works: 6, Failed: 3, Attended: 1, Person: 1}
	a := weigh(t, q)
	source := rng.NewKey(42).Source()
	lognormal := func(r worth.Range) float64 {
		return math.Exp((math.Log(r.Low)+math.Log(r.High))/2 + source.Normal()*math.Log(r.High/r.Low)/2/1.28155)
	}
	const trials = 4000
	inside := 0
	for range trials {
		chance := betaByRejection(&source, q.Works, q.Failed)
		net := lognormal(q.Runs)*lognormal(q.Save)*chance - lognormal(q.Work)
		if net >= a.NetRange.Low && net <= a.NetRange.High {
			inside++
		}
	}
	if share := float64(inside) / trials; math.Abs(share-0.8) > 0.025 {
		t.Errorf("the 80 %% interval held %.1f %% of the time", 100*share)
	}
}

// betaByRejection draws Beta(works+1, failed+1) in another way than the package.
func betaByRejection(s *rng.Source, works, failed int) float64 {
	mode := float64(works) / float64(works+failed)
	density := func(x float64) float64 {
		return math.Pow(x, float64(works)) * math.Pow(1-x, float64(failed))
	}
	for {
		if x := s.Float64(); s.Float64() < density(x)/density(mode) {
			return x
		}
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	for name, change := range map[string]func(*worth.Question){
		"negative saving": func(q *worth.Question) { q.Save.Low = -1 },
		"reversed":        func(q *worth.Question) { q.Work = worth.Range{Low: 2, High: 1} },
		"NaN":             func(q *worth.Question) { q.Runs.High = math.NaN() },
		"chance":          func(q *worth.Question) { q.Chance = 1.5 },
		"record":          func(q *worth.Question) { q.Failed = -1 },
	} {
		q := example(8)
		change(&q)
		if _, err := worth.Weigh(q); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
