package why

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Ids of cures. The history books what was done under them: they never change.
const (
	CureWorkers    = "workers"
	CureFewer      = "fewer-workers"
	CurePrefetch   = "prefetch"
	CurePersistent = "persistent-workers"
	CurePin        = "pin-memory"
	CurePack       = "pack"
	CureResize     = "resize-once"
	CureTokenize   = "tokenise-once"
	CureLengths    = "length-aware-batches"
	CureGPUAugment = "augment-on-gpu"
	CureCores      = "more-cores"
	CureLocal      = "local-copy"
)

// leastGain is what a cure must be able to bring to be named at all.
const leastGain = 0.02

// cures lists what could help, cheapest first, equal work by gain. Every gain follows
// from something that was measured; where only a bound is known the interval begins
// at 0.
func (c *caseOf) cures() []Cure {
	list := []Cure{}
	add := func(cure Cure, ok bool) {
		if !ok || cure.GainHigh < leastGain || math.IsNaN(cure.GainHigh) {
			return
		}
		cure.Gain = min(max(cure.Gain, 0), 1)
		cure.GainLow, cure.GainHigh = min(max(cure.GainLow, 0), cure.Gain), min(max(cure.GainHigh, cure.Gain), 1)
		cure.Seconds = cure.Gain * c.stepping()
		list = append(list, cure)
	}
	add(c.fewerWorkers())
	add(c.padding())
	if c.d.Verdict == Data || c.d.Verdict == Borderline {
		add(c.moreWorkers())
		add(c.prefetch())
		add(c.persistent())
		add(c.pin())
		add(c.pack())
		add(c.resize())
		add(c.tokenize())
		add(c.augment())
		add(c.local())
		add(c.cores())
	}
	slices.SortStableFunc(list, func(a, b Cure) int {
		return cmp.Or(cmp.Compare(a.Work, b.Work), cmp.Compare(b.Gain, a.Gain))
	})
	return list
}

// load is what a step costs in seconds of CPU, as shares of the step time: the
// producers' work, and that of everything else of the run. A step can become no
// shorter than all of it divided by the cores.
type load struct {
	produce float64 // CPU time of preparing a batch, over the step time
	other   float64 // CPU time of the rest
	cores   float64 // that others leave to this run
	now     float64 // processes that prepare at present; 0: the main thread does
	alone   float64 // the step without any wait, over the step time
}

// load is known where the processes were counted and the share was measured.
func (c *caseOf) load() (load, bool) {
	if !c.accounted || c.d.Share < 0 {
		return load{}, false
	}
	f := &c.facts
	others := max(f.MachineBusy-f.Busy, 0) * float64(f.Cores)
	l := load{cores: max(float64(f.Cores)-others, 1), alone: 1 - c.d.Share}
	if f.hasWorkers() {
		cpu, alive := f.WorkerCPU()
		l.produce, l.now, l.other = cpu*alive, f.workers, f.Process.CPU
		return l, true
	}
	if c.inThreads() { // what computes and what prepares share a process; one core computes, as far as is known
		l.produce, l.other, l.now = max(f.Process.CPU-l.alone, 0), min(l.alone, f.Process.CPU), max(float64(f.Process.Threads-1), 1)
		return l, true
	}
	// The main thread prepares: of its wait it works what it does not sleep.
	l.produce = max(min(c.d.Share-f.asleep, c.d.Share), 0)
	l.other = max(f.Process.CPU-l.produce, 0)
	return l, true
}

// with is the step time, over that of now, with n producers whose work is scaled: no
// shorter than the computation, than a producer's share of the work, and than all
// work on all cores.
func (l load) with(n, scale float64) float64 {
	work := l.produce * scale
	return max(l.alone, work/max(n, 1), (work+l.other)/l.cores)
}

// moreWorkers: processes that prepare, as many as cores are free for. Beyond that
// they only take the cores from each other and from the training.
func (c *caseOf) moreWorkers() (Cure, bool) {
	l, ok := c.load()
	if !ok || c.loader == nil || c.loader.Workers < 0 {
		return Cure{}, false
	}
	now := c.loader.Workers
	cure := Cure{ID: CureWorkers, Work: 0.1, Free: true}
	if c.d.Limit == LimitFetch {
		// Who waits needs no core: twice as many wait twice as much at a time.
		n := max(2*now, 4)
		cure.Title = fmt.Sprintf("more workers (%d instead of %d), to wait for several files at a time", n, now)
		cure.How = workersHow(c, n)
		cure.Gain = c.d.Share * (1 - float64(max(now, 1))/float64(n))
		cure.GainHigh = c.d.Share
		cure.Why = "the workers wait, which needs no core"
		return cure, true
	}
	best, gain := now, 0.0
	for n := max(now, 0) + 1; float64(n) <= math.Ceil(l.cores); n++ {
		if g := 1 - l.with(float64(n), 1); g > gain+0.01 {
			best, gain = n, g
		}
	}
	if best == now {
		return cure, false
	}
	cure.Title = fmt.Sprintf("num_workers=%d instead of %d", best, now)
	cure.How = workersHow(c, best)
	cure.Gain, cure.GainHigh = gain, gain
	cure.Why = fmt.Sprintf("%.1f of %.1f cores are in use; preparing a batch takes %s of a step's time on one core",
		l.produce+l.other, l.cores, percent(l.produce))
	return cure, true
}

func workersHow(c *caseOf, n int) string {
	if c.loader.Kind == "torch" {
		return fmt.Sprintf("DataLoader(..., num_workers=%d, persistent_workers=True)", n)
	}
	return fmt.Sprintf("workers=%d, or what your loader calls it", n)
}

// fewerWorkers: the inverted U. Where the main thread is ready but finds no core,
// workers took it; but those that are left have to prepare all batches.
func (c *caseOf) fewerWorkers() (Cure, bool) {
	l, ok := c.load()
	if !ok || c.loader == nil || c.loader.Workers < 2 || c.loader.Workers < c.facts.Cores {
		return Cure{}, false
	}
	queued := c.facts.Main.Queued
	if c.facts.working < workerBusy || c.facts.MachineBusy-c.facts.Busy > 0.2 {
		return Cure{}, false // others took the cores
	}
	l.alone = max(l.alone-queued, 0)
	n := max(c.facts.Cores-1, 1)
	gain := min(queued, 1-l.with(float64(n), 1))
	return Cure{ID: CureFewer, Title: fmt.Sprintf("num_workers=%d instead of %d: there are only %s", n, c.loader.Workers, count(c.facts.Cores, "core")),
		How: workersHow(c, n), Gain: gain, GainHigh: gain, Work: 0.1, Free: true,
		Why: fmt.Sprintf("the main thread was ready but found no free core %s of the time", percent(queued))}, gain > leastGain
}

// prefetch: a queue evens out batches that take turns to be late and early. It can
// only gain what the workers idle now, while at other times they are waited for.
func (c *caseOf) prefetch() (Cure, bool) {
	if !c.accounted || c.loader == nil || c.loader.Workers < 1 || c.d.Limit == LimitFetch {
		return Cure{}, false
	}
	idle := max(1-c.facts.working, 0)
	gain := min(c.d.Share, idle)
	deeper := max(2*c.loader.Prefetch, 4)
	return Cure{ID: CurePrefetch, Title: fmt.Sprintf("prefetch_factor=%d: a longer queue for batches of uneven cost", deeper),
		How: fmt.Sprintf("DataLoader(..., prefetch_factor=%d)", deeper), Gain: gain, GainHigh: gain, Work: 0.1, Free: true,
		Why: fmt.Sprintf("the workers idle %s of the time and are waited for at others", percent(idle))}, c.loader.Kind == "torch" && gain > 2*leastGain
}

// persistent: workers that are started for every epoch anew are waited for at its
// beginning.
func (c *caseOf) persistent() (Cure, bool) {
	l := c.loader
	if l == nil || l.Kind != "torch" || l.Workers < 1 || l.Persistent || l.Starts < 2 || c.main == nil {
		return Cure{}, false
	}
	each := l.StartSeconds / float64(l.Starts)
	epoch := c.main.Steps.Seconds.Sum/float64(l.Starts) + each
	gain := each / max(epoch, 1e-9)
	return Cure{ID: CurePersistent, Title: "persistent_workers=True: workers are not started anew for every epoch",
		How: "DataLoader(..., persistent_workers=True)", Gain: gain, GainHigh: gain, Work: 0.1, Free: true,
		Why: fmt.Sprintf("an epoch's first batch takes %s", milliseconds(each))}, true
}

// pin: copies from pageable memory wait; those from pinned memory overlap.
func (c *caseOf) pin() (Cure, bool) {
	if c.loader == nil || c.loader.Pinned || c.loader.Kind != "torch" || c.main == nil || !c.facts.gpu {
		return Cure{}, false
	}
	gain := classShare(c.main.Stacks.Loop, "transfer")
	return Cure{ID: CurePin, Title: "pin_memory=True and non_blocking=True: copies to the GPU overlap with its work",
		How: "DataLoader(..., pin_memory=True); batch.to(device, non_blocking=True)", Gain: gain, GainHigh: gain, Work: 0.1, Free: true,
		Why: fmt.Sprintf("the main thread copies %s of the time", percent(gain))}, true
}

func classShare(classes map[string]float64, class string) float64 {
	var sum float64
	for _, w := range classes {
		sum += w
	}
	if sum <= 0 {
		return 0
	}
	return classes[class] / sum
}

// pack: with a prediction its gain, else no more than that it can save the wait.
func (c *caseOf) pack() (Cure, bool) {
	if c.usesStoker() {
		return Cure{}, false
	}
	cure := Cure{ID: CurePack, Title: "pack the data and let Stoker feed them", How: "stoker pack DATA -o data.stk, then stoker.Loader; docs/pack.md",
		Gain: c.d.Share, GainHigh: c.d.High, Work: 0.5, Why: "at most the whole wait; not predicted, as no sample of the data was packed"}
	if p := c.e.Pack; p != nil {
		cure.Gain, cure.GainLow, cure.GainHigh = p.Gain()
		cure.How = p.Command + ", then stoker.Loader"
		cure.Why = fmt.Sprintf("predicted from %d samples of %s, packed and fed here: %s a step instead of %s",
			p.Samples, p.Source, milliseconds(p.New), milliseconds(p.Step))
	}
	return cure, c.d.Share >= 0
}

func (c *caseOf) usesStoker() bool { return c.loader != nil && c.loader.Kind == "stoker" }

// less is the cure that removes a part of the producers' work.
func (c *caseOf) less(kind string, cure Cure) (Cure, bool) {
	part := c.parts[kind]
	l, ok := c.load()
	if !ok || part <= 0 || c.d.Limit == LimitFetch {
		return cure, false
	}
	if l.now == 0 { // work in the main thread is part of the step
		cure.Gain = part * max(c.d.Share-c.facts.asleep, 0)
	} else {
		cure.Gain = min(1-l.with(l.now, 1-part)/max(l.with(l.now, 1), 1e-9), c.d.Share)
	}
	cure.GainHigh = cure.Gain
	cure.Why = fmt.Sprintf("%s of the work on samples", percent(part))
	return cure, true
}

// resize: decoding costs by the pixels. What the packed sample taught is used, where
// there is one; else the bound is all decoding.
func (c *caseOf) resize() (Cure, bool) {
	cure := Cure{ID: CureResize, Title: "make the pictures smaller once", How: "stoker pack DATA --resize short=256 -o small.stk, or a script of your own", Work: 0.5}
	if p := c.e.Pack; p != nil && p.Resize > 0 && p.NewResized > 0 && p.Step > 0 {
		scale := 1 - p.NewResized/p.Step
		cure.How = fmt.Sprintf("%s --resize short=%d", p.Command, p.Resize)
		cure.Gain, cure.GainHigh = scale, scale
		cure.Why = fmt.Sprintf("predicted: %s a step instead of %s, packed at short side %d", milliseconds(p.NewResized), milliseconds(p.Step), p.Resize)
		return cure, p.NewResized < 0.95*p.New
	}
	return c.less("decode", cure)
}

func (c *caseOf) tokenize() (Cure, bool) {
	return c.less("tokenize", Cure{ID: CureTokenize, Title: "tokenise once, not in every epoch",
		How: "stoker pack DATA --text FIELD --tokenizer tokenizer.json -o data.stk; docs/pack-text.md", Work: 0.5})
}

func (c *caseOf) augment() (Cure, bool) {
	cure := Cure{ID: CureGPUAugment, Title: "augment on the GPU, a batch at a time", How: "torchvision.transforms.v2 or kornia on the batch after .to(device)", Work: 2}
	if !c.facts.gpu {
		return cure, false
	}
	return c.less("augment", cure)
}

// padding: the filling is computed with like everything else.
func (c *caseOf) padding() (Cure, bool) {
	p := c.e.Padding
	if p <= 0 || p >= 1 {
		return Cure{}, false
	}
	gain := p
	if c.d.Share > 0 {
		gain *= 1 - c.d.Share
	}
	return Cure{ID: CureLengths, Title: "batches of sequences of like length, or packed ones", How: "a dataset of tokens, then stoker.Loader(..., batching=stoker.Grouped()) or stoker.Packed(...); docs/pack-text.md",
		Gain: gain, GainHigh: gain, Work: 1, Why: fmt.Sprintf("%s of the tokens of a batch only fill it up", percent(p))}, true
}

// local: a faster place for the same bytes.
func (c *caseOf) local() (Cure, bool) {
	cure := Cure{ID: CureLocal, Title: "copy the data to a local disk, or keep them in memory", How: "cp -r DATA /local/disk, or a machine whose memory holds them",
		Gain: c.d.Share, GainHigh: c.d.High, Work: 0.3, Why: "at most the whole wait: those who prepare the data mostly wait themselves"}
	return cure, c.d.Limit == LimitFetch && c.d.Share > 0
}

// cores: where all are busy only more of them, or less work, help.
func (c *caseOf) cores() (Cure, bool) {
	l, ok := c.load()
	if !ok || c.d.Limit == LimitFetch || c.facts.Busy < 0.8 || !c.inWorkers {
		return Cure{}, false
	}
	return Cure{ID: CureCores, Title: "more cores", How: "a machine with more of them for each GPU", Gain: c.d.Share, GainHigh: c.d.High, Work: 1,
		Why: fmt.Sprintf("the run uses %.1f of %s", l.produce+l.other, count(c.facts.Cores, "core"))}, true
}
