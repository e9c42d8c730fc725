package jpeg

import "fmt"

// Kind says what sort of failure an Error is.
type Kind uint8

// The kinds of failure.
const (
	// Corrupt: the bytes break the JPEG format.
	Corrupt Kind = iota + 1
	// Truncated: the bytes end, or a marker comes, before the picture is complete.
	Truncated
	// Unsupported: a valid JPEG of a process that this package does not decode
	// (arithmetic coding, lossless, hierarchical, 12 bits, fractional sampling).
	Unsupported
	// TooLarge: the header asks for more pixels, scans or work than Options allow.
	TooLarge
	// BadIndex: the entropy index is damaged or belongs to other bytes.
	BadIndex
	// BadArgument: the caller's region, destination or options do not fit.
	BadArgument
)

var kindNames = [...]string{"", "corrupt", "truncated", "unsupported", "too large", "bad index", "bad argument"}

func (k Kind) String() string {
	if int(k) < len(kindNames) && k > 0 {
		return kindNames[k]
	}
	return "unknown"
}

// Error is what every function of the package returns on failure.
type Error struct {
	Kind   Kind
	Offset int    // byte of the source where it was found, -1 where no byte is to blame
	Msg    string // what is wrong, in lower case
	Pixels bool   // whether the destination holds a partial picture all the same
}

func (e *Error) Error() string {
	if e.Offset < 0 {
		return "jpeg: " + e.Kind.String() + ": " + e.Msg
	}
	return fmt.Sprintf("jpeg: %s at byte %d: %s", e.Kind, e.Offset, e.Msg)
}

func errAt(k Kind, offset int, format string, args ...any) *Error {
	return &Error{Kind: k, Offset: offset, Msg: fmt.Sprintf(format, args...)}
}
