package estimate

import "math"

// prior is what history says, digested.
type prior struct {
	records []Record
	start   float64 // seconds until the first step
	final   float64 // seconds after the last one
	finalSD float64 // its relative spread
	pauses  map[string]*priorPauses
	speedSD float64 // of a run's speed around the mean of runs, relative
}

// Floors and defaults of the spread between runs, relative. Without history the
// rest of the run may be faster or slower than what was seen (measured on the
// simulated scenarios of this package's tests, which include throttling): more
// happens that slows a run down than that makes it faster.
const (
	minSpeedSD    = 0.015
	minRestSD     = 0.004
	oneRunSD      = 0.03
	unknownFaster = 0.015
	unknownSlower = 0.13
	strangeness   = 0.2  // logarithm of the speed against history from which on conditions are others
	strangeSD     = 0.15 // that such a run adds to the spread, times how strange it is
	maxDrift      = 0.4  // of the share of the spread that changes of speed so far add
	coldBelow     = 0.15 // of the lower bound, in the first epoch: caches may be cold
)

// Without history the end of a run (the last checkpoint, leaving Python) is
// taken to last a fifth of its start: the median of the recorded runs
// (testdata/runs) is 0.23, 12 of 14 lie between 0.14 and 1. A long start is mostly
// preparation of data: the end is no more than a small share of the steps' time.
const (
	endShare  = 0.2
	mostEnd   = 0.02 // of the time of all steps
	endSpread = 0.7  // standard deviation of the logarithm
)

// end is how long the run will go on after its last step, and how far, relative,
// that may be off; steps is the time of all steps of this run, done and left.
func (p *prior) end(a ahead, steps float64) (seconds, sd float64) {
	if p.any() {
		return bounded(a.slower) * p.final, max(p.finalSD, min(math.Abs(math.Log(a.slower)), endSpread))
	}
	return min(endShare*max(a.startup, 0), mostEnd*steps), endSpread
}

func newPrior(h History) *prior {
	p := &prior{records: h.usable(), pauses: map[string]*priorPauses{}}
	n := float64(len(p.records))
	if n == 0 {
		return p
	}
	var warm, finals []float64
	for _, r := range p.records {
		p.start += r.StartSeconds / n
		p.final += r.FinalSeconds / n
		warm = append(warm, r.WarmStep)
		finals = append(finals, r.FinalSeconds)
		for _, q := range r.Pauses {
			if r.First > 0 && r.Steps > r.First { // a resumed run saw its part of them
				q.Count = int(float64(q.Count)*float64(r.Steps)/float64(r.Steps-r.First) + 0.5)
			}
			p.addPauses(q)
		}
	}
	for _, q := range p.pauses {
		q.Count = int(math.Round(float64(q.Count) / n))
	}
	p.finalSD = max(relativeSD(finals), 0.1)
	p.speedSD = max(relativeSD(warm), minSpeedSD)
	if len(warm) < 3 {
		p.speedSD = max(p.speedSD, oneRunSD)
	}
	return p
}

// priorPauses are the pauses of one kind over all records; First is their mean.
type priorPauses struct {
	Pauses
	firsts int // records that know a First
}

func (p *prior) addPauses(q Pauses) {
	s := p.pauses[q.Kind]
	if s == nil {
		s = &priorPauses{Pauses: Pauses{Kind: q.Kind}}
		p.pauses[q.Kind] = s
	}
	total := float64(s.Count + q.Count)
	if total > 0 {
		s.Mean = (s.Mean*float64(s.Count) + q.Mean*float64(q.Count)) / total
		s.SD = (s.SD*float64(s.Count) + q.SD*float64(q.Count)) / total
	}
	if q.First > 0 {
		s.First = (s.First*float64(s.firsts) + q.First) / float64(s.firsts+1)
		s.firsts++
	}
	s.Count += q.Count
	s.Every = q.Every
}

func relativeSD(x []float64) float64 {
	var mean, ss float64
	for _, v := range x {
		mean += v / float64(len(x))
	}
	if len(x) < 2 || mean <= 0 {
		return 0
	}
	for _, v := range x {
		ss += (v - mean) * (v - mean)
	}
	return math.Sqrt(ss/float64(len(x)-1)) / mean
}

func (p *prior) any() bool { return len(p.records) > 0 }

// seen is how many pauses of this kind earlier runs had, all together.
func (p *prior) seen(kind string) (n int) {
	for _, r := range p.records {
		for _, q := range r.Pauses {
			if q.Kind == kind {
				n += q.Count
			}
		}
	}
	return n
}

// runSpread is what widens the interval beyond the resampled blocks.
type runSpread struct {
	faster, slower float64 // standard deviations of the logarithm of the rest's level, to either side
	below, above   float64 // further shares of the bounds
}

// level is by what factor the rest of the run is slower than what was seen, for a
// standard normal number.
func (s runSpread) level(z float64) float64 {
	if z < 0 {
		return math.Exp(s.faster * z)
	}
	return math.Exp(s.slower * z)
}

// spread says how far the rest of a run may lie from what was seen.
func (p *prior) spread(a ahead) runSpread {
	done := 0.0
	if a.total > 0 {
		done = a.pos / a.total
	}
	left := max(0.1, 1-done)
	var drift float64 // a run whose speed changed before will change again
	for _, c := range a.changes {
		drift += c * c
	}
	drift = min(drift*(1-done)/max(done, 0.1), maxDrift*maxDrift)
	if p.any() {
		sd := math.Sqrt(p.restSD(done)*p.restSD(done) + drift/4)
		// Under other conditions than the earlier runs had, these say less.
		if strange := math.Abs(math.Log(a.slower)); strange > strangeness {
			sd = math.Sqrt(sd*sd + strangeSD*strangeSD*min(1, strange)*left)
		}
		return runSpread{faster: sd, slower: sd}
	}
	s := runSpread{faster: math.Sqrt(unknownFaster*unknownFaster*left + drift/4), slower: math.Sqrt(unknownSlower*unknownSlower*left + drift/4)}
	if a.trend > 0 {
		s.above += a.trend
	} else {
		s.below -= a.trend
	}
	if a.epochs > 1 && a.pos < a.perEpoch {
		s.below += coldBelow
	}
	return s
}

// restSD is how much, relative, the time of the rest varied between earlier runs
// that took the same time up to here: the standard deviation of the ratio of the
// two, with a floor. This holds what a run cannot know of itself, such as
// throttling at a place that differs from run to run.
func (p *prior) restSD(done float64) float64 {
	cut := max(1, min(profileParts-1, int(done*profileParts)))
	var ratios []float64
	for _, r := range p.records {
		if len(r.Profile) != profileParts {
			continue
		}
		var before, after float64
		for i, v := range r.Profile {
			if i < cut {
				before += v
			} else {
				after += v
			}
		}
		if before > 0 && after > 0 {
			ratios = append(ratios, after/before/float64(profileParts-cut)*float64(cut))
		}
	}
	if len(ratios) < 2 {
		return oneRunSD * math.Sqrt(max(0.1, 1-done))
	}
	small := 1 + 1/float64(len(ratios)) // few runs understate a spread
	return max(relativeSD(ratios)*small, minRestSD*math.Sqrt(max(0.1, 1-done)))
}
