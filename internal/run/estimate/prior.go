package estimate

import "math"

// prior is what history says, digested.
type prior struct {
	records []Record
	start   float64 // seconds until the first step
	final   float64 // seconds after the last one
	pauses  map[string]*Pauses
	speedSD float64 // of a run's speed around the mean of runs, relative
	errorSD float64 // of earlier forecasts at 10 %, relative; 0 = not scored
}

// Floors and defaults of the spread between runs, relative. Without history the
// rest of the run may differ from what was seen by speedUnknown (measured on the
// simulated scenarios of this package's tests, which include throttling).
const (
	minSpeedSD   = 0.015
	oneRunSD     = 0.04
	speedUnknown = 0.05
)

func newPrior(h History) *prior {
	p := &prior{records: h.usable(), pauses: map[string]*Pauses{}}
	n := float64(len(p.records))
	if n == 0 {
		return p
	}
	var warm []float64
	for _, r := range p.records {
		p.start += r.StartSeconds / n
		p.final += r.FinalSeconds / n
		warm = append(warm, r.WarmStep)
		for _, q := range r.Pauses {
			p.addPauses(q, n)
		}
	}
	for _, q := range p.pauses {
		q.Count = int(math.Round(float64(q.Count) / n))
	}
	p.speedSD = max(relativeSD(warm), minSpeedSD)
	if len(warm) < 3 {
		p.speedSD = max(p.speedSD, oneRunSD)
	}
	return p
}

func (p *prior) addPauses(q Pauses, runs float64) {
	s := p.pauses[q.Kind]
	if s == nil {
		s = &Pauses{Kind: q.Kind}
		p.pauses[q.Kind] = s
	}
	total := float64(s.Count + q.Count)
	if total > 0 {
		s.Mean = (s.Mean*float64(s.Count) + q.Mean*float64(q.Count)) / total
		s.SD = (s.SD*float64(s.Count) + q.SD*float64(q.Count)) / total
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

func (p *prior) any() bool        { return len(p.records) > 0 }
func (p *prior) speedKnown() bool { return p.any() && p.speedSD > 0 }

// runsWith is how many earlier runs saw this kind of pause.
func (p *prior) runsWith(kind string) (n int) {
	for _, r := range p.records {
		for _, q := range r.Pauses {
			if q.Kind == kind {
				n++
			}
		}
	}
	return n
}

// runSpread is what widens the interval beyond the resampled blocks.
type runSpread struct {
	sd           float64 // of the speed level of the rest, relative
	below, above float64 // further shares of the bounds
}

// spread says how far the rest of a run may lie from what was seen.
func (p *prior) spread(l *timeline, a ahead) runSpread {
	done := 0.0
	if a.total > 0 {
		done = a.pos / a.total
	}
	if p.any() {
		return runSpread{sd: p.speedSD * math.Sqrt(max(0.1, 1-done))}
	}
	s := runSpread{sd: speedUnknown * math.Sqrt(max(0.05, 1-done))}
	if a.epochs > 1 && a.pos < a.perEpoch {
		s.below, s.above = 0.15, 0.20 // cold caches; a validation not seen yet
	}
	return s
}
