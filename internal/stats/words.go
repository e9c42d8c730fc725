package stats

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Percent writes a share as people say it: "31 %", "0.4 %".
func Percent(share float64) string {
	p := 100 * share
	if p >= 0.05 && p < 9.95 {
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(math.Round(p), 'f', 0, 64) + " %"
}

// Span writes a duration: "0.13 s", "42 s", "4 m 10 s", "2 h 5 m".
func Span(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'g', 2, 64) + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()+0.5))
	case d < time.Hour:
		s := int(d.Seconds() + 0.5)
		return fmt.Sprintf("%d m %d s", s/60, s%60)
	}
	m := int(d.Minutes() + 0.5)
	return fmt.Sprintf("%d h %d m", m/60, m%60)
}

// Bytes writes a number of bytes with three digits: "12.3 MB".
func Bytes(n float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	i := 0
	for n >= 999.5 && i < len(units)-1 {
		n /= 1000
		i++
	}
	return Number(n) + " " + units[i]
}

// Number writes a number with three digits, without an exponent.
func Number(n float64) string {
	switch {
	case n < 9.995:
		return strconv.FormatFloat(n, 'f', 2, 64)
	case n < 99.95:
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return strconv.FormatFloat(n, 'f', 0, 64)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
