package history

import (
	"slices"
	"strings"

	"stoker/internal/run/rx"
)

// secretName matches options whose value should not be kept; secretValue matches
// values that are secrets whatever they are called.
var (
	secretName  = rx.New(`(?i)(^|[-_.])(token|secret|password|passwd|api[-_]?key|access[-_]?key|auth|credentials?)$`)
	secretValue = rx.New(`\b(hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|ghp_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{12,})\b`)
	secretURL   = rx.New(`://[^/@:\s]+:[^/@\s]+@`)
)

const blank = "***"

// Redact returns argv with the values of options that carry secrets blanked.
func Redact(argv []string) []string {
	out := slices.Clone(argv)
	for i, arg := range out {
		name, _, hasValue := strings.Cut(arg, "=")
		option := strings.HasPrefix(arg, "-") || hasValue
		switch {
		case option && hasValue && secretName().MatchString(name):
			out[i] = name + "=" + blank
		case option && !hasValue && secretName().MatchString(name) && i+1 < len(out) && !strings.HasPrefix(out[i+1], "-"):
			out[i+1] = blank
		default:
			out[i] = secretURL().ReplaceAllString(secretValue().ReplaceAllString(arg, blank), "://"+blank+"@")
		}
	}
	return out
}
