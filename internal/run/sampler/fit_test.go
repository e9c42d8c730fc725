package sampler_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"stoker/internal/run/sampler"
)

// blocks makes a test's report: pairs of blocks whose steps have heavy-tailed
// noise, as on a machine that others use too.
func blocks(r *rand.Rand, pairs int, slope, noise float64) []byte {
	const step, added = 0.1, 0.025
	d := sampler.Delay{State: "done"}
	for range pairs {
		first := r.IntN(2) == 0
		for _, delayed := range []bool{first, !first} {
			b := sampler.Block{Steps: 4, Delayed: delayed}
			for range b.Steps {
				s := step * (1 + noise*r.NormFloat64())
				if r.IntN(200) == 0 {
					s += step * r.ExpFloat64()
				}
				if delayed {
					b.Added = added
					s += slope * added
				}
				b.Seconds += s
			}
			d.Blocks = append(d.Blocks, b)
		}
	}
	raw, _ := json.Marshal(sampler.Report{Version: sampler.Version, PID: 1, Delay: &d})
	return raw
}

// TestSlopeIntervalHolds: the 95 % interval holds the truth as often as it says,
// and 60 steps tell a slope of 0 from one of 1.
func TestSlopeIntervalHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const runs = 200
	for _, slope := range []float64{0, 1} {
		held, apart := 0, 0
		for range runs {
			got, err := sampler.Parse(blocks(r, 7, slope, 0.05)) // 56 steps
			if err != nil {
				t.Fatal(err)
			}
			if d := got.Delay; d.Low <= slope && slope <= d.High {
				held++
			}
			if d := got.Delay; slope == 0 && d.High < 1 || slope == 1 && d.Low > 0 {
				apart++
			}
		}
		t.Logf("slope %g: held %.3f, told from the other %.3f", slope, float64(held)/runs, float64(apart)/runs)
		if share := float64(held) / runs; share < 0.9 {
			t.Errorf("slope %g: the interval held the truth in %.3f of the tests", slope, share)
		}
		if share := float64(apart) / runs; share < 0.93 {
			t.Errorf("slope %g: told from the other in %.3f of the tests", slope, share)
		}
	}
}

func TestSlopeNeedsPairs(t *testing.T) {
	got, err := sampler.Parse(blocks(rand.New(rand.NewPCG(1, 2)), 5, 1, 0))
	if err != nil || got.Delay.Low <= got.Delay.High {
		t.Errorf("%+v, %v", got.Delay, err)
	}
	got, _ = sampler.Parse(blocks(rand.New(rand.NewPCG(1, 2)), 6, 1, 0))
	if d := got.Delay; math.Abs(d.Slope-1) > 0.5 {
		t.Errorf("%+v", d)
	}
}

// TestDataShareInterval: by simulation, over steps that vary.
func TestDataShareInterval(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const runs, share = 1000, 0.3
	held := 0
	for range runs {
		var s sampler.Steps
		for range 200 {
			compute, wait := 0.07*(1+0.1*r.NormFloat64()), 0.03*r.ExpFloat64()
			s.Count++
			s.Seconds.Sum += compute + wait
			s.Wait.Sum += wait
			s.Wait.N++
			s.Recent = append(s.Recent, [2]float64{compute + wait, wait})
		}
		got, ok := s.DataShare()
		if ok && got.Low <= share && share <= got.High {
			held++
		}
	}
	if held < 930 || held > 975 {
		t.Errorf("the interval held the truth in %d of %d", held, runs)
	}
}

// TestFewLooksAtTheTraining: a run that was stopped in its first batch, after late
// looks at its imports, tells nothing about its steps.
func TestFewLooksAtTheTraining(t *testing.T) {
	s := sampler.Stacks{Looks: 158, ByClass: map[string]float64{sampler.Import: 2077, sampler.Working: 192},
		Loop: map[string]float64{sampler.Working: 192}}
	if share, ok := s.DataShare(); ok {
		t.Errorf("13 looks that weigh 192 gave %+v", share)
	}
	s.ByClass[sampler.Import], s.Looks = 20, 212
	if share, ok := s.DataShare(); !ok || share.Low < 0.9 {
		t.Errorf("192 looks gave %+v, %v", share, ok)
	}
	if _, ok := (sampler.Stacks{}).DataShare(); ok {
		t.Error("no looks gave a share")
	}
}
