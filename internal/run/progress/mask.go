package progress

import "bytes"

// mask is a line with its numbers taken out: lines of one print statement have
// the same hash.
type mask struct {
	hash   uint64
	digits int // runs of digits
	ints   [maxColumns]int64
	n      int // integers stored in ints
}

const maxColumns = 12

// maskLine reads b once. A run of digits stands for itself as "0" whatever its
// length; an integer is a run that is neither part of a decimal number nor glued
// to a letter before it. FNV-1a over the remaining bytes; block and line drawing
// characters (bars) are left out, so that a growing bar does not change the hash.
func maskLine(b []byte) mask {
	const offset, prime = 14695981039346656037, 1099511628211
	m := mask{hash: offset}
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case isDigit(c):
			j := i
			v := int64(0)
			for j < len(b) && isDigit(b[j]) {
				if v < 1<<59 {
					v = v*10 + int64(b[j]-'0')
				}
				j++
			}
			m.number(b, i, j, v)
			m.hash = (m.hash ^ '0') * prime
			i = j
		case c == ' ' || c == '#' || c == '=' || c == '>' || c >= 0x80:
			i++
		default:
			m.hash = (m.hash ^ uint64(c)) * prime
			i++
		}
	}
	return m
}

func (m *mask) number(b []byte, i, j int, v int64) {
	m.digits++
	if i > 0 && (b[i-1] == '.' || isLetter(b[i-1])) || j+1 < len(b) && b[j] == '.' && isDigit(b[j+1]) {
		return
	}
	if inClock(b, i, j) || v >= 1e9 {
		return // 10:02:33, 2026-01-31, and seconds since 1970 grow, but count nothing
	}
	if m.n < maxColumns {
		m.ints[m.n] = v
		m.n++
	}
}

// quietWords are the words that make a line without any digit worth a look.
var quietWords = [][]byte{[]byte("eckpoint"), []byte("Training"), []byte("training"), []byte("raining complete"), []byte("Saving"), []byte("saving"),
	[]byte("alidation"), []byte("Evaluat"), []byte("aved"), []byte("ave weights"), []byte("ave model")}

func mayMatterWithoutDigits(b []byte) bool {
	for _, w := range quietWords {
		if bytes.Contains(b, w) {
			return true
		}
	}
	return false
}

// inClock reports whether the digits b[i:j] are part of a time or a date.
func inClock(b []byte, i, j int) bool {
	sep := func(c byte) bool { return c == ':' || c == '-' }
	return i > 1 && sep(b[i-1]) && isDigit(b[i-2]) || j+1 < len(b) && sep(b[j]) && isDigit(b[j+1])
}

// sameShape reports whether a and b are of one print statement: equal but for
// digits and the characters that bars are drawn with.
func sameShape(a, b []byte) bool {
	if len(a) != len(b) || len(a) == 0 {
		return false
	}
	for i, x := range a {
		if y := b[i]; x != y && !(isDigit(x) && isDigit(y)) && (x < 0x80 || y < 0x80) {
			return false
		}
	}
	return true
}
