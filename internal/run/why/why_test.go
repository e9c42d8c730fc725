package why_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stoker/internal/run/account"
	"stoker/internal/run/estimate"
	"stoker/internal/run/progress"
	"stoker/internal/run/sampler"
	"stoker/internal/run/why"
)

// accounted is a minute of a trainer on a CPU with two workers on four cores.
func accounted(change func(a *account.Account)) *account.Account {
	a := &account.Account{Seconds: 60, Looks: 600, Phase: "train", PID: 42, Cores: 4, Busy: 0.6, MachineBusy: 0.6,
		PSI:     account.Pressure{IOSome: 0, IOFull: 0, CPUSome: 0, MemSome: 0},
		Main:    account.Thread{Running: 0.69, CPU: 0.69, Sleeping: 0.31},
		Process: account.Process{CPU: 0.69, Threads: 1, Idle: 0.31, IdleLow: 0.31, IdleHigh: 0.31},
		Workers: []account.Worker{{PID: 43, CPU: 0.97, Kind: "torch", Seconds: 60, Sleeping: 0.03}, {PID: 44, CPU: 0.97, Kind: "torch", Seconds: 60, Sleeping: 0.03}},
	}
	change(a)
	return a
}

func sleeping(a *account.Account, share float64) {
	a.Main = account.Thread{Running: 1 - share, CPU: 1 - share, Sleeping: share}
	a.Process = account.Process{CPU: 1 - share, Threads: 1, Idle: share, IdleLow: share, IdleHigh: share}
}

func workersAt(a *account.Account, cpu, disk float64) {
	for i := range a.Workers {
		a.Workers[i].CPU, a.Workers[i].Disk, a.Workers[i].Sleeping = cpu, disk, 1-cpu-disk
	}
}

// steps are reports of a training process that timed steps of 100 ms.
func steps(share float64, workers int, kinds map[string]float64) []sampler.Report {
	r := sampler.Report{Version: 1, PID: 42, Role: sampler.RoleMain,
		Loaders: []sampler.Loader{{Kind: "torch", Workers: workers, Prefetch: 2, BatchSize: 32, Training: true, Batches: 600}}}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 600 {
		wait := 0.1 * share * (0.9 + 0.2*rng.Float64())
		r.Steps.Recent = append(r.Steps.Recent, [2]float64{0.1, wait})
		r.Steps.Wait.Sum += wait
		r.Steps.Seconds.Sum += 0.1
	}
	r.Steps.Count, r.Steps.Median = 600, 0.1
	if workers == 0 {
		r.Stacks.WorkByKind = kinds
		return []sampler.Report{r}
	}
	return []sampler.Report{r, {Version: 1, PID: 43, Parent: 42, Role: sampler.RoleWorker, Stacks: sampler.Stacks{Looks: 500, WorkByKind: kinds,
		Top: []sampler.Frame{{Module: "PIL.JpegImagePlugin", Function: "load"}}}}}
}

var decoding = map[string]float64{sampler.Decode: 350, sampler.Augment: 100, sampler.Fetch: 50}

func remaining(seconds float64) *estimate.Status {
	return &estimate.Status{Phase: "train", RemainingMid: seconds, RemainingLow: seconds, RemainingHigh: seconds, DataWait: -1}
}

func TestSentences(t *testing.T) {
	f := func(name, verdict, limit, rung, sentence string, e why.Evidence) {
		t.Helper()
		d := why.Diagnose(e)
		if d.Verdict != verdict || d.Limit != limit || d.Rung != rung || d.Sentence != sentence {
			t.Errorf("%s:\n got %s, %q, %s: %s\nwant %s, %q, %s: %s", name, d.Verdict, d.Limit, d.Rung, d.Sentence, verdict, limit, rung, sentence)
		}
	}
	f("the sentence of the manual", why.Data, why.LimitDecode, why.RungSampler,
		"waits for data 31 % +- 0.2 of each step: at most 1 h 53 of the remaining 6 h 04; JPEG decoding in the workers is the limit",
		why.Evidence{Account: accounted(func(*account.Account) {}), Reports: steps(0.31, 2, decoding), Status: remaining(6*3600 + 4*60)})
	f("no log, no sampler", why.Data, why.LimitPrepare, why.RungAccounting,
		"waits for data 31 % +- 2.0 of each step; preparing the samples in the workers is the limit",
		why.Evidence{Account: accounted(func(*account.Account) {})})
	f("slow disk", why.Data, why.LimitFetch, why.RungAccounting,
		"waits for data 80 % +- 2.0 of each step; reading the data in the workers is the limit",
		why.Evidence{Account: accounted(func(a *account.Account) { sleeping(a, 0.8); workersAt(a, 0.1, 0.8) })})
	f("workers read slowly what looks like decoding", why.Data, why.LimitFetch, why.RungSampler,
		"waits for data 80 % +- 0.4 of each step; reading the data in the workers is the limit",
		why.Evidence{Account: accounted(func(a *account.Account) { sleeping(a, 0.8); workersAt(a, 0.1, 0.8) }), Reports: steps(0.8, 2, decoding)})
	f("computing", why.Compute, "", why.RungAccounting,
		"compute-bound: waits for data 1.0 % +- 1.5 of each step; leave the data alone",
		why.Evidence{Account: accounted(func(a *account.Account) { sleeping(a, 0.01); workersAt(a, 0.2, 0) })})
	f("everything in the main thread", why.Unknown, "", why.RungAccounting,
		"cannot tell whether it waits for data: its main thread runs, and computes or prepares data; start it with `stoker run -- ...`: its sampler tells",
		why.Evidence{Account: accounted(func(a *account.Account) { sleeping(a, 0.01); a.Workers = nil })})
	f("the sampler decides then", why.Data, why.LimitAugment, why.RungSampler,
		"waits for data 40 % +- 0.2 of each step; augmentation in the main thread is the limit",
		why.Evidence{Account: accounted(func(a *account.Account) { sleeping(a, 0.01); a.Workers = nil }),
			Reports: steps(0.4, 0, map[string]float64{sampler.Augment: 90, sampler.Decode: 10})})
	f("sleeps, nobody knows for what", why.Unknown, "", why.RungAccounting,
		"cannot tell whether it waits for data: the training process does nothing 50 % of the time, but what it waits for the kernel does not say; start it with `stoker run -- ...`: its sampler tells",
		why.Evidence{Account: accounted(func(a *account.Account) { sleeping(a, 0.5); a.Workers = nil })})
	f("a GPU at work", why.Compute, "", why.RungAccounting,
		"compute-bound: waits for data 3.0 % +- 2.5 of each step; leave the data alone",
		why.Evidence{Account: accounted(func(a *account.Account) { a.GPU = &account.GPU{Util: 0.97, IdleShare: 0.03} })})
	f("a GPU that waits for workers", why.Data, why.LimitPrepare, why.RungAccounting,
		"waits for data 60 % +- 16 of each step; preparing the samples in the workers is the limit",
		why.Evidence{Account: accounted(func(a *account.Account) { sleeping(a, 0.6); a.GPU = &account.GPU{Util: 0.3, IdleShare: 0.7} })})
	f("a GPU that waits for Python", why.Compute, why.LimitPython, why.RungAccounting,
		"compute-bound: waits for data 2.0 % +- 2.0 of each step; the script's own Python is the limit, not the data",
		why.Evidence{Account: accounted(func(a *account.Account) {
			sleeping(a, 0.02)
			workersAt(a, 0.2, 0)
			a.GPU = &account.GPU{Util: 0.4, IdleShare: 0.6}
		})})
	f("in between", why.Borderline, why.LimitDecode, why.RungSampler,
		"borderline: waits for data 10 % +- 0.1 of each step: at most 6 min of the remaining 60 min; JPEG decoding in the workers is the limit",
		why.Evidence{Reports: steps(0.1, 2, decoding), Status: remaining(3600)})
	looks := []sampler.Report{{PID: 42, Role: sampler.RoleOther, Stacks: sampler.Stacks{Looks: 300,
		ByClass: map[string]float64{sampler.Working: 120, sampler.Compute: 180}, WorkByKind: decoding,
		Top: []sampler.Frame{{Module: "train.py", Function: "step", Line: 9, Weight: 180}, {Module: "PIL/Image.py", Function: "load", Line: 7, Weight: 120}}}}}
	f("a loop of its own", why.Data, why.LimitDecode, why.RungSampler,
		"waits for data 40 % +- 5.5 of each step; image decoding in the main thread is the limit",
		why.Evidence{Account: accounted(func(a *account.Account) { sleeping(a, 0.01); a.Workers = nil }), Reports: looks})
	looks[0].Stacks.ByClass = map[string]float64{sampler.Compute: 300}
	f("a loop of its own that sleeps", why.Unknown, "", why.RungAccounting,
		"cannot tell whether it waits for data: the training process does nothing 50 % of the time, but what it waits for the kernel does not say; its loader is none that the sampler knows; data_time and step_time in the lines that it prints would tell",
		why.Evidence{Account: accounted(func(a *account.Account) { sleeping(a, 0.5); a.Workers = nil }), Reports: looks})
	f("nothing known", why.Unknown, "", "",
		"cannot tell whether it waits for data: nothing was seen of its steps; start it with `stoker run -- ...`: its sampler tells",
		why.Evidence{})
	f("still importing", why.Unknown, "", why.RungAccounting,
		"cannot tell whether it waits for data: no step was seen yet, neither in what it prints nor by the sampler; ask again once it trains",
		why.Evidence{Account: accounted(func(a *account.Account) { sleeping(a, 0); a.Workers = nil }), Status: &estimate.Status{Phase: "start"}})
	f("hardly anything", why.Compute, "", why.RungSampler,
		"compute-bound: waited for data 1.0 % of each step: less than 1 s of its 20 s; leave the data alone",
		why.Evidence{Reports: steps(0.01, 2, decoding), Status: &estimate.Status{Elapsed: 20}, Over: true})
	f("a run that ended", why.Data, why.LimitDecode, why.RungSampler,
		"waited for data 50 % +- 0.3 of each step: at most 30 s of its 90 s; JPEG decoding in the workers is the limit",
		why.Evidence{Reports: steps(0.5, 2, decoding), Status: &estimate.Status{Elapsed: 90}, Over: true})
}

func delay(slope, half float64) []sampler.Report {
	return []sampler.Report{{PID: 42, Role: sampler.RoleMain, Delay: &sampler.Delay{ID: 1, State: "done", Slope: slope, Low: slope - half, High: slope + half,
		Blocks: []sampler.Block{{Steps: 30}, {Steps: 30, Delayed: true}}}}}
}

// TestTheCauseOverrules: what intervened counts for more than what only watched.
func TestTheCauseOverrules(t *testing.T) {
	log := &why.LogMeters{Steps: 500, Lines: 50, Share: 0.3, Low: 0.28, High: 0.32, Source: "mmengine"}
	if d := why.Diagnose(why.Evidence{Log: log, Reports: delay(1, 0.2)}); d.Verdict != why.Data || d.Rung != why.RungLog || !strings.Contains(d.Evidence[1], "(agrees)") {
		t.Errorf("%+v", d)
	}
	d := why.Diagnose(why.Evidence{Log: log, Reports: delay(0, 0.2)})
	if d.Verdict != why.Compute || d.Rung != why.RungDelay || !strings.Contains(d.Evidence[1], "(disagrees)") || len(d.Cures) > 0 {
		t.Errorf("%+v", d)
	}
	if d := why.Diagnose(why.Evidence{Reports: delay(0.5, 0.4)}); d.Verdict != why.Unknown {
		t.Errorf("%+v", d)
	}
	if d := why.Diagnose(why.Evidence{Reports: delay(0, 0.2)}); d.Sentence != "compute-bound: batches lie ready when the step asks for them; leave the data alone" {
		t.Errorf("%+v", d)
	}
}

// TestThreadsOfTheProcess: where threads of the process itself work, its idleness is the
// least that it may wait, and its main thread's sleep the most.
func TestThreadsOfTheProcess(t *testing.T) {
	d := why.Diagnose(why.Evidence{Account: accounted(func(a *account.Account) {
		sleeping(a, 0.8)
		a.Workers, a.Process = nil, account.Process{CPU: 1.2, Threads: 9, Idle: 0.3, IdleLow: 0.28, IdleHigh: 0.32}
	})})
	if r := d.Rungs[0]; r.Verdict != why.Unknown || r.Low > 0.28 || r.High < 0.8 {
		t.Errorf("%+v", r)
	}
	e := why.Evidence{Reports: steps(0.7, 0, map[string]float64{sampler.Python: 100}), Account: accounted(func(a *account.Account) {
		sleeping(a, 0.8)
		a.Workers, a.Process = nil, account.Process{CPU: 1.2, Threads: 9, IdleHigh: 0.02}
	})}
	if d := why.Diagnose(e); d.Limit != why.LimitPrepare || !strings.Contains(d.Sentence, "preparing the samples in the loader's threads is the limit") {
		t.Errorf("%+v", d)
	}
}

func TestHeadspace(t *testing.T) {
	m := func(mean float64) sampler.Moments {
		return sampler.Moments{N: 100, Sum: 100 * mean, SumSq: 100 * mean * mean * 1.01}
	}
	d := why.Diagnose(why.Evidence{Reports: []sampler.Report{{PID: 1, Role: sampler.RoleMain, Headspace: &sampler.Headspace{State: "done", Real: m(0.2), Replayed: m(0.17)}}}})
	if d.Rung != why.RungHeadspace || math.Abs(d.Share-0.15) > 1e-9 || d.Verdict != why.Borderline || d.High-d.Low > 0.1 {
		t.Errorf("%+v", d)
	}
}

func TestCures(t *testing.T) {
	ids := func(d why.Diagnosis) string {
		var s []string
		for _, c := range d.Cures {
			s = append(s, c.ID)
		}
		return strings.Join(s, " ")
	}
	f := func(name, want string, e why.Evidence) why.Diagnosis {
		t.Helper()
		d := why.Diagnose(e)
		if got := ids(d); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		return d
	}
	d := f("cores left", "workers pack resize-once", why.Evidence{Account: accounted(func(*account.Account) {}), Reports: steps(0.31, 2, decoding)})
	if w := d.Cures[0]; w.Title != "num_workers=3 instead of 2" || math.Abs(w.Gain-0.31) > 0.011 {
		t.Errorf("%+v", w)
	}
	f("no cores left", "pack resize-once more-cores", why.Evidence{Account: accounted(func(a *account.Account) {
		a.Cores, a.Busy, a.MachineBusy = 2, 1, 1
		a.Workers[0].CPU, a.Workers[1].CPU = 0.65, 0.65
		a.Workers[0].Queued, a.Workers[1].Queued = 0.33, 0.33
	}), Reports: steps(0.31, 2, decoding)})
	d = f("all in the main thread, two cores", "workers pack resize-once", why.Evidence{Account: accounted(func(a *account.Account) {
		sleeping(a, 0)
		a.Workers, a.Cores, a.Busy, a.MachineBusy = nil, 2, 0.5, 0.5
	}), Reports: steps(0.6, 0, decoding)})
	if w := d.Cures[0]; w.Title != "num_workers=2 instead of 0" || math.Abs(w.Gain-0.5) > 0.01 {
		t.Errorf("a second core halves it at best: %+v", w)
	}
	f("too many workers", "fewer-workers", why.Evidence{Account: accounted(func(a *account.Account) {
		sleeping(a, 0.01)
		a.Main.CPU, a.Main.Queued, a.Process.CPU = 0.79, 0.2, 0.79
		a.Busy, a.MachineBusy = 0.68, 0.68
	}), Reports: steps(0.01, 8, decoding)})
	f("too few cores, but fewer workers would be slower", "pack resize-once more-cores", why.Evidence{Account: accounted(func(a *account.Account) {
		sleeping(a, 0.4)
		a.Main.CPU, a.Main.Queued, a.Process.CPU = 0.34, 0.26, 0.59
		a.Cores, a.Busy, a.MachineBusy = 2, 0.95, 0.95
		workersAt(a, 0.66, 0)
		a.Workers[0].Queued, a.Workers[1].Queued = 0.33, 0.33
	}), Reports: steps(0.47, 2, decoding)})
	f("slow disk", "workers local-copy pack", why.Evidence{Account: accounted(func(a *account.Account) { sleeping(a, 0.8); workersAt(a, 0.1, 0.8) }), Reports: steps(0.8, 2, decoding)})
	f("compute", "", why.Evidence{Reports: steps(0.01, 2, decoding)})
	f("text", "pack tokenise-once length-aware-batches", why.Evidence{Account: accounted(func(a *account.Account) {
		sleeping(a, 0)
		a.Workers, a.Cores, a.Busy, a.MachineBusy = nil, 1, 1, 1
	}), Reports: steps(0.4, 0, map[string]float64{sampler.Tokenize: 90, sampler.Collate: 10}), Padding: 0.3})
	d = f("predicted", "workers pack", why.Evidence{Account: accounted(func(*account.Account) {}), Reports: steps(0.31, 2, map[string]float64{sampler.Augment: 100}),
		Pack: &why.Prediction{Source: "photos", Samples: 200, Step: 0.1, New: 0.07, NewLow: 0.065, NewHigh: 0.075, Command: "stoker pack photos -o photos.stk"}, Status: remaining(1000)})
	if p := d.Cures[1]; math.Abs(p.Gain-0.3) > 1e-9 || math.Abs(p.GainLow-0.25) > 1e-9 || math.Abs(p.Seconds-300) > 1e-6 || !strings.Contains(p.Why, "200 samples") {
		t.Errorf("%+v", p)
	}
}

// TestWorkersOfAMoment: two workers anew for every short epoch, of whose work most was
// unseen. They are two all the same, and do not idle.
func TestWorkersOfAMoment(t *testing.T) {
	a := accounted(func(a *account.Account) {
		a.Cores, a.Busy, a.MachineBusy = 2, 0.95, 0.96
		sleeping(a, 0.4)
		a.Workers = append(a.Workers[:1], account.Worker{Kind: "torch", Seconds: 130, CPU: 0.55, Queued: 0.12, Sleeping: 0.33, Ended: true})
		a.Workers[0].Seconds = 10
	})
	d := why.Diagnose(why.Evidence{Account: a, Reports: steps(0.4, 2, decoding)})
	if text := strings.Join(d.Evidence, "\n"); !strings.Contains(text, "2 workers at work 81 % of the time, the run uses 1.9 of 2 cores") {
		t.Error(text)
	}
}

func TestMeters(t *testing.T) {
	var m why.Meters
	now := time.Unix(1e9, 0)
	for epoch := range 3 {
		for step := int64(0); step <= 200; step += 20 {
			now = now.Add(time.Second)
			data := 0.3
			if step == 0 {
				data = 0.9 // the first batch
			}
			m.Observe(progress.Event{Kind: progress.Step, Time: now, Epoch: epoch, Step: step, Source: "torchvision",
				Metrics: progress.Metrics{"data_time": data, "step_time": 1}})
			m.Observe(progress.Event{Kind: progress.Step, Time: now, Step: step, Phase: progress.Validation, Metrics: progress.Metrics{"data_time": 1, "step_time": 1}})
			m.Observe(progress.Event{Kind: progress.Step, Time: now, Step: step, Metrics: progress.Metrics{"loss": 1}})
		}
	}
	got := m.Meters()
	if got == nil || math.Abs(got.Share-0.3) > 1e-9 || got.Steps != 600 || got.Source != "torchvision" {
		t.Fatalf("%+v", got)
	}
	d := why.Diagnose(why.Evidence{Log: got})
	if d.Rung != why.RungLog || d.Verdict != why.Data {
		t.Errorf("%+v", d)
	}
	if (&why.Meters{}).Meters() != nil {
		t.Error("meters of nothing")
	}
}

// TestIntervalsHold simulates loaders whose waits come in bursts, as a queue that
// drains makes them: the interval holds the truth nearly as often as it says, also
// where a wait lasts ten steps.
func TestIntervalsHold(t *testing.T) {
	f := func(persistence float64) float64 {
		rng := rand.New(rand.NewPCG(7, uint64(100*persistence)))
		held := 0
		const trials = 400
		for range trials {
			r := sampler.Report{PID: 1, Role: sampler.RoleMain, Steps: sampler.Steps{Count: 500}}
			waiting := rng.Float64() < 0.3
			for range 500 {
				if rng.Float64() > persistence {
					waiting = rng.Float64() < 0.3
				}
				wait := 0.0
				if waiting {
					wait = 0.1 * rng.ExpFloat64()
				}
				r.Steps.Recent = append(r.Steps.Recent, [2]float64{0.1 + wait, wait})
			}
			d := why.Diagnose(why.Evidence{Reports: []sampler.Report{r}})
			truth := 0.3 * 0.1 / (0.1 + 0.3*0.1)
			if d.Low <= truth && truth <= d.High {
				held++
			}
		}
		return float64(held) / trials
	}
	for persistence, least := range map[float64]float64{0: 0.93, 0.5: 0.92, 0.9: 0.87} {
		if got := f(persistence); got < least {
			t.Errorf("waits that last with %v: held %.1f %%", persistence, 100*got)
		}
	}
}

// TestAnyEvidence: whatever is put in, the answer is whole: shares within 0 and 1 or
// unknown, gains that no more than the step, and a sentence.
func TestAnyEvidence(t *testing.T) {
	share := rapid.Float64Range(0, 1)
	rapid.Check(t, func(t *rapid.T) {
		a := accounted(func(a *account.Account) {
			a.Seconds, a.Looks = rapid.Float64Range(0, 1e5).Draw(t, "seconds"), rapid.IntRange(0, 1e6).Draw(t, "looks")
			run := share.Draw(t, "run")
			a.Main = account.Thread{Running: run, CPU: run, Queued: share.Draw(t, "queued"), Sleeping: 1 - run}
			a.Process.Idle = share.Draw(t, "idle")
			a.Process.CPU = rapid.Float64Range(0, 64).Draw(t, "cpu")
			a.Cores, a.Busy, a.MachineBusy = rapid.IntRange(1, 128).Draw(t, "cores"), share.Draw(t, "busy"), rapid.Float64Range(-1, 1).Draw(t, "machine")
			workersAt(a, rapid.Float64Range(0, 2).Draw(t, "worker"), share.Draw(t, "disk"))
			if rapid.Bool().Draw(t, "alone") {
				a.Workers = nil
			}
			if rapid.Bool().Draw(t, "gpu") {
				a.GPU = &account.GPU{Util: share.Draw(t, "util"), IdleShare: share.Draw(t, "gpu idle")}
			}
		})
		e := why.Evidence{Account: a, Over: rapid.Bool().Draw(t, "over"), Padding: rapid.Float64Range(-1, 1).Draw(t, "padding"),
			Status: remaining(rapid.Float64Range(-1, 1e6).Draw(t, "remaining"))}
		if rapid.Bool().Draw(t, "sampled") {
			e.Reports = steps(share.Draw(t, "wait"), rapid.IntRange(-1, 64).Draw(t, "workers"), decoding)
		}
		d := why.Diagnose(e)
		if d.Sentence == "" || strings.Contains(d.Sentence, "NaN") || d.Share != -1 && !(d.Low >= 0 && d.Low <= d.Share && d.Share <= d.High && d.High <= 1) {
			t.Fatalf("%+v", d)
		}
		for _, c := range d.Cures {
			if !(c.GainLow >= 0 && c.GainLow <= c.Gain && c.Gain <= c.GainHigh && c.GainHigh <= 1) || c.How == "" || c.Why == "" {
				t.Fatalf("%+v", c)
			}
			if d.Share >= 0 && c.ID != why.CureLengths && c.ID != why.CureFewer && c.Gain > d.High+1e-9 {
				t.Fatalf("%s promises more than the wait: %+v of %v", c.ID, c, d.High)
			}
		}
	})
}
