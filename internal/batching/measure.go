package batching

import (
	"math"
)

// Report says how much a plan pads and how random its order stays. Randomness is
// that of the step, the set of samples whose gradients are added up: an order
// that is random in it loses nothing by how the set is divided.
type Report struct {
	Steps   float64 `json:"steps"`           // of one epoch, mean over the epochs measured
	Padding float64 `json:"padding"`         // share of the computed tokens that are padding
	Useful  float64 `json:"useful"`          // real tokens over what the slowest rank computes, times the ranks
	Balance float64 `json:"balance"`         // computed tokens of the mean rank over those of the slowest, mean over steps
	Rho     float64 `json:"rho"`             // intraclass correlation of log length in a step; 0 is random
	C       float64 `json:"companion_share"` // 1: everyone may meet everyone; 0.1: a tenth
	AC1     float64 `json:"ac1"`             // lag-1 autocorrelation of a step's mean log length; 0 is random
	Peak    int64   `json:"peak_tokens"`     // computed tokens of the largest micro-batch
	Age     int64   `json:"age"`             // samples for which one waited in an open row, at most
}

// Measure plans epochs 0 to epochs-1, at least two, and reports their means.
func (p *Plan) Measure(epochs int) (Report, error) {
	m := newMeter(p.spec.Lengths)
	for epoch := range max(epochs, 2) {
		steps, err := p.From(Cursor{Epoch: uint64(epoch)})
		if err != nil {
			return Report{}, err
		}
		m.begin()
		for {
			step, _, ok := steps.Next()
			if !ok {
				break
			}
			m.step(step)
		}
		if steps.packer != nil {
			m.age = max(m.age, steps.packer.age)
		}
		m.end()
	}
	return m.report(), nil
}

// meter accumulates what a Report needs.
type meter struct {
	logs           []float64 // log length by sample
	mean, variance float64

	stepOf, lastStepOf []int32 // step of every sample, this epoch and the one before
	means              []float64

	epochs, steps                    int
	real, computed, slowest, balance float64
	pairs, pairSum                   float64
	expected, observed               float64
	ac1                              float64
	peak, age                        int64
}

func newMeter(lengths []int32) *meter {
	m := &meter{logs: make([]float64, len(lengths)), stepOf: make([]int32, len(lengths)), lastStepOf: make([]int32, len(lengths))}
	for i, n := range lengths {
		m.logs[i] = math.Log(float64(n) + 1)
		m.mean += m.logs[i] / float64(len(lengths))
	}
	for _, x := range m.logs {
		m.variance += (x - m.mean) * (x - m.mean) / float64(len(lengths))
	}
	return m
}

func (m *meter) begin() {
	m.epochs++
	m.means = m.means[:0]
	m.stepOf, m.lastStepOf = m.lastStepOf, m.stepOf
}

// step accounts for one step.
func (m *meter) step(s Step) {
	id := int32(len(m.means))
	var n, sum, squares float64
	var slowest, total int64
	for _, rank := range s.Ranks {
		var load int64
		for _, micro := range rank {
			cost := micro.Cost()
			load += cost
			m.peak = max(m.peak, cost)
			for _, p := range micro.Pieces {
				x := m.logs[p.Index] - m.mean
				n, sum, squares = n+1, sum+x, squares+x*x
				m.stepOf[p.Index] = id
			}
		}
		m.computed += float64(load)
		total += load
		slowest = max(slowest, load)
	}
	m.steps++
	m.real += float64(s.Tokens)
	m.balance += float64(total) / max(float64(slowest)*float64(len(s.Ranks)), 1)
	m.slowest += float64(slowest) * float64(len(s.Ranks))
	m.pairs += n * (n - 1)
	m.pairSum += sum*sum - squares
	m.means = append(m.means, sum/max(n, 1))
}

// end closes an epoch: how often did companions of the last one meet again?
func (m *meter) end() {
	m.ac1 += autocorrelation(m.means)
	if m.epochs < 2 {
		return
	}
	total := float64(len(m.stepOf))
	now, last, both := map[int32]float64{}, map[int32]float64{}, map[[2]int32]float64{}
	for i, s := range m.stepOf {
		now[s]++
		last[m.lastStepOf[i]]++
		both[[2]int32{s, m.lastStepOf[i]}]++
	}
	var met, again, before float64
	for _, n := range now {
		met += n * (n - 1)
	}
	for _, n := range last {
		before += n * (n - 1)
	}
	for _, n := range both {
		again += n * (n - 1)
	}
	m.expected += met * before / (total * (total - 1))
	m.observed += again
}

func autocorrelation(x []float64) float64 {
	var mean, variance, product float64
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for i, v := range x {
		variance += (v - mean) * (v - mean)
		if i > 0 {
			product += (v - mean) * (x[i-1] - mean)
		}
	}
	return product / max(variance, math.SmallestNonzeroFloat64)
}

func (m *meter) report() Report {
	return Report{
		Steps:   float64(m.steps) / float64(m.epochs),
		Padding: 1 - m.real/max(m.computed, 1),
		Useful:  m.real / max(m.slowest, 1),
		Balance: m.balance / max(float64(m.steps), 1),
		Rho:     m.pairSum / max(m.pairs*m.variance, math.SmallestNonzeroFloat64),
		C:       m.expected / max(m.observed, 1),
		AC1:     m.ac1 / float64(m.epochs),
		Peak:    m.peak,
		Age:     m.age,
	}
}
