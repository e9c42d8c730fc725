package batching

import (
	"math"
	"sync"

	"stoker/internal/errs"
	"stoker/internal/plan"
	"stoker/internal/rng"
)

// Grouped sorts a large window of samples by the logarithm of their length plus
// fresh uniform noise, cuts it into steps, and shuffles the steps. Noise is the
// knob between padding and randomness: at batches of 64 film reviews 0.1 leaves
// 10 % padding and 0.2 leaves 18 %, with twice the companions.
//
// Sorting the whole set this way beats sorting pools and quantile buckets at
// equal randomness.
type Grouped struct {
	Noise float64 // half width of the noise, in natural logarithms; 0 sorts exactly
	Round Round
}

// groupedWindow is how many samples are sorted at once: enough that a step finds
// companions of its length everywhere, and planned within some 15 ms.
const groupedWindow = 1 << 17

func (w Grouped) check(*Spec, int32) error {
	if !(w.Noise >= 0 && w.Noise <= 10) {
		return errs.New(errs.Invalid, "the noise of length-grouped batches is %v, must be 0 to 10", w.Noise)
	}
	return w.Round.check()
}

func (w Grouped) window(g Geometry, left int64) int64 {
	if left < 2*groupedWindow {
		return left // a short second window would be padded more
	}
	global := int64(g.global())
	return max(groupedWindow/global, 1) * global
}

func (w Grouped) divide(pieces []Piece, g Geometry, key rng.Key) []Step {
	noise, keys := newNoises(pieces, w.Noise), make([]uint16, len(pieces))
	for i, p := range pieces {
		draw := key.Sub(uint64(p.Index)).Source()
		keys[i] = noise.key(p.Length, 2*draw.Float64()-1)
	}
	sorted := sortByKeys(pieces, keys)
	global := g.global()
	steps := make([]Step, (len(sorted)+global-1)/global)
	order := plan.NewPermutation(int64(len(steps)), key)
	for i := range steps {
		n := min(global, len(sorted)) // the step of the longest is the short one
		steps[order.At(int64(i))] = dealRuns(sorted[:n:n], g, w.Round)
		sorted = sorted[n:]
	}
	return steps
}

// noises gives each length its noise. Padding grows with length times noise,
// while the chance to meet others grows with noise times the number of samples
// nearby. The best exchange of one for the other is a noise in proportion to
// 1/sqrt(length x density): more for the short, where padding is cheap, and for
// the rare, who always meet the same few.
type noises struct {
	width [spreadBins]float64
}

// A bin of noises is a 1/8 in natural logarithms: lengths up to 2^31 fit.
const (
	spreadBins   = 8 * 22
	spreadPerLog = 8
	mostSpread   = 4 // times the mean noise
)

func newNoises(pieces []Piece, mean float64) *noises {
	var count, density [spreadBins]float64
	for _, p := range pieces {
		count[spreadBin(p.Length)]++
	}
	for i := range density { // smoothed over three bins; empty ones count a little
		density[i] = 0.5 + count[i] + (count[max(i-1, 0)]+count[min(i+1, spreadBins-1)])/2
	}
	s := new(noises)
	var sum float64
	for i := range s.width {
		s.width[i] = 1 / math.Sqrt(density[i]*math.Exp(float64(i)/spreadPerLog))
		sum += s.width[i] * count[i]
	}
	for i := range s.width {
		s.width[i] = mean * min(s.width[i]*float64(len(pieces))/sum, mostSpread)
	}
	return s
}

func spreadBin(length int32) int { return int(logOf(length) * spreadPerLog) }

// key maps a length to an integer that grows with its logarithm plus its noise
// times u, which lies between -1 and 1.
func (s *noises) key(length int32, u float64) uint16 {
	x := logOf(length)
	x += float64(u * s.width[int(x*spreadPerLog)])
	return uint16(min(max((x+margin)*(1<<16)/(logOfMost+2*margin), 0), 1<<16-1))
}

// logOf returns the natural logarithm of a length and 1, for all usual lengths
// from a table: two logarithms for each sample were a third of the planning.
func logOf(length int32) float64 {
	if length < int32(len(logs())) {
		return logs()[length]
	}
	return math.Log(float64(length) + 1)
}

var logs = sync.OnceValue(func() *[1 << 14]float64 {
	table := new([1 << 14]float64)
	for i := range table {
		table[i] = math.Log(float64(i) + 1)
	}
	return table
})

var logOfMost = math.Log(math.MaxInt32)

// margin leaves room for noise at both ends of the range of lengths.
const margin = 4
