package why

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"stoker/internal/run/account"
	"stoker/internal/run/sampler"
)

// Minimal evidence of the sampler for a conclusion.
const (
	minSamplerSteps = 20
	minSamplerLooks = 100
	widest          = 0.10 // half of the interval
)

// sampled judges what the sampler saw in the training processes; ok is false where
// it saw none. Of several ranks the one that waits most counts: the others wait for
// it.
func sampled(e Evidence) (r Rung, ok bool) {
	for _, report := range trainers(e) {
		one, told := sampledOne(report, e)
		if told && (!ok || one.Share > r.Share) {
			r, ok = one, true
		}
	}
	return r, ok
}

// trainers are the reports of the processes that train; where the sampler recognises
// none, as in a loop of the script's own without any framework, that of the process
// which the accounting takes for it.
func trainers(e Evidence) []sampler.Report {
	mains := sampler.Main(e.Reports)
	for _, r := range e.Reports {
		if len(mains) == 0 && e.Account != nil && r.PID == e.Account.PID {
			return []sampler.Report{r}
		}
	}
	return mains
}

func sampledOne(report sampler.Report, e Evidence) (Rung, bool) {
	r := Rung{Name: RungSampler}
	s, steps, ok := stepShare(report.Steps, e.Over)
	if ok {
		r.Conclusive, r.Exact = steps >= minSamplerSteps, true
		r.Text = fmt.Sprintf("the sampler timed %d steps of %s: %%s of each is a wait in the loader", steps, stepTime(report.Steps))
	} else {
		looks, told := report.Stacks.DataShare()
		if !told {
			return r, false
		}
		s = share{looks.Mid, looks.Low, looks.High}
		r.Conclusive = report.Stacks.Looks >= minSamplerLooks
		r.Text = fmt.Sprintf("%d looks at the main thread: %%s of them found it with data or waiting for them", report.Stacks.Looks)
	}
	r.Share, r.Low, r.High, r.Verdict = s.mid, s.low, s.high, verdict(s)
	clear := s.low >= dataShare || s.high <= computeShare
	r.Conclusive = r.Conclusive && (clear || s.half() <= widest)
	r.Text = fmt.Sprintf(r.Text, plusMinus(r))
	if idle := idleOf(e.Account); !r.Exact && idle > s.high+0.05 {
		// It sleeps in functions that looks do not know for data: reading from a network, say.
		r.Verdict, r.Conclusive = Unknown, false
		r.Text += fmt.Sprintf("; but it sleeps %s of the time, in functions that are not known", percent(idle))
	}
	if h := report.Steps.Hidden; h > 0 && report.Steps.Seconds.Sum > 0 {
		r.Text += fmt.Sprintf("; another %s was hidden behind the GPU's queued work", percent(h/report.Steps.Seconds.Sum))
	}
	return r, true
}

// stepTime is the mean step, with the median where a few slow ones set them apart.
func stepTime(s sampler.Steps) string {
	if s.Seconds.N == 0 {
		return milliseconds(s.Median)
	}
	mean := s.Seconds.Sum / float64(s.Seconds.N)
	if mean > 0.9*s.Median && mean < 1.1*s.Median {
		return milliseconds(mean)
	}
	return fmt.Sprintf("%s (median %s)", milliseconds(mean), milliseconds(s.Median))
}

// stepShare is the wait's share of the timed steps: for a live run of the newest
// ones, which resemble those to come; for one that ended of all.
func stepShare(steps sampler.Steps, over bool) (share, int64, bool) {
	recent := make([]pair, len(steps.Recent))
	for i, s := range steps.Recent {
		recent[i] = pair{s[0], s[1]}
	}
	s, ok := shareOf(recent)
	if !ok {
		return s, 0, false
	}
	n := int64(len(recent))
	if over && steps.Count > n && steps.Seconds.Sum > 0 {
		all := min(steps.Wait.Sum/steps.Seconds.Sum, 1)
		half := s.half()
		s, n = share{all, max(all-half, 0), min(all+half, 1)}, steps.Count
	}
	return s, n, true
}

// idleOf is the share of the time in which a training on the CPU did nothing; 0 where
// that is not known, or a GPU computes.
func idleOf(a *account.Account) float64 {
	if a == nil || a.Seconds < minAccountSeconds {
		return 0
	}
	if f := factsOf(a); f.gpu {
		return 0
	}
	return a.Process.Idle
}

// kinds sums up what the preparation of samples consists of, in the workers where
// there are some, else in the main thread. Empty where the sampler saw none.
func kinds(reports []sampler.Report) (parts map[string]float64, inWorkers bool) {
	for _, role := range []string{sampler.RoleWorker, sampler.RoleMain, sampler.RoleOther} {
		parts = map[string]float64{}
		var sum float64
		for _, r := range reports {
			if r.Role != role {
				continue
			}
			for kind, weight := range r.Stacks.WorkByKind {
				parts[kind] += weight
				sum += weight
			}
		}
		if sum >= 20 {
			for kind := range parts {
				parts[kind] /= sum
			}
			return parts, role == sampler.RoleWorker
		}
	}
	return nil, false
}

// limitOfKind translates the sampler's kinds of data work.
var limitOfKind = map[string]string{
	sampler.Decode: LimitDecode, sampler.Fetch: LimitFetch, sampler.Augment: LimitAugment, sampler.Tokenize: LimitTokenize,
	sampler.Collate: LimitCollate, sampler.IPC: LimitHandOff, sampler.Python: LimitPython,
}

// bySize names the parts, largest first, equal ones always in the same order.
func bySize(parts map[string]float64) []string {
	return slices.SortedFunc(maps.Keys(parts), func(a, b string) int {
		return cmp.Or(cmp.Compare(parts[b], parts[a]), cmp.Compare(a, b))
	})
}
