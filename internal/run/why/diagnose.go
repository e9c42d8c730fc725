package why

import (
	"slices"

	"stoker/internal/run/sampler"
)

// The thresholds of TensorFlow's input-pipeline analyser.
const (
	computeShare = 0.05
	dataShare    = 0.20
)

func verdict(s share) string {
	switch {
	case s.mid >= dataShare:
		return Data
	case s.mid < computeShare:
		return Compute
	}
	return Borderline
}

// Diagnose climbs the ladder.
func Diagnose(e Evidence) Diagnosis {
	d := Diagnosis{Verdict: Unknown, Share: -1, Rungs: climb(e), Evidence: []string{}, Cures: []Cure{}, Pack: e.Pack}
	said := decide(d.Rungs)
	if said != nil {
		d.Verdict, d.Share, d.Low, d.High, d.Rung = said.Verdict, said.Share, said.Low, said.High, said.Name
		d.borrowShare()
	}
	c := newCase(e, &d)
	if d.Verdict == Data || d.Verdict == Borderline {
		d.Limit = c.limit(said)
	} else if said != nil {
		d.Limit = said.Limit
	}
	d.Sentence = c.sentence()
	d.Evidence = c.evidence(said)
	d.Cures = c.cures()
	return d
}

// climb returns what each rung says for which there is evidence.
func climb(e Evidence) []Rung {
	rungs := []Rung{}
	if e.Log != nil {
		rungs = append(rungs, e.Log.rung())
	}
	if e.Account != nil {
		f := factsOfRun(e)
		rungs = append(rungs, f.rung())
	}
	for _, rung := range []func() (Rung, bool){
		func() (Rung, bool) { return sampled(e) },
		func() (Rung, bool) { return delayed(e.Reports) },
		func() (Rung, bool) { return headspace(e.Reports) },
	} {
		if r, ok := rung(); ok {
			rungs = append(rungs, r)
		}
	}
	return rungs
}

// decide picks the rung that counts: the first conclusive one, unless a stronger one
// contradicts it. The sampler's exact times always count for more than accounting,
// which takes every sleep for a wait. Where no rung is conclusive the best that has an
// opinion is taken.
func decide(rungs []Rung) *Rung {
	var first *Rung
	for i := range rungs {
		r := &rungs[i]
		switch {
		case !r.Conclusive:
		case first == nil:
			first = r
		case contradicts(r, first) && r.Name != RungAccounting, r.Exact && first.Name == RungAccounting:
			first = r
		}
	}
	if first != nil {
		return first
	}
	for i := len(rungs) - 1; i >= 0; i-- {
		if r := &rungs[i]; r.Verdict != Unknown {
			return r
		}
	}
	for i := range rungs {
		if rungs[i].Name == RungAccounting {
			return &rungs[i] // unknown, but with what was seen
		}
	}
	return nil
}

// contradicts reports whether two rungs lead to different deeds.
func contradicts(a, b *Rung) bool {
	return a.Verdict == Data && b.Verdict == Compute || a.Verdict == Compute && b.Verdict == Data
}

// borrowShare takes the share from another rung of the same verdict where the one
// that decided has measured none.
func (d *Diagnosis) borrowShare() {
	for _, name := range []string{RungSampler, RungLog, RungHeadspace, RungAccounting} {
		i := slices.IndexFunc(d.Rungs, func(r Rung) bool { return r.Name == name })
		if d.Share >= 0 || i < 0 || d.Rungs[i].Share < 0 || d.Rungs[i].Verdict != d.Verdict {
			continue
		}
		d.Share, d.Low, d.High = d.Rungs[i].Share, d.Rungs[i].Low, d.Rungs[i].High
	}
}

// caseOf is a diagnosis in the making.
type caseOf struct {
	e         Evidence
	d         *Diagnosis
	facts     facts // zero where there is no account
	accounted bool
	parts     map[string]float64 // of the preparation, by the sampler's kinds
	inWorkers bool
	loader    *sampler.Loader // of the training; nil unknown
	main      *sampler.Report
}

func newCase(e Evidence, d *Diagnosis) *caseOf {
	c := &caseOf{e: e, d: d}
	if e.Account != nil && e.Account.Seconds >= minAccountSeconds {
		c.facts, c.accounted = factsOfRun(e), true
	}
	c.parts, c.inWorkers = kinds(e.Reports)
	if mains := trainers(e); len(mains) > 0 {
		c.main = &mains[0]
		c.loader = c.main.Training()
	}
	if c.loader != nil {
		c.inWorkers = c.loader.Workers > 0
	} else if c.accounted {
		c.inWorkers = c.facts.hasWorkers()
	}
	return c
}

// limit names what the data come slowly by: nobody computes (fetch), or the kind of
// work that takes most.
func (c *caseOf) limit(said *Rung) string {
	if c.waitsOutside() {
		return LimitFetch
	}
	if c.inThreads() { // looks see the main thread only
		return LimitPrepare
	}
	if kinds := bySize(c.parts); len(kinds) > 0 {
		if l, ok := limitOfKind[kinds[0]]; ok {
			return l
		}
	}
	if said != nil && said.Limit != "" {
		return said.Limit
	}
	for _, r := range c.d.Rungs {
		if r.Limit != "" {
			return r.Limit
		}
	}
	return LimitNone
}

// waitsOutside reports whether those who prepare the data mostly wait themselves.
// Processes are judged by what the kernel counts: a look into Python cannot tell a
// decoder that decodes from one that waits in its read.
func (c *caseOf) waitsOutside() bool {
	if !c.accounted || c.d.Share < computeShare {
		return false
	}
	if c.inWorkers && c.facts.hasWorkers() {
		return c.facts.working < workerIdle
	}
	if c.inWorkers || c.facts.gpu {
		return c.facts.Main.Disk >= c.d.Share/2
	}
	return c.facts.Process.Idle >= c.d.Share/2
}

// inThreads reports whether threads of the training process itself prepare the data,
// as those of tf.data: they run while its main thread sleeps.
func (c *caseOf) inThreads() bool {
	return c.accounted && !c.inWorkers && !c.facts.gpu && c.d.Share >= computeShare &&
		c.facts.asleep >= c.d.Share/2 && c.facts.Process.Idle < c.d.Share/2
}

// remaining is what remains of a live run, or the whole of one that ended; 0 unknown.
func (c *caseOf) remaining() float64 {
	s := c.e.Status
	switch {
	case s == nil:
		return 0
	case c.e.Over:
		return s.Elapsed
	case s.RemainingMid > 0:
		return s.RemainingMid
	}
	return 0
}

// stepping is the part of remaining that consists of steps, of which the shares are
// shares: not imports, not validations.
func (c *caseOf) stepping() float64 {
	all := c.remaining()
	switch {
	case c.main != nil && c.main.Steps.Count > 0 && c.e.Over:
		return min(c.main.Steps.Seconds.Sum, all)
	case c.main != nil && c.main.Steps.Seconds.Sum > 0:
		return all * c.main.Steps.Seconds.Sum / (c.main.Steps.Seconds.Sum + c.main.Steps.Validation)
	case c.e.Timing != nil && c.e.Timing.Steps > 0 && c.e.Over:
		return min(c.e.Timing.StepMean*float64(c.e.Timing.Steps), all)
	}
	return all
}
