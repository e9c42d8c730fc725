package savedlog

import (
	"strconv"
	"strings"

	"stoker/internal/run/rx"
)

var (
	control = rx.New("\x1b\\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f]")
	// Keras: "119s 5ms/step", "119s - 5ms/step", "- 119s 5ms/step".
	kerasTimes = rx.New(`(?:^|[ -])(\d+)s(?: -)?(?: (\d+)(s|ms|us)/(?:step|sample|epoch))?(?: |$)`)
	// tqdm: "100/100 [01:02<00:00, 1.6it/s]".
	tqdmTime = rx.New(`\[((?:\d+ days?, )?(?:\d+:)?\d+:\d\d)<`)
	// Hugging Face: "'train_runtime': 123.4".
	trainRuntime = rx.New(`['"]?train_runtime['"]?\s*[:=]\s*['"]?([0-9.]+(?:e[+-]?\d+)?)`)
)

var units = map[string]float64{"s": 1, "ms": 1e-3, "us": 1e-6}

// printed reads the elapsed seconds of a full bar, and the seconds per step
// beside them; 0 where they are not told.
func printed(line string) (took, perStep float64) {
	if m := tqdmTime().FindStringSubmatch(line); m != nil {
		return clock(m[1]), 0
	}
	m := kerasTimes().FindStringSubmatch(line)
	if m == nil {
		return 0, 0
	}
	took, _ = strconv.ParseFloat(m[1], 64)
	if m[2] != "" {
		perStep, _ = strconv.ParseFloat(m[2], 64)
		perStep *= units[m[3]]
	}
	return took, perStep
}

// clock reads "1:02:03" and "2 days, 1:02:03".
func clock(text string) (seconds float64) {
	if days, rest, ok := strings.Cut(text, " day"); ok {
		n, _ := strconv.ParseFloat(days, 64)
		_, text, _ = strings.Cut(rest, ", ")
		seconds = n * 86400
	}
	part := 0.0
	for field := range strings.SplitSeq(text, ":") {
		n, _ := strconv.ParseFloat(field, 64)
		part = 60*part + n
	}
	return seconds + part
}

func runtimeOf(line string) (float64, bool) {
	m := trainRuntime().FindStringSubmatch(line)
	if m == nil {
		return 0, false
	}
	s, err := strconv.ParseFloat(m[1], 64)
	return s, err == nil && s > 0
}
