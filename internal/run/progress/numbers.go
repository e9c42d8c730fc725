package progress

import (
	"math"
	"strconv"
	"strings"
)

// siFactor maps the suffixes of tqdm's unit_scale, pip, curl and wget.
var siFactor = map[byte]float64{'k': 1e3, 'K': 1e3, 'M': 1e6, 'G': 1e9, 'T': 1e12, 'P': 1e15, 'E': 1e18, 'Z': 1e21, 'Y': 1e24}

// count reads a counter: digits with thousands separators, or a scaled number
// such as 63.3G. Values that do not fit become the largest int64; 0 if none.
func count(s string) int64 {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return max(n, 0)
	}
	f, ok := number(s)
	if !ok || f < 0 {
		return 0
	}
	if f >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(math.Round(f))
}

// number reads a number with optional thousands separators and SI suffix. It
// reports false for text; NaN and infinities are numbers here.
func number(s string) (float64, bool) {
	s = strings.Trim(strings.TrimSpace(s), "'\"")
	if s == "" {
		return 0, false
	}
	scale := 1.0
	if f, ok := siFactor[s[len(s)-1]]; ok && len(s) > 1 {
		scale, s = f, strings.TrimSuffix(s[:len(s)-1], "i")
	}
	if strings.IndexByte(s, ',') >= 0 {
		s = strings.ReplaceAll(s, ",", "")
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f * scale, true
}

// metricNames maps what frameworks call a thing to our name for it.
var metricNames = map[string]string{
	"loss": "loss", "train_loss": "loss", "train/loss": "loss", "total_loss": "loss", "avr_loss": "loss", "lm loss": "loss",
	"loss/loss": "loss", "train_loss_step": "loss", "step_loss": "loss", "avg_loss": "loss", "avg loss": "loss",
	"training loss": "loss", "train loss": "loss", "tr_loss": "loss", "trainloss": "loss",
	"lr": "lr", "learning_rate": "lr", "learning rate": "lr", "lr_step": "lr",
	"val_loss": "val_loss", "eval_loss": "val_loss", "valid_loss": "val_loss", "val loss": "val_loss", "val/loss": "val_loss",
	"valid loss": "val_loss", "validation loss": "val_loss", "validation_loss": "val_loss", "test loss": "val_loss",
	"data_time": "data_time", "data": "data_time", "reader_cost": "data_time", "avg_reader_cost": "data_time", "data_cost": "data_time",
	"time": "step_time", "batch_cost": "step_time", "avg_batch_cost": "step_time", "iter_time": "step_time", "step_time": "step_time",
	"accuracy": "accuracy", "acc": "accuracy", "val_accuracy": "val_accuracy", "val_acc": "val_accuracy",
}

// maxMetrics bounds the metrics of one event; further ones are dropped.
const maxMetrics = 16

// addMetric stores value under the canonical name. Values that are not numbers
// are ignored; non-finite ones are kept for losses only.
func (e *Event) addMetric(name, value string) {
	f, ok := number(value)
	if !ok {
		return
	}
	e.setMetric(name, f)
}

func (e *Event) setMetric(name string, f float64) {
	name = lower(strings.TrimSpace(name))
	if c, ok := metricNames[name]; ok {
		name = c
	}
	if name == "" || len(name) > 40 || (math.IsNaN(f) || math.IsInf(f, 0)) && !strings.Contains(name, "loss") {
		return
	}
	if e.Metrics == nil {
		e.Metrics = Metrics{}
	}
	if len(e.Metrics) < maxMetrics {
		if _, dup := e.Metrics[name]; !dup {
			e.Metrics[name] = f
		}
	}
}

// phaseOf names the phase that a word or a bar's description tells, or "".
func phaseOf(s string) string {
	s = lower(s)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(s, w) {
				return true
			}
		}
		return false
	}
	switch {
	case s == "":
		return ""
	case has("skipping the first", "skipping batches", "fast-forward", "fast forward"):
		return Resume
	case has("valid", "evalu", "sanity check", "map50", "map@") || hasWord(s, "val") || hasWord(s, "eval") || hasWord(s, "dev"):
		return Validation
	case has("predicting", "inference") || hasWord(s, "test") || hasWord(s, "testing"):
		return Test
	case has("loading", "download", "fetching", "tokeniz", "generating train", "extract", "preprocess", "caching", "scanning", "map (", "filter (",
		"casting", "grouping texts", "cache latents", "caching latents") || hasWord(s, "map") || hasWord(s, "filter"):
		return Start
	case has("saving", "checkpoint", "uploading", "writing model"):
		return Saving
	case has("train", "epoch", "step", "iter", "update"):
		return Train
	}
	return ""
}

// hasWord reports whether s contains w with no letter or digit on either side.
func hasWord(s, w string) bool {
	for from := 0; ; {
		i := strings.Index(s[from:], w)
		if i < 0 {
			return false
		}
		i += from
		j := i + len(w)
		if (i == 0 || !isWordByte(s[i-1])) && (j == len(s) || !isWordByte(s[j])) {
			return true
		}
		from = i + 1
	}
}

func isWordByte(c byte) bool { return isLetter(c) || isDigit(c) }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
