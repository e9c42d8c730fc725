package why

import (
	"fmt"
	"math"
	"strconv"
)

// percent writes a share as people say it: "31 %", "1.2 %".
func percent(x float64) string { return points(x) + " %" }

func points(x float64) string {
	p := 100 * x
	if p >= 0.05 && p < 9.95 {
		return strconv.FormatFloat(p, 'f', 1, 64)
	}
	return strconv.FormatFloat(math.Round(p), 'f', 0, 64)
}

// plusMinus writes a share with its interval: "31 % +- 4".
func plusMinus(r Rung) string {
	half := (r.High - r.Low) / 2
	if r.Share < 0 {
		return "an unknown part"
	}
	if half <= 0.0005 || half > 0.5 {
		return percent(r.Share)
	}
	return fmt.Sprintf("%s +- %s", percent(r.Share), points(half))
}

// count writes "1 worker", "3 workers".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// milliseconds writes a time of the size of a step: "0.31 ms", "120 ms", "2.4 s".
func milliseconds(seconds float64) string {
	switch {
	case seconds >= 10:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds >= 1:
		return fmt.Sprintf("%.1f s", seconds)
	case seconds >= 0.01:
		return fmt.Sprintf("%.0f ms", 1000*seconds)
	}
	return fmt.Sprintf("%.2f ms", 1000*seconds)
}

// limitNames say a limit within a sentence; %s is where it happens, such as "in the
// workers", or nothing.
var limitNames = map[string]string{
	LimitDecode:   "decoding%s",
	LimitFetch:    "reading the data%s",
	LimitAugment:  "augmentation%s",
	LimitTokenize: "tokenising%s",
	LimitCollate:  "putting batches together%s",
	LimitHandOff:  "handing samples between processes",
	LimitPython:   "the dataset's Python code%s",
	LimitPrepare:  "preparing the samples%s",
}
