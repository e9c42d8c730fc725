package progress

import (
	"strings"

	"stoker/internal/run/rx"
)

// Hugging Face Trainer (transformers 4 and 5), accelerate and TRL: dictionaries
// printed by PrinterCallback and ProgressCallback, and the banner of
// Trainer.train. transformers 5 prints the values as strings. The bars are tqdm's.
var huggingFaceFormats = []format{
	pattern("hf_dict", []string{"{'"}, `^\s*(?:.* )?(?P<d>\{'[A-Za-z_/0-9-]+': .*\})\s*$`, readDict),
	pattern("hf_banner", []string{" = ", "\t= "},
		`^(?:.*[\]>|-] *)?\s*(?P<k>Num examples|Num Epochs|Num epochs|Total optimization steps|Continuing training from global step|Continuing training from epoch|total optimization steps / .*|num epochs / num epochs|Gradient Accumulation steps|Instantaneous batch size per device|Total train batch size[^=]*|Number of trainable parameters|Num processes|Num batches (?:each|per) epoch|Num batches per epoch)\s*=?\s*(?P<v>[\d,]+)\s*$`, readBanner),
	pattern("hf_banner", []string{"Continuing training from", "Running Eval", "Running Predict", "Running training", "Training completed", "running training"},
		`(?P<k>Continuing training from global step|Continuing training from epoch|Running Evaluation|Running Prediction|Running training|Training completed|running training)(?: (?P<v>\d+))?`, readHFNews),
}

var dictEntry = rx.New(`'([A-Za-z_/0-9-]+)': *'?([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf|-inf)\b`)

func readDict(g groups, c *context) (Event, bool) {
	d := g.str("d")
	e := Event{Kind: Metric}
	known := false
	for _, m := range dictEntry().FindAllStringSubmatch(d, 48) {
		switch m[1] {
		case "epoch":
			e.EpochPart, _ = number(m[2])
			known = true
		case "step", "global_step":
			e.Step = count(m[2])
		case "train_runtime":
			e.Kind, known = End, true
		case "loss", "eval_loss", "train_loss", "learning_rate", "grad_norm":
			known = true
			e.addMetric(m[1], m[2])
		default:
			e.addMetric(m[1], m[2])
		}
	}
	if e.Kind == End {
		delete(e.Metrics, "loss") // the mean over the run, not the last one
	}
	if strings.Contains(d, "'eval_runtime'") || strings.Contains(d, "'eval_loss'") {
		e.Phase = Validation
	}
	return e, known
}

func readBanner(g groups, c *context) (Event, bool) {
	e := Event{Kind: Banner}
	switch k := lower(g.str("k")); {
	case k == "num epochs" || strings.HasPrefix(k, "num epochs /"):
		e.Epochs = g.int("v")
	case k == "total optimization steps" || strings.HasPrefix(k, "total optimization steps /"):
		e.Steps, e.Scope = g.count("v"), ScopeRun
	}
	return e, true
}

func readHFNews(g groups, c *context) (Event, bool) {
	switch g.str("k") {
	case "Running Evaluation":
		return Event{Kind: Phase, Phase: Validation}, true
	case "Running Prediction":
		return Event{Kind: Phase, Phase: Test}, true
	case "Running training", "running training":
		return Event{Kind: Phase, Phase: Start}, true
	case "Training completed":
		return Event{Kind: End}, true
	}
	return Event{Kind: Banner, Text: "resumed from " + g.str("v")}, true
}
