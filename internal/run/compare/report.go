package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"stoker/internal/errs"
	"stoker/internal/run/history"
	"stoker/internal/run/past"
)

// Options of a comparison.
type Options struct {
	Anyway   bool  // say how much faster also where the job differs
	Goal     *Goal // nil: none
	Currency string
}

// Speedup is how a run does beside the first one.
type Speedup struct {
	Label      string          `json:"label"`
	Measure    past.Measure    `json:"measure,omitempty"`
	Ratio      float64         `json:"ratio"`         // of the first one's time to this one's: 2 is twice as fast
	Low        float64         `json:"low,omitempty"` // 95 %, where earlier runs tell the noise
	High       float64         `json:"high,omitempty"`
	Difference past.Difference `json:"difference,omitempty"`
	Noise      string          `json:"noise,omitempty"`
	Sentence   string          `json:"sentence"`
}

// Report is a comparison. The first run is what the others are compared with.
type Report struct {
	Currency string    `json:"currency"`
	Goal     string    `json:"goal,omitempty"`
	Sides    []Side    `json:"runs"`
	Facts    []Fact    `json:"facts"`
	Job      State     `json:"job"` // Same: proved by all facts; Unknown: none differs, some are missing
	Proof    string    `json:"proof"`
	Speedups []Speedup `json:"speedups"`
	Notes    []string  `json:"notes,omitempty"`

	goal *Goal
}

// Compare needs at least two runs, else errs.Invalid.
func Compare(in []Input, o Options) (Report, error) {
	if len(in) < 2 {
		return Report{}, errs.New(errs.Invalid, "a comparison needs two runs or more").WithHint("stoker compare RUN RUN; stoker ps lists runs")
	}
	seen := map[string]bool{}
	for _, one := range in {
		if seen[one.Run.UID] {
			return Report{}, errs.New(errs.Invalid, "run %s is given twice", label(one.Run)).WithHint("names mean the newest run of that name; stoker ps shows ids")
		}
		seen[one.Run.UID] = true
	}
	r := Report{Currency: o.Currency, goal: o.Goal}
	runs := make([]history.Run, len(in))
	for i, one := range in {
		runs[i] = one.Run
		s := newSide(one)
		if o.Goal != nil {
			s.reach(*o.Goal)
			r.Goal = o.Goal.String()
		}
		r.Sides = append(r.Sides, s)
	}
	distinguish(r.Sides)
	r.Facts = facts(runs)
	r.Job, r.Proof = judge(r.Facts)
	for i := range in[1:] {
		r.Speedups = append(r.Speedups, r.speedup(runs, i+1, o.Anyway))
	}
	r.Notes = r.notes()
	return r, nil
}

// distinguish adds ids to labels that several runs share.
func distinguish(sides []Side) {
	count := map[string]int{}
	for _, s := range sides {
		count[s.Label]++
	}
	for i, s := range sides {
		if count[s.Label] > 1 && s.run.ID != s.Label {
			sides[i].Label += " " + s.run.ID
		}
	}
}

// judge says whether the facts prove the same job.
func judge(facts []Fact) (State, string) {
	var differ, missing, agree []string
	for _, f := range facts {
		switch {
		case !f.Job:
		case f.State == Differs:
			differ = append(differ, f.Name)
		case f.State == Unknown:
			missing = append(missing, f.Name)
		case strings.Contains(f.Values[0], "uncommitted"):
			missing = append(missing, "uncommitted changes")
		default:
			agree = append(agree, f.Name)
		}
	}
	switch {
	case len(differ) > 0:
		return Differs, "Not the same job: " + list(differ) + " " + verb(differ, "differs", "differ") + "."
	case len(agree) == 0:
		return Unknown, "Nothing that is recorded tells whether it is the same job: " + list(missing) + "."
	case len(missing) > 0:
		return Unknown, fmt.Sprintf("The same job as far as recorded: %s %s; %s %s not known for all.",
			list(agree), verb(agree, "agrees", "agree"), list(missing), verb(missing, "is", "are"))
	}
	return Same, "The same job: " + list(agree) + " agree."
}

func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func verb(words []string, one, many string) string {
	if len(words) == 1 {
		return one
	}
	return many
}

// speedup compares the run i with the first.
func (r *Report) speedup(runs []history.Run, i int, anyway bool) Speedup {
	a, b := r.Sides[0], r.Sides[i]
	u := Speedup{Label: b.Label}
	pair := facts([]history.Run{runs[0], runs[i]})
	if job, proof := judge(pair); job == Differs && !anyway {
		u.Sentence = fmt.Sprintf("%s and %s are not compared: %s --anyway does.", a.Label, b.Label, strings.TrimPrefix(proof, "Not the same job: "))
		return u
	}
	u.Measure = past.Best(runs[0], runs[i])
	if stepsDiffer(pair) && a.Samples > 0 && b.Samples > 0 { // --anyway: what is left is the work itself
		u.Measure, u.Ratio = past.Step, b.Samples/a.Samples
	} else if u.Measure != "" {
		x, _ := past.Seconds(runs[0], u.Measure)
		y, _ := past.Seconds(runs[i], u.Measure)
		u.Ratio = x / y
	}
	if u.Ratio == 0 {
		u.Sentence = fmt.Sprintf("Nothing was measured of both %s and %s that could be compared.", a.Label, b.Label)
		return u
	}
	gate := past.NewGate(noise(a, b, u.Measure), 1, 1)
	u.Difference, u.Noise = gate.Judge(u.Ratio), gate.String()
	if gate.Runs > 0 {
		u.Low, u.High = u.Ratio*math.Exp(-gate.Sure), u.Ratio*math.Exp(gate.Sure)
	}
	u.Sentence = r.sentence(u, a, b)
	return u
}

// noise is how much runs of the work of a and b differ by themselves. Two runs of
// the same command are what is compared, so neither tells the noise.
func noise(a, b Side, m past.Measure) past.Spread {
	if a.run.CommandKey != b.run.CommandKey || a.run.MachineKey != b.run.MachineKey {
		return past.Pool(past.SpreadOf(a.earlier, m), past.SpreadOf(b.earlier, m))
	}
	others := slices.DeleteFunc(slices.Clone(a.earlier), func(r history.Run) bool { return r.UID == a.UID || r.UID == b.UID })
	return past.SpreadOf(others, m)
}

func stepsDiffer(facts []Fact) bool {
	return slices.ContainsFunc(facts, func(f Fact) bool {
		return f.State == Differs && (f.Name == "batch size" || f.Name == "steps an epoch")
	})
}

func (r *Report) sentence(u Speedup, a, b Side) string {
	fast, slow, ratio := b, a, u.Ratio
	low, high := u.Low, u.High
	if ratio < 1 {
		fast, slow, ratio = a, b, 1/ratio
		if low > 0 {
			low, high = 1/u.High, 1/u.Low
		}
	}
	what := map[past.Measure]string{past.Epoch: "an epoch", past.Step: "a step", past.Whole: "the run"}[u.Measure]
	if u.Difference == past.None {
		return fmt.Sprintf("No difference beyond noise between %s and %s: %s differs by %s.", a.Label, b.Label, what, percent(ratio-1))
	}
	text := fmt.Sprintf("%s is %s times as fast as %s", fast.Label, times(ratio), slow.Label)
	if low > 0 {
		text += fmt.Sprintf(" (%s to %s)", times(low), times(high))
	}
	if u.Difference == past.Perhaps {
		text = fmt.Sprintf("Perhaps %s, but single runs differ by as much", text)
	}
	x, okX := past.Seconds(fast.run, u.Measure)
	y, okY := past.Seconds(slow.run, u.Measure)
	if okX && okY {
		text += fmt.Sprintf(": %s takes %s instead of %s", what, Span(x), Span(y))
	}
	if fast.Total.Value > 0 && slow.Total.Value > 0 && fast.Epochs == slow.Epochs && u.Measure != past.Whole {
		text += fmt.Sprintf(", the run %s instead of %s", total(fast.Total), total(slow.Total))
	}
	return text + "."
}

func total(a Amount) string {
	if a.Measured {
		return longSpan(a.Value)
	}
	return longSpan(a.Value) + " (projected)"
}

// The shares of the step from which a wait for data matters, and up to which it
// does not; see package why.
const matters, little = 0.10, 0.05

// fewSteps is below how many timed steps it is said that there are few.
const fewSteps = 20

// notes says what the figures mean for the data.
func (r *Report) notes() (out []string) {
	for _, fast := range r.Sides {
		if fast.DataWait < matters || fast.Step == 0 {
			continue
		}
		for _, slow := range r.Sides {
			if slow.DataWait < 0 || slow.DataWait > little || slow.Step <= 1.1*fast.Step {
				continue
			}
			bound := slow.Step * (1 - slow.DataWait) / (fast.Step * (1 - fast.DataWait))
			out = append(out, fmt.Sprintf("The input pipeline keeps up with %s, but on %s the step waits %s of its time for data: "+
				"a pipeline that suffices for slow computing starves fast computing. Without the wait it would be %s times as fast, not %s.",
				slow.Label, fast.Label, percent(fast.DataWait), times(bound), times(slow.Step/fast.Step)))
		}
	}
	if len(out) == 0 {
		if i := r.untested(); i >= 0 {
			out = append(out, fmt.Sprintf("%s waits for data %s of a step: a machine that only computes faster can make the other %s shorter, no more.",
				r.Sides[i].Label, percent(r.Sides[i].DataWait), percent(1-r.Sides[i].DataWait)))
		}
	}
	var printed []string
	for _, s := range r.Sides {
		if t := s.run.Timing; t != nil && t.Steps > 0 && t.Steps < fewSteps {
			out = append(out, fmt.Sprintf("Of %s %d steps were timed: too few to rely on.", s.Label, t.Steps))
		}
		if s.Source == "printed" {
			printed = append(printed, s.Label)
		}
	}
	if len(printed) > 0 {
		out = append(out, "Known from a saved log: "+list(printed)+". Times are as coarse as they were printed, and leave out what lies before the first epoch.")
	}
	return out
}

// untested is the one run that tells its wait for data beside others that do not.
func (r *Report) untested() int {
	told := -1
	for i, s := range r.Sides {
		if s.DataWait >= 0 {
			if told >= 0 {
				return -1
			}
			told = i
		}
	}
	return told
}
