package estimate_test

import "math"

// The estimates of other tools, written anew from their documented rules, for the
// remaining time of the whole run. All see the exact time of every step.

// rival returns its forecast of the remaining seconds after step n of the trace.
type rival struct {
	name string
	left func(tr trace, n int) float64
}

var rivals = []rival{
	{"tqdm (smoothed rate)", tqdmEMA},
	{"tqdm (smoothing=0)", tqdmMean},
	{"Keras x epochs", kerasEpochs},
	{"Lightning x epochs", lightningEpochs},
	{"rich (30 s window)", richWindow},
	{"median of 1000 steps", medianSteps},
}

// firstStep is the first step that this run did.
func firstStep(tr trace) int {
	for i := 1; i < len(tr.times); i++ {
		if !math.IsNaN(tr.times[i]) {
			return i
		}
	}
	return len(tr.times)
}

// tqdmEMA is tqdm's default: an exponential moving average with alpha 0.3 and
// bias correction over prints at least 0.1 s apart.
func tqdmEMA(tr trace, n int) float64 {
	const alpha, interval = 0.3, 0.1
	f := firstStep(tr)
	beta, dnAvg, dtAvg := 1.0, 0.0, 0.0
	lastN, lastT := f, tr.times[f]
	for i := f + 1; i <= n; i++ {
		if dt := tr.times[i] - lastT; dt >= interval {
			beta *= 1 - alpha
			dnAvg = alpha*float64(i-lastN) + (1-alpha)*dnAvg
			dtAvg = alpha*dt + (1-alpha)*dtAvg
			lastN, lastT = i, tr.times[i]
		}
	}
	if dnAvg == 0 {
		return math.NaN()
	}
	return (tr.steps - float64(n)) * dtAvg / dnAvg
}

// tqdmMean is tqdm without smoothing: elapsed over steps, from the bar's start.
func tqdmMean(tr trace, n int) float64 {
	f := firstStep(tr)
	start := tr.events[0].Time.Sub(begin).Seconds()
	return (tr.steps - float64(n)) * (tr.times[n] - start) / float64(n-f+1)
}

// kerasEpochs is Keras' progress bar: the mean of this epoch's steps after its
// first, taken over all steps left.
func kerasEpochs(tr trace, n int) float64 {
	f := max((n-1)/tr.per*tr.per+1, firstStep(tr))
	if n == f { // on the first step of an epoch it shows the time of that step
		f = max(f-tr.per, firstStep(tr))
		if n == f {
			return math.NaN()
		}
	}
	return (tr.steps - float64(n)) * (tr.times[n] - tr.times[f]) / float64(n-f)
}

// lightningEpochs is Lightning's training bar: elapsed over steps of this epoch,
// from the epoch's first draw, which comes right after the validation.
func lightningEpochs(tr trace, n int) float64 {
	start := (n - 1) / tr.per * tr.per
	f := firstStep(tr)
	if start < f {
		return tqdmMean(tr, n)
	}
	begun := tr.times[start+1] - (tr.times[start+2] - tr.times[start+1])
	return (tr.steps - float64(n)) * (tr.times[n] - begun) / float64(n-start)
}

func richWindow(tr trace, n int) float64 {
	f := firstStep(tr)
	i := n
	for i > f && tr.times[n]-tr.times[i-1] <= 30 && n-i < 1000 {
		i--
	}
	if i == n {
		return math.NaN()
	}
	return (tr.steps - float64(n)) * (tr.times[n] - tr.times[i]) / float64(n-i)
}

func medianSteps(tr trace, n int) float64 {
	f := firstStep(tr)
	var d []float64
	for i := max(f+1, n-999); i <= n; i++ {
		d = append(d, tr.times[i]-tr.times[i-1])
	}
	if len(d) == 0 {
		return math.NaN()
	}
	return (tr.steps - float64(n)) * medianOf(d)
}
