package progress

import "strings"

// pairIn returns the number behind a name in s, whatever stands between: "name:
// 1", "name = 1", "name 1".
func pairIn(s, name string) string {
	l := lower(s)
	for from := 0; ; {
		i := strings.Index(l[from:], name)
		if i < 0 {
			return ""
		}
		i += from
		from = i + len(name)
		if i > 0 && isLetter(l[i-1]) {
			continue
		}
		if n := trimNumber(strings.TrimLeft(s[from:], " :=")); n != "" {
			return n
		}
	}
}

// epochIn finds "Epoch: [3/10]" anywhere in s.
func epochIn(s string) (n, total int, ok bool) {
	i := strings.Index(lower(s), "epoch")
	if i < 0 {
		return 0, 0, false
	}
	return epochOf(s[i:])
}

func splitFields(s string) []string { return strings.Fields(s) }

// lower is strings.ToLower for ASCII alone: the result has the length of s, so
// that places found in it are places in s.
func lower(s string) string {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
