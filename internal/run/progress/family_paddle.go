package progress

import "stoker/internal/run/rx"

// PaddlePaddle: PaddleSeg, PaddleClas, PaddleDetection, PaddleOCR and the
// models. reader_cost is the data time.
var paddleFormats = []format{
	pattern("paddle", []string{"batch_cost", "reader_cost"},
		`(?P<post>.*(?:reader_cost|batch_cost):? .*)`, readPaddle),
	pattern("paddle_eval", []string{"[EVAL]", "[Eval]"}, `\[E(?:VAL|val)\](?P<post>.*)`, readPaddleEval),
}

var (
	paddleEpoch = rx.New(`(?i)epoch: ?\[?(\d+)(?:/(\d+))?\]?`)
	paddleIter  = rx.New(`(?i)\b(?:iter|batch_id|global_step|step): ?\[?\s*(\d+)(?:/(\d+))?\]?|\]\s*\[\s*(\d+)/(\d+)\]`)
)

func readPaddle(g groups, c *context) (Event, bool) {
	post := g.str("post")
	e := Event{Kind: Step, Phase: Train, Unit: "it", Bar: "iter"}
	if m := paddleEpoch().FindStringSubmatch(post); m != nil {
		e.Epoch, e.Epochs = c.epochNumber("paddle", int(count(m[1]))), c.epochTotal("paddle", int(count(m[2])))
	}
	m := paddleIter().FindStringSubmatch(post)
	if m == nil {
		if e.Epoch == 0 {
			return e, false
		}
		e.Kind = Epoch
	} else {
		e.Step, e.Steps = count(m[1]+m[3]), count(m[2]+m[4])
	}
	if e.Scope = ScopeEpoch; e.Steps > 0 && m[4] == "" && regexIterOfRun().MatchString(post) {
		e.Scope = ScopeRun // PaddleSeg's iter runs through the whole run
	}
	e.addPairs(post)
	return e, true
}

var regexIterOfRun = rx.New(`\biter: \d+/`)

func readPaddleEval(g groups, c *context) (Event, bool) {
	e := Event{Kind: Metric, Phase: Validation}
	e.addPairs(g.str("post"))
	return e, true
}
