package engine

import (
	"errors"
	"fmt"

	"stoker/internal/errs"
)

// Policy says what becomes of a sample that cannot be used.
type Policy uint8

// The policies.
const (
	// Fail ends the session with the sample's error when its batch is due.
	Fail Policy = iota
	// Skip leaves the sample out: its batch has fewer rows.
	Skip
	// Substitute takes another sample, drawn from (seed, epoch, index).
	Substitute
)

var policyNames = [...]string{"fail", "skip", "substitute"}

func (p Policy) String() string { return policyNames[p] }

// ParsePolicy is the inverse of String; "" is Fail.
func ParsePolicy(s string) (Policy, error) {
	for i, name := range policyNames {
		if s == name {
			return Policy(i), nil
		}
	}
	if s == "" {
		return Fail, nil
	}
	return 0, errs.New(errs.Invalid, "on_bad_sample is %q", s).WithHint("it is fail, skip or substitute")
}

const (
	// substitutes is how many samples are tried in place of a bad one. If one in
	// ten is bad, all of them are once in 10^16.
	substitutes = 16
	// substituteStream separates these draws from those of the transforms, which
	// are below the same key: operation numbers are small.
	substituteStream = 0x737562 << 32
	// listed is how many bad samples Stats lists.
	listed = 1000
	// tooManyBad bad samples in a row, in the order of delivery, end a session
	// that skips: the dataset is gone rather than damaged.
	tooManyBad = 1024
)

// BadSample is one sample that could not be used.
type BadSample struct {
	Epoch  uint64
	Index  int64
	Key    string
	Shard  string
	Offset int64
	Reason string
}

type badList struct {
	count int64
	list  []BadSample
	told  bool
	inRow int
}

// rowError is why a row could not be made.
type rowError struct {
	row int
	err error
}

// bad reports whether err concerns one sample's data, which a policy may pass
// over; anything else is an error of the session.
func bad(err error) bool {
	switch errs.KindOf(err) {
	case errs.Corrupt, errs.Unsupported, errs.Invalid:
		return true
	}
	return false
}

// recoverSample applies the policy to j, whose sample cannot be used.
func (s *Session) recoverSample(w *tools, j *job) error {
	if s.opts.OnBad == Fail || !bad(j.err) {
		return j.err
	}
	s.record(j)
	if s.opts.OnBad == Skip {
		return errSkip
	}
	return s.substitute(w, j)
}

// errSkip marks rows to leave out.
var errSkip = errors.New("skipped")

// substitute makes j's row from another sample.
func (s *Session) substitute(w *tools, j *job) error {
	first := j.err
	draw := s.key.Sub(j.batch.epoch).Sub(uint64(j.index)).Sub(substituteStream).Source()
	for range substitutes {
		j.index = int64(draw.IntN(int(s.plan.Samples)))
		if j.err = s.refetch(j); j.err == nil {
			j.err = s.produce(w, j)
		}
		if j.err == nil {
			j.batch.indices[j.row] = j.index
			return nil
		}
		if !bad(j.err) {
			return j.err
		}
	}
	return errs.New(errs.Corrupt, "%d samples drawn in place of a bad one are bad too; the first: %w", substitutes, first).
		WithHint("`stoker verify` lists every damaged sample of a dataset")
}

// refetch reads the bytes of j's new sample.
func (s *Session) refetch(j *job) error {
	if err := s.look(j, j.index); err != nil {
		return err
	}
	return s.read(j, nil)
}

// record adds j's sample to the list of bad ones.
func (s *Session) record(j *job) {
	entry := BadSample{Epoch: j.batch.epoch, Index: j.index, Key: s.source.Key(j.index), Reason: j.err.Error()}
	var e *errs.Error
	if errors.As(j.err, &e) {
		entry.Shard, entry.Offset, entry.Reason = e.Shard, e.Offset, e.Msg
	}
	s.mu.Lock()
	s.mu.bad.count++
	if len(s.mu.bad.list) < listed {
		s.mu.bad.list = append(s.mu.bad.list, entry)
	}
	first := !s.mu.bad.told
	s.mu.bad.told = true
	s.mu.Unlock()
	if first {
		kind, what := "skipped", "left out"
		if s.opts.OnBad == Substitute {
			kind, what = "substituted", "replaced by another"
		}
		s.opts.Notify(Notice{kind, fmt.Sprintf("a bad sample was %s: %v (report() counts and lists all)", what, j.err)})
	}
}
