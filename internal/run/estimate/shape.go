package estimate

import "sort"

// shape is what earlier runs say about the speed along the run: the seconds that
// steps take up to each place, linear between knots. It is built once the number
// of steps is known, since history is kept over equal parts of the run.
type shape struct {
	pos, sec []float64 // increasing; both begin with 0
}

// profileParts is the number of equal parts of a Record's profile.
const profileParts = 50

// newShape makes the shape of a run of total steps in epochs of perEpoch. Where
// an earlier run had as many steps its profile is used as it is; else its cold and
// warm step times for the first and the later epochs.
func newShape(records []Record, total, perEpoch float64) *shape {
	var sum [profileParts]float64
	var runs, cold float64
	for _, r := range records {
		p := r.profileFor(total, perEpoch)
		if p == nil {
			continue
		}
		runs++
		cold += r.ColdStep
		for i := range sum {
			sum[i] += p[i]
		}
	}
	if runs == 0 || total <= 0 {
		return nil
	}
	s := &shape{pos: []float64{0}, sec: []float64{0}}
	part := total / profileParts
	for i := range sum {
		s.add(part*float64(i+1), s.sec[i]+sum[i]/runs*part)
	}
	s.split(perEpoch, cold/runs*perEpoch)
	return s
}

func (s *shape) add(pos, sec float64) { s.pos, s.sec = append(s.pos, pos), append(s.sec, sec) }

// split puts a knot at the end of a cold first epoch that lies inside a part,
// whose mean would else be taken for cold and warm steps alike.
func (s *shape) split(pos, sec float64) {
	i := sort.SearchFloat64s(s.pos, pos)
	if i == 0 || i == len(s.pos) || s.pos[i] == pos || sec <= s.sec[i-1] || sec >= s.sec[i] {
		return
	}
	s.add(0, 0)
	copy(s.pos[i+1:], s.pos[i:])
	copy(s.sec[i+1:], s.sec[i:])
	s.pos[i], s.sec[i] = pos, sec
}

func (r *Record) profileFor(total, perEpoch float64) []float64 {
	if same := float64(r.Steps); len(r.Profile) == profileParts && total > 0.98*same && total < 1.02*same {
		return r.Profile
	}
	if r.WarmStep <= 0 {
		return nil
	}
	p := make([]float64, profileParts)
	for i := range p {
		p[i] = r.WarmStep
		if perEpoch > 0 && r.ColdStep > 0 && (float64(i)+0.5)/profileParts*total < perEpoch {
			p[i] = r.ColdStep
		}
	}
	return p
}

// seconds that history expects for the steps from a to b.
func (s *shape) seconds(a, b float64) float64 { return s.upTo(b) - s.upTo(a) }

// upTo interpolates, and goes on with the first or last part's speed outside.
func (s *shape) upTo(pos float64) float64 {
	i := min(max(sort.SearchFloat64s(s.pos, pos), 1), len(s.pos)-1)
	f := (pos - s.pos[i-1]) / (s.pos[i] - s.pos[i-1])
	return s.sec[i-1] + f*(s.sec[i]-s.sec[i-1])
}
