package estimate

import "math"

// earlyStop collects validation losses, one for each epoch (the last counts), and
// guesses at which epoch they stop falling: a power law c + a*epoch^-b, fitted by
// least squares over a grid of b. Three-parameter power laws extrapolate learning
// curves about as well as anything (LCDB 1.1; Domhan et al., IJCAI 2015).
type earlyStop struct {
	epoch []int
	loss  []float64
}

const (
	minLosses  = 5
	maxLosses  = 512
	flatAhead  = 5      // epochs over which an improvement is asked for
	flatShare  = 0.005  // least improvement, of the loss, that counts as falling
	maxGuessed = 100000 // epochs
)

func (s *earlyStop) add(epoch int, loss float64) {
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return
	}
	if n := len(s.epoch); n > 0 && s.epoch[n-1] == epoch {
		s.loss[n-1] = loss
		return
	}
	if len(s.epoch) < maxLosses {
		s.epoch = append(s.epoch, epoch)
		s.loss = append(s.loss, loss)
	}
}

// guess returns nil while too little is known, or while the losses are nowhere
// near flat.
func (s *earlyStop) guess() *EarlyStop {
	n := len(s.loss)
	if n < minLosses {
		return nil
	}
	best := 0
	for i, l := range s.loss {
		if l < s.loss[best] {
			best = i
		}
	}
	if n-1-best >= flatAhead { // it rises since then
		e := s.epoch[best]
		return &EarlyStop{Epoch: e, Low: e, High: e}
	}
	return s.extrapolate()
}

// powerLaw is one fit.
type powerLaw struct{ a, b, c, sse float64 }

func (p powerLaw) at(epoch float64) float64 { return p.c + p.a*math.Pow(epoch, -p.b) }

// fit solves for a and c by least squares with b given.
func (s *earlyStop) fit(b float64) powerLaw {
	var sx, sy, sxx, sxy float64
	n := float64(len(s.loss))
	for i, y := range s.loss {
		x := math.Pow(float64(s.epoch[i]), -b)
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	p := powerLaw{b: b}
	if d := n*sxx - sx*sx; d > 0 {
		p.a = (n*sxy - sx*sy) / d
	}
	p.c = (sy - p.a*sx) / n
	for i, y := range s.loss {
		d := y - p.at(float64(s.epoch[i]))
		p.sse += d * d
	}
	return p
}

// flat is the first epoch from which flatAhead further epochs improve the loss by
// less than flatShare of it.
func (p powerLaw) flat() int {
	for e := 1; e < maxGuessed; e += 1 + e/20 {
		now := p.at(float64(e))
		if now-p.at(float64(e+flatAhead)) < flatShare*math.Abs(now) {
			return e
		}
	}
	return maxGuessed
}

func (s *earlyStop) extrapolate() *EarlyStop {
	var fits []powerLaw
	best := powerLaw{sse: math.Inf(1)}
	for b := 0.2; b < 3.01; b *= 1.15 {
		p := s.fit(b)
		if p.a <= 0 {
			continue // it does not fall at all
		}
		fits = append(fits, p)
		if p.sse < best.sse {
			best = p
		}
	}
	if len(fits) == 0 {
		return nil
	}
	g := EarlyStop{Epoch: best.flat(), Low: maxGuessed}
	for _, p := range fits { // fits that are nearly as good span the interval
		if p.sse <= 1.5*best.sse+1e-12 {
			f := p.flat()
			g.Low, g.High = min(g.Low, f), max(g.High, f)
		}
	}
	if last := s.epoch[len(s.epoch)-1]; g.High > 10*last+100 {
		return nil // no end in sight
	}
	return &g
}
