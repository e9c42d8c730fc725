package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"stoker/internal/errs"
)

// StateVersion is the version of State that this build writes.
const StateVersion = 1

// State resumes a loader. Epoch and Position say where; the rest names all that
// the stream of batches is a function of, so that a resume with other data or
// other pixels is refused instead of silently training on something else. Batch
// size, rank and world size are free to change and not part of it.
type State struct {
	Version  int    `json:"version"`
	Dataset  string `json:"dataset"`  // the dataset's fingerprint
	Pipeline string `json:"pipeline"` // canonical JSON of the transforms
	Decoder  string `json:"decoder"`  // versions of the decoders, pixel kernels and transforms that it takes
	Samples  int64  `json:"samples"`
	Seed     uint64 `json:"seed"`
	Shuffle  bool   `json:"shuffle"`
	OnBad    string `json:"on_bad_sample"`
	Epoch    uint64 `json:"epoch"`
	Position int64  `json:"position"` // samples of the epoch consumed over all ranks

	// Of sequences: the way to batch in canonical JSON, and the place in the epoch,
	// which the engine alone reads; Position says how far it has read the order.
	Batching string          `json:"batching,omitempty"`
	Place    json.RawMessage `json:"place,omitempty"`
}

// ParseState reads a saved state and checks it for itself.
func ParseState(data []byte) (State, error) {
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return State{}, errs.New(errs.Invalid, "the saved loader state is not readable: %w", err)
	}
	if head.Version != StateVersion {
		return State{}, errs.New(errs.Mismatch, "the saved loader state has version %d, this Stoker reads version %d",
			head.Version, StateVersion).WithHint("resume with the Stoker that saved it")
	}
	var s State
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return State{}, errs.New(errs.Invalid, "the saved loader state is not readable: %w", err)
	}
	if s.Samples < 1 || s.Position < 0 || s.Position > s.Samples {
		return State{}, errs.New(errs.Invalid, "the saved loader state is damaged: position %d of %d samples",
			s.Position, s.Samples)
	}
	return s, nil
}

// Check refuses a saved state that does not continue the stream now: it returns
// an error of kind Mismatch that names each difference, or nil. Epoch and
// Position are not compared.
func (s State) Check(now State) error {
	var diffs []string
	differ := func(what string, saved, current any) {
		if saved != current {
			diffs = append(diffs, fmt.Sprintf("%s was %v, is %v", what, saved, current))
		}
	}
	if s.Dataset != now.Dataset {
		differ("the dataset's fingerprint", short(s.Dataset), short(now.Dataset))
	}
	differ("the number of samples", s.Samples, now.Samples)
	diffs = append(diffs, otherVersions(s.Decoder, now.Decoder)...)
	differ("the seed", s.Seed, now.Seed)
	differ("shuffle", s.Shuffle, now.Shuffle)
	differ("on_bad_sample", s.OnBad, now.OnBad)
	differ("the transforms", s.Pipeline, now.Pipeline)
	differ("the way to batch", s.Batching, now.Batching)
	if len(diffs) == 0 {
		return nil
	}
	return errs.New(errs.Mismatch, "the saved state belongs to another stream: %s", strings.Join(diffs, "; ")).
		WithHint("resume with the same dataset, transforms and seed, or start a new epoch without the state")
}

// short is enough of a fingerprint for people.
func short(fingerprint string) string { return fingerprint[:min(len(fingerprint), 16)] }

// otherVersions names what has another version now, of lists of decoder=version and,
// behind pixels=version, transform/version. What only the saved list names is not
// needed.
func otherVersions(saved, now string) (diffs []string) {
	before := make(map[string]string)
	for _, one := range strings.Fields(saved) {
		name, version := versionOf(one)
		before[name] = version
	}
	for _, one := range strings.Fields(now) {
		name, version := versionOf(one)
		switch was, known := before[name]; {
		case !known && version != "": // without a version it is "none": no picture is decoded
			diffs = append(diffs, fmt.Sprintf("the version of %s is %s and was none", name, version))
		case was != version:
			diffs = append(diffs, fmt.Sprintf("the version of %s was %s, is %s", name, was, version))
		}
	}
	return diffs
}

// versionOf takes name=version or name/version apart.
func versionOf(s string) (name, version string) {
	if name, version, ok := strings.Cut(s, "="); ok {
		return name, version
	}
	name, version, _ = strings.Cut(s, "/")
	return name, version
}
