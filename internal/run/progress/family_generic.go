package progress

import (
	"strings"

	"stoker/internal/run/rx"
)

// Lines that say what they count in plain words, whoever wrote them: "step
// 15/1000", "[Step 40] loss=0.0", "Epoch: 3/10, loss 0.2", "epoch 3, batch 20 of
// 400".
var genericFormats = []format{
	{id: "generic", needs: []string{"tep", "TEP", "ter", "TER", "poch", "POCH", "atch", "ATCH", "pdate", "ound", "pisode", "it "}, take: takeGeneric},
	pattern("fraction", []string{"/", " of "}, `(?:^|[\s\[(])(?P<n>\d+) ?(?:/|of) ?(?P<total>\d{2,})(?:[\s\]):,.]|$)`, readAnyFraction),
	pattern("percent", []string{"%"}, `(?:^|\s|\()(?P<pct>\d{1,3})(?:\.(?P<dec>\d+))? ?%(?:\s|\)|$|,|\.\.\.|\]|\|)`, readAnyPercent),
}

var (
	genericCounter = rx.New(`(?i)\b(global[_ ]?step|training step|step|iteration|iter|it|batch|update|episode|round|timestep)s?\b\s*[:=#]?\s*[\[(]?\s*(\d[\d,]*)(?:\s*(?:/|of)\s*(\d[\d,]*))?`)
	genericEpoch   = rx.New(`(?i)\bepochs?\b\s*[:=#]?\s*[\[(]?\s*(\d+)(?:\s*(?:/|of)\s*(\d+))?(?:[\]):,|\s\-]|$)`)
	afterEpoch     = rx.New(`^\s*[\])|,:\-]*\s*[\[(]?\s*(\d+)\s*(?:/|of)\s*(\d+)`)
)

// takeGeneric reads a counter with its name. An epoch and a step on one line
// make an epoch's step; an epoch alone is a line for the epoch.
func takeGeneric(line string, c *context) (Event, string, bool) {
	e := Event{Kind: Step, Source: "generic", Phase: genericPhase(line)}
	rest := line
	if m := genericEpoch().FindStringSubmatchIndex(line); m != nil {
		e.Epoch = c.epochNumber("generic", int(min(count(line[m[2]:m[3]]), 1<<30)))
		if m[4] >= 0 {
			e.Epochs = c.epochTotal("generic", int(min(count(line[m[4]:m[5]]), 1<<30)))
		}
		e.Bar = "epoch"
		rest = line[m[1]:]
		if f := afterEpoch().FindStringSubmatch(rest); f != nil { // "Epoch [1/5] [20/400]"
			e.Step, e.Steps, e.Scope = count(f[1]), count(f[2]), ScopeEpoch
			e.addPairs(rest)
			return e, "", e.Step <= e.Steps
		}
	}
	m := genericCounter().FindStringSubmatch(line)
	switch {
	case m != nil:
		e.Step, e.Steps = count(m[2]), count(m[3])
		e.Bar += lower(m[1])
		if e.Epoch > 0 && !strings.HasPrefix(lower(m[1]), "global") {
			e.Scope = ScopeEpoch
		}
		if e.Steps > 0 && e.Step > e.Steps {
			return e, "", false
		}
	case e.Epoch > 0:
		e.Kind = Epoch
		e.Done = strings.Contains(rest, "oss") // a line with a loss is the epoch's summary
	default:
		return e, "", false
	}
	e.addPairs(line)
	if e.Epoch == 0 && e.Steps == 0 && len(e.Metrics) == 0 && !strings.HasPrefix(lower(strings.TrimLeft(line, " [(")), lower(m[1])) {
		return e, "", false // a number after the word "step" in the middle of prose
	}
	return e, "", true
}

func genericPhase(line string) string {
	p := phaseOf(line[:min(len(line), 60)])
	switch p {
	case Validation, Test:
		l := lower(line)
		if strings.Contains(l, "train") { // one line with both: "train loss 0.1 val loss 0.2"
			return Train
		}
		if i := strings.Index(l, "val"); i > 0 && genericCounter().MatchString(line[:i]) {
			return Train
		}
		return p
	case Start, Saving:
		return p
	}
	return Train
}

func readAnyPercent(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("pct"), Steps: 100, Unit: "%", Guess: true, Bar: "percent"}
	if c.sure || e.Step > 100 {
		return e, false
	}
	return e, true
}

func readAnyFraction(g groups, c *context) (Event, bool) {
	e := Event{Kind: Step, Step: g.count("n"), Steps: g.count("total"), Guess: true, Bar: "fraction"}
	if c.sure || e.Step > e.Steps {
		return e, false
	}
	return e, true
}
