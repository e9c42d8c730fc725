package why

import (
	"fmt"
	"strings"

	"stoker/internal/run/bar"
	"stoker/internal/run/progress"
	"stoker/internal/run/sampler"
)

// sentence is the answer.
func (c *caseOf) sentence() string {
	d := c.d
	waits := "waits for data"
	if c.e.Over {
		waits = "waited for data"
	}
	r := Rung{Share: d.Share, Low: d.Low, High: d.High}
	measured := fmt.Sprintf("%s %s of each step", waits, plusMinus(r))
	if d.Share < 0 {
		measured = waits + ", how much was not measured"
	}
	if cost := c.cost(d.Share); cost != "" {
		measured += ": " + cost
	}
	var parts []string
	switch d.Verdict {
	case Data, Borderline:
		parts = []string{measured}
		if d.Verdict == Borderline {
			parts = []string{"borderline: " + measured}
		}
		if text := c.limitText(); text != "" {
			parts = append(parts, text+" is the limit")
		}
	case Compute:
		parts = c.computeSentence(measured)
	default:
		parts = []string{"cannot tell whether it waits for data: " + c.unknown()}
	}
	return strings.Join(parts, "; ")
}

func (c *caseOf) computeSentence(measured string) []string {
	parts := []string{"compute-bound: " + measured}
	if c.d.Share < 0 {
		parts[0] = "compute-bound: batches lie ready when the step asks for them"
	}
	if c.d.Limit == LimitPython {
		return append(parts, "the script's own Python is the limit, not the data")
	}
	return append(parts, "leave the data alone")
}

// cost says what a share of the steps amounts to: "at most 1 h 52 of the remaining 6 h 04".
func (c *caseOf) cost(part float64) string {
	all := c.remaining()
	part *= c.stepping()
	if all <= 0 || part < 0 {
		return ""
	}
	most := "at most " + bar.Duration(part)
	if part < 0.5 {
		most = "less than 1 s"
	}
	switch {
	case c.e.Over:
		return fmt.Sprintf("%s of its %s", most, bar.Duration(all))
	case c.e.Status.EpochOnly:
		return fmt.Sprintf("%s of the remaining %s of this epoch", most, bar.Duration(all))
	}
	return fmt.Sprintf("%s of the remaining %s", most, bar.Duration(all))
}

// limitText names the limit with its place.
func (c *caseOf) limitText() string {
	name := limitNames[c.d.Limit]
	if c.d.Limit == LimitDecode {
		name = c.decoded() + name
	}
	if strings.Contains(name, "%s") {
		name = fmt.Sprintf(name, c.where())
	}
	return name
}

// where says who prepares the data, as it stands in a sentence; "" unknown.
func (c *caseOf) where() string {
	switch {
	case c.inThreads():
		return " in the loader's threads"
	case c.inWorkers:
		return " in the workers"
	case c.loader != nil || len(c.parts) > 0:
		return " in the main thread"
	}
	return ""
}

// decoded says what is decoded, where the functions seen at work tell.
func (c *caseOf) decoded() string {
	for _, r := range c.e.Reports {
		for _, f := range r.Stacks.Top {
			text := strings.ToLower(f.Module + "." + f.Function)
			switch {
			case strings.Contains(text, "jpeg"):
				return "JPEG "
			case strings.HasPrefix(text, "pil") || strings.HasPrefix(text, "cv2"):
				return "image "
			}
		}
	}
	return ""
}

// unknown says why nothing can be told and what would tell.
func (c *caseOf) unknown() string {
	command := "start it with `stoker run -- ...`: its sampler tells"
	switch {
	case c.main != nil && c.loader != nil:
		command = "let it take more steps"
	case c.main != nil:
		command = "its loader is none that the sampler knows; data_time and step_time in the lines that it prints would tell"
	}
	switch {
	case c.e.Status != nil && c.e.Status.Phase == progress.Start && !c.e.Over:
		return "no step was seen yet, neither in what it prints nor by the sampler; ask again once it trains"
	case !c.accounted && len(c.d.Rungs) == 0:
		return "nothing was seen of its steps; " + command
	case c.accounted && !c.facts.gpu && c.facts.Process.Idle >= dataShare:
		return fmt.Sprintf("the training process does nothing %s of the time, but what it waits for the kernel does not say; %s",
			percent(c.facts.Process.Idle), command)
	case c.accounted:
		return "its main thread runs, and computes or prepares data; " + command
	}
	return "too few steps were seen; " + command
}

// evidence lists what the rungs say, the deciding one first, and whether the others
// agree.
func (c *caseOf) evidence(said *Rung) []string {
	lines := []string{}
	if said != nil {
		lines = append(lines, said.Text)
	}
	for i := range c.d.Rungs {
		r := &c.d.Rungs[i]
		if said != nil && r.Name == said.Name {
			continue
		}
		lines = append(lines, r.Text+agreement(r, said))
	}
	if len(c.parts) > 0 && c.d.Verdict != Compute && !c.inThreads() {
		lines = append(lines, "of the work on samples"+c.where()+": "+shares(c.parts))
	}
	if c.d.Verdict == Unknown {
		lines = append(lines, c.whereabouts()...)
	}
	return append(lines, c.notes()...)
}

func agreement(r, said *Rung) string {
	switch {
	case said == nil || r.Verdict == Unknown || said.Verdict == Unknown:
		return ""
	case contradicts(r, said):
		return " (disagrees)"
	case r.Share >= 0 && said.Share >= 0 && (r.Low > said.High+0.05 || r.High < said.Low-0.05):
		return fmt.Sprintf(" (differs: %s)", plusMinus(*r))
	}
	return " (agrees)"
}

// whereabouts says in which functions the looks found the main thread most often.
func (c *caseOf) whereabouts() []string {
	for _, r := range c.e.Reports {
		var sum float64
		for _, f := range r.Stacks.Top {
			sum += f.Weight
		}
		if r.Role == sampler.RoleWorker || r.PID != c.facts.accountPID() || sum <= 0 {
			continue
		}
		var text []string
		for _, f := range r.Stacks.Top[:min(len(r.Stacks.Top), 3)] {
			text = append(text, fmt.Sprintf("%s (%s:%d) %s", f.Function, f.Module, f.Line, percent(f.Weight/sum)))
		}
		return []string{"looks found its main thread in " + strings.Join(text, ", ")}
	}
	return nil
}

// shares lists parts, largest first: "decode 71 %, augment 20 %, read 9 %".
func shares(parts map[string]float64) string {
	var text []string
	for _, n := range bySize(parts) {
		if parts[n] >= 0.02 {
			text = append(text, n+" "+percent(parts[n]))
		}
	}
	return strings.Join(text, ", ")
}

// notes are facts that change what should be done.
func (c *caseOf) notes() []string {
	var list []string
	if c.accounted && c.facts.Main.Queued > 0.05 {
		list = append(list, fmt.Sprintf("the main thread was ready but found no free core %s of the time", percent(c.facts.Main.Queued)))
	}
	for _, r := range c.e.Reports {
		if r.Off != "" && r.Role == sampler.RoleMain {
			list = append(list, "the sampler switched itself off: "+r.Off)
		}
	}
	if c.accounted && c.facts.Hidden {
		list = append(list, "how much is read may not be seen: it is someone else's process")
	}
	return list
}
