package compare

import (
	"fmt"
	"math"
	"strconv"
)

// Span writes seconds as they are read best: "5.0 ms", "119 s", "29 min 45 s".
func Span(s float64) string {
	switch {
	case s < 1e-3:
		return digits(1e6*s) + " us"
	case s < 1:
		return digits(1e3*s) + " ms"
	case s < 180:
		return digits(s) + " s"
	case s < 3600:
		n := int(s + 0.5)
		return fmt.Sprintf("%d min %02d s", n/60, n%60)
	}
	n := int(s/60 + 0.5)
	if n < 48*60 {
		return fmt.Sprintf("%d h %02d min", n/60, n%60)
	}
	return fmt.Sprintf("%.1f days", s/86400)
}

// longSpan also gives the seconds of what lasts minutes or hours, as programs
// print them.
func longSpan(s float64) string {
	if s < 180 || s >= 999_999.5 {
		return Span(s)
	}
	n := int(s + 0.5)
	seconds := strconv.Itoa(n)
	if n >= 1000 {
		seconds = fmt.Sprintf("%d,%03d", n/1000, n%1000)
	}
	return seconds + " s = " + Span(s)
}

// digits writes x with three significant digits.
func digits(x float64) string {
	switch {
	case x < 9.995:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case x < 99.95:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 0, 64)
}

// times writes a ratio: 1.23, 5.7, 57.
func times(x float64) string {
	switch {
	case x < 2:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case x < 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 0, 64)
}

func percent(share float64) string {
	p := 100 * math.Abs(share)
	if p < 9.95 {
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + " %"
}

func money(x float64, currency string) string {
	switch {
	case x == 0:
		return "0 " + currency
	case x < 0.01:
		return strconv.FormatFloat(x, 'g', 2, 64) + " " + currency
	}
	return strconv.FormatFloat(x, 'f', 2, 64) + " " + currency
}
