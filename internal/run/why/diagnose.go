package why

import (
	"fmt"
	"slices"
	"strings"

	"stoker/internal/run/bar"
	"stoker/internal/run/progress"
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
		f := factsOf(e.Account)
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
		c.facts, c.accounted = factsOf(e.Account), true
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
	if kind := largest(c.parts); kind != "" {
		if l, ok := limitOfKind[kind]; ok {
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

func (c *caseOf) where() string {
	switch {
	case c.inThreads():
		return " in the loader's threads"
	case c.inWorkers:
		return " in the workers"
	case c.loader != nil || len(c.parts) > 0:
		return " in the main thread"
	}
	return ""
}

// limitText names the limit with its place.
func (c *caseOf) limitText() string {
	name := limitNames[c.d.Limit]
	if c.d.Limit == LimitDecode {
		name = c.decoded() + name
	}
	if strings.Contains(name, "%s") {
		name = fmt.Sprintf(name, c.where())
	}
	return name
}

// decoded says what is decoded, where the functions seen at work tell.
func (c *caseOf) decoded() string {
	for _, r := range c.e.Reports {
		for _, f := range r.Stacks.Top {
			text := strings.ToLower(f.Module + "." + f.Function)
			switch {
			case strings.Contains(text, "jpeg"):
				return "JPEG "
			case strings.HasPrefix(text, "pil") || strings.HasPrefix(text, "cv2"):
				return "image "
			}
		}
	}
	return ""
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

// cost says what a share of the steps amounts to: "at most 1 h 52 of the remaining 6 h 04".
func (c *caseOf) cost(part float64) string {
	all := c.remaining()
	part *= c.stepping()
	switch {
	case all <= 0 || part < 0:
		return ""
	case c.e.Over:
		return fmt.Sprintf("at most %s of its %s", bar.Duration(part), bar.Duration(all))
	case c.e.Status.EpochOnly:
		return fmt.Sprintf("at most %s of the remaining %s of this epoch", bar.Duration(part), bar.Duration(all))
	}
	return fmt.Sprintf("at most %s of the remaining %s", bar.Duration(part), bar.Duration(all))
}

// sentence is the answer.
func (c *caseOf) sentence() string {
	d := c.d
	waits := "waits for data"
	if c.e.Over {
		waits = "waited for data"
	}
	r := Rung{Share: d.Share, Low: d.Low, High: d.High}
	measured := fmt.Sprintf("%s %s of each step", waits, plusMinus(r))
	if d.Share < 0 {
		measured = waits + ", how much was not measured"
	}
	if cost := c.cost(d.Share); cost != "" {
		measured += ": " + cost
	}
	var parts []string
	switch d.Verdict {
	case Data, Borderline:
		parts = []string{measured}
		if d.Verdict == Borderline {
			parts = []string{"borderline: " + measured}
		}
		if text := c.limitText(); text != "" {
			parts = append(parts, text+" is the limit")
		}
	case Compute:
		parts = c.computeSentence(measured)
	default:
		parts = []string{"cannot tell whether it waits for data: " + c.unknown()}
	}
	return strings.Join(parts, "; ")
}

func (c *caseOf) computeSentence(measured string) []string {
	parts := []string{"compute-bound: " + measured}
	if c.d.Share < 0 {
		parts[0] = "compute-bound: batches lie ready when the step asks for them"
	}
	if c.d.Limit == LimitPython {
		return append(parts, "the script's own Python is the limit, not the data")
	}
	return append(parts, "leave the data alone")
}

// unknown says why nothing can be told and what would tell.
func (c *caseOf) unknown() string {
	command := "start it with `stoker run -- ...`: its sampler tells"
	switch {
	case c.main != nil && c.loader != nil:
		command = "let it take more steps"
	case c.main != nil:
		command = "its loader is none that the sampler knows; data_time and step_time in the lines that it prints would tell"
	}
	switch {
	case c.e.Status != nil && c.e.Status.Phase == progress.Start && !c.e.Over:
		return "no step was seen yet, neither in what it prints nor by the sampler; ask again once it trains"
	case !c.accounted && len(c.d.Rungs) == 0:
		return "nothing was seen of its steps; " + command
	case c.accounted && !c.facts.gpu && c.facts.Process.Idle >= dataShare:
		return fmt.Sprintf("the training process does nothing %s of the time, but what it waits for the kernel does not say; %s",
			percent(c.facts.Process.Idle), command)
	case c.accounted:
		return "its main thread runs, and computes or prepares data; " + command
	}
	return "too few steps were seen; " + command
}

// evidence lists what the rungs say, the deciding one first, and whether the others
// agree.
func (c *caseOf) evidence(said *Rung) []string {
	lines := []string{}
	if said != nil {
		lines = append(lines, said.Text)
	}
	for i := range c.d.Rungs {
		r := &c.d.Rungs[i]
		if said != nil && r.Name == said.Name {
			continue
		}
		lines = append(lines, r.Text+agreement(r, said))
	}
	if len(c.parts) > 0 && c.d.Verdict != Compute && !c.inThreads() {
		lines = append(lines, "of the work on samples"+c.where()+": "+shares(c.parts))
	}
	if c.d.Verdict == Unknown {
		lines = append(lines, c.whereabouts()...)
	}
	return append(lines, c.notes()...)
}

// whereabouts says in which functions the looks found the main thread most often.
func (c *caseOf) whereabouts() []string {
	for _, r := range c.e.Reports {
		var sum float64
		for _, f := range r.Stacks.Top {
			sum += f.Weight
		}
		if r.Role == sampler.RoleWorker || r.PID != c.facts.accountPID() || sum <= 0 {
			continue
		}
		var text []string
		for _, f := range r.Stacks.Top[:min(len(r.Stacks.Top), 3)] {
			text = append(text, fmt.Sprintf("%s (%s:%d) %s", f.Function, f.Module, f.Line, percent(f.Weight/sum)))
		}
		return []string{"looks found its main thread in " + strings.Join(text, ", ")}
	}
	return nil
}

func agreement(r, said *Rung) string {
	switch {
	case said == nil || r.Verdict == Unknown || said.Verdict == Unknown:
		return ""
	case contradicts(r, said):
		return " (disagrees)"
	case r.Share >= 0 && said.Share >= 0 && (r.Low > said.High+0.05 || r.High < said.Low-0.05):
		return fmt.Sprintf(" (differs: %s)", plusMinus(*r))
	}
	return " (agrees)"
}

// shares lists parts, largest first: "decode 71 %, augment 20 %, read 9 %".
func shares(parts map[string]float64) string {
	var names []string
	for n := range parts {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int {
		if parts[a] != parts[b] {
			if parts[a] > parts[b] {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	var text []string
	for _, n := range names {
		if parts[n] >= 0.02 {
			text = append(text, n+" "+percent(parts[n]))
		}
	}
	return strings.Join(text, ", ")
}

// notes are facts that change what should be done.
func (c *caseOf) notes() []string {
	var list []string
	if c.accounted && c.facts.Main.Queued > 0.05 {
		list = append(list, fmt.Sprintf("the main thread was ready but found no free core %s of the time", percent(c.facts.Main.Queued)))
	}
	for _, r := range c.e.Reports {
		if r.Off != "" && r.Role == sampler.RoleMain {
			list = append(list, "the sampler switched itself off: "+r.Off)
		}
	}
	if c.accounted && c.facts.Hidden {
		list = append(list, "how much is read may not be seen: it is someone else's process")
	}
	return list
}
