// Package errs names the kinds of failure that Stoker reports and carries the
// facts a person needs to act on one: what failed, where, and what to do.
//
// Every error that reaches a user, in the terminal or as a Python exception, is
// an *Error or wraps one. Compare kinds with errs.Is; never compare texts.
package errs

import (
	"errors"
	"fmt"
	"strings"
)

// Kind classifies an error by what its reader can do about it. The numbers
// cross the wire to the Python client: append only.
type Kind uint16

// The kinds. One Python exception class exists for each.
const (
	Internal    Kind = iota // a bug in Stoker
	Invalid                 // an argument or option is wrong
	NotFound                // a file, dataset, run or field does not exist
	Permission              // the system refuses access
	Corrupt                 // bytes are not what their checksum or format says
	Transient               // trying again may succeed
	Exhausted               // memory, disk, slots or file descriptors ran out
	Unsupported             // valid, but not something Stoker can do
	Canceled                // the caller gave up
	Mismatch                // two things that must agree do not: versions, fingerprints
)

var names = [...]string{"internal", "invalid", "not found", "permission", "corrupt",
	"transient", "exhausted", "unsupported", "canceled", "mismatch"}

func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint16(k))
}

// Error is one failure with its place. Zero fields are unknown and not printed,
// except that Offset is printed only when Shard is set.
type Error struct {
	Kind    Kind
	Msg     string // what failed, with which value; lower case, no full stop
	Hint    string // what to do about it; "" where nothing helps
	Path    string // file or dataset directory
	Shard   string // shard file name inside a dataset
	Offset  int64  // byte offset inside Shard
	Key     string // sample key
	Wrapped error  // cause, or nil
}

// New returns an error of the given kind with a formatted message. A %w verb
// wraps as in fmt.Errorf.
func New(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Msg: err.Error(), Wrapped: errors.Unwrap(err)}
}

// WithHint returns e with its hint set.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// At returns e with the file or dataset it concerns.
func (e *Error) At(path string) *Error {
	e.Path = path
	return e
}

// InShard returns e with the place of a sample inside a dataset.
func (e *Error) InShard(shard string, offset int64, key string) *Error {
	e.Shard, e.Offset, e.Key = shard, offset, key
	return e
}

// Error prints the place and the message on one line, without the hint.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	if e.Shard != "" {
		fmt.Fprintf(&b, "%s at byte %d: ", e.Shard, e.Offset)
	}
	if e.Key != "" {
		fmt.Fprintf(&b, "sample %q: ", e.Key)
	}
	b.WriteString(e.Msg)
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Wrapped }

// KindOf returns the kind of the first *Error in err's chain, or Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether err carries the given kind.
func Is(err error, kind Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}

// HintOf returns the first hint in err's chain, or "".
func HintOf(err error) string {
	for err != nil {
		if e, ok := err.(*Error); ok && e.Hint != "" { //nolint:errorlint // walks the chain itself
			return e.Hint
		}
		err = errors.Unwrap(err)
	}
	return ""
}
