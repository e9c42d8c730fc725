package estimate

// shape is what earlier runs say about the speed along the run: seconds per step
// at each place. It is built once the number of steps is known, since history is
// kept over equal parts of the run.
type shape struct {
	total float64
	cum   []float64 // seconds up to the end of each part; cum[0] = 0
}

// profileParts is the number of equal parts of a Record's profile.
const profileParts = 50

// newShape makes the shape of a run of total steps in epochs of perEpoch. Where
// an earlier run had as many steps its profile is used as it is; else its cold and
// warm step times for the first and the later epochs.
func newShape(records []Record, total, perEpoch float64) *shape {
	var sum [profileParts]float64
	runs := 0.0
	for _, r := range records {
		p := r.profileFor(total, perEpoch)
		if p == nil {
			continue
		}
		runs++
		for i := range sum {
			sum[i] += p[i]
		}
	}
	if runs == 0 || total <= 0 {
		return nil
	}
	s := &shape{total: total, cum: make([]float64, profileParts+1)}
	for i := range sum {
		s.cum[i+1] = s.cum[i] + sum[i]/runs*total/profileParts
	}
	return s
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

func (s *shape) upTo(pos float64) float64 {
	f := pos / s.total * profileParts
	switch {
	case f <= 0:
		return f * s.cum[1]
	case f >= profileParts:
		return s.cum[profileParts] + (f-profileParts)*(s.cum[profileParts]-s.cum[profileParts-1])
	}
	i := int(f)
	return s.cum[i] + (f-float64(i))*(s.cum[i+1]-s.cum[i])
}
