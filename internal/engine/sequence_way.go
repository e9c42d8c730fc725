package engine

import (
	"encoding/json"
	"slices"

	"stoker/internal/batching"
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/tensor"
)

// Batching says how batches of sequences are made; see docs/protocol.md. The zero
// value of a member is its default.
type Batching struct {
	// Way is "fixed", "grouped", "tokens", "rebalanced" or "packed"; "" is
	// rebalanced, which on one rank takes the same samples as fixed.
	Way string `json:"way"`

	Multiple int32    `json:"multiple,omitempty"` // pad to multiples
	Ladder   float64  `json:"ladder,omitempty"`   // pad to powers of this ratio
	Noise    *float64 `json:"noise,omitempty"`    // of grouped; default 0.1
	Budget   int64    `json:"budget,omitempty"`   // of tokens: padded tokens of a micro-batch
	Pool     int      `json:"pool,omitempty"`     // of tokens: samples sorted at once
	Varlen   bool     `json:"varlen,omitempty"`   // of rebalanced: no padding at all
	Tokens   int32    `json:"tokens,omitempty"`   // of packed: tokens of a row
	Open     int      `json:"open,omitempty"`     // of packed: rows filled at once
	MaxAge   int      `json:"max_age,omitempty"`  // of packed: samples that one waits for
	// MaxTokens bounds what is taken of a sequence; for packed, Tokens does. TooLong
	// says what becomes of longer ones: "error", "cut" or "split".
	MaxTokens int32  `json:"max_tokens,omitempty"`
	TooLong   string `json:"too_long,omitempty"`

	// Micro and DType may change between runs that share a state.
	Micro int    `json:"micro,omitempty"` // micro-batches of a rank in a step; default 1
	DType string `json:"dtype,omitempty"` // of the batch; default int32 for tokens, else as stored
}

// ParseBatching reads the JSON of a Batching.
func ParseBatching(data []byte) (*Batching, error) {
	b := new(Batching)
	if err := decodeStrict(data, b); err != nil {
		return nil, errs.New(errs.Invalid, "the way to batch is malformed: %w", err)
	}
	return b, nil
}

const (
	wayFixed      = "fixed"
	wayGrouped    = "grouped"
	wayTokens     = "tokens"
	wayRebalanced = "rebalanced"
	wayPacked     = "packed"

	defaultNoise = 0.1
)

var tooLong = []string{batching.Refuse: "error", batching.Cut: "cut", batching.Split: "split"}

// withDefaults returns b with every default that its way has filled in, so that
// equal streams have equal settings.
func (b Batching) withDefaults() Batching {
	if b.Way == "" {
		b.Way = wayRebalanced
	}
	if b.Micro == 0 {
		b.Micro = 1
	}
	if b.Way == wayGrouped && b.Noise == nil {
		noise := defaultNoise
		b.Noise = &noise
	}
	if (b.Way == wayPacked || b.MaxTokens > 0) && b.TooLong == "" {
		b.TooLong = tooLong[batching.Refuse]
	}
	return b
}

// canonical is what a state keeps of b: all that the stream depends on.
func (b Batching) canonical() (string, error) {
	b.Micro, b.DType = 0, ""
	data, err := json.Marshal(b)
	return string(data), err
}

// spec returns what b says of a plan. A setting of another way is an error.
func (b Batching) spec() (s batching.Spec, err error) {
	long := max(slices.Index(tooLong, b.TooLong), 0)
	if b.TooLong != "" && tooLong[long] != b.TooLong {
		return s, errs.New(errs.Invalid, "too_long is %q", b.TooLong).WithHint("it is error, cut or split")
	}
	if b.Way != wayPacked {
		s.MaxTokens, s.TooLong = b.MaxTokens, batching.TooLong(long)
	}
	s.Way, err = b.way(batching.TooLong(long))
	return s, err
}

// way returns the planner of b.
func (b Batching) way(long batching.TooLong) (batching.Way, error) {
	round := batching.Round{Multiple: b.Multiple, Ladder: b.Ladder}
	rest := b
	rest.Way, rest.Micro, rest.DType = "", 0, ""
	if b.Way != wayPacked {
		rest.Multiple, rest.Ladder = 0, 0
		if rest.MaxTokens != 0 {
			rest.MaxTokens, rest.TooLong = 0, ""
		}
	}
	var way batching.Way
	switch b.Way {
	case wayFixed:
		way = batching.Fixed{Round: round}
	case wayGrouped:
		way, rest.Noise = batching.Grouped{Noise: *b.Noise, Round: round}, nil
	case wayTokens:
		way = batching.Tokens{Budget: b.Budget, Pool: b.Pool, Round: round}
		rest.Budget, rest.Pool = 0, 0
	case wayRebalanced:
		way, rest.Varlen = batching.Rebalanced{Varlen: b.Varlen, Round: round}, false
	case wayPacked:
		way = batching.Packed{Tokens: b.Tokens, Open: b.Open, MaxAge: b.MaxAge, TooLong: long}
		rest.Tokens, rest.Open, rest.MaxAge, rest.TooLong = 0, 0, 0, ""
	default:
		return nil, errs.New(errs.Invalid, "there is no way %q to batch", b.Way).
			WithHint("it is fixed, grouped, tokens, rebalanced or packed")
	}
	if rest != (Batching{}) {
		other, err := json.Marshal(rest)
		return nil, errs.New(errs.Invalid, "the way %q takes no such settings: %s %w", b.Way, other, err)
	}
	return way, nil
}

// dtypes returns the element type of a dataset's sequences, and that of the
// batch.
func (b Batching) dtypes(m *dataset.Manifest) (from, to tensor.DType, err error) {
	stored := m.Sequence.DType
	refused := func() (tensor.DType, tensor.DType, error) {
		return 0, 0, errs.New(errs.Unsupported, "sequences stored as %s cannot come as %q", stored, b.DType).
			WithHint("tokens come as int32, int64, or uint16 where the vocabulary has at most 65,536 ids; other numbers as they are stored")
	}
	if from, err = tensor.ParseDType(stored); err != nil {
		return 0, 0, errs.New(errs.Unsupported, "the sequences: %w", err)
	}
	to = from
	switch {
	case b.DType == "" && from == tensor.Uint16:
		to = tensor.Int32
	case b.DType != "":
		if to, err = tensor.ParseDType(b.DType); err != nil {
			return refused()
		}
	}
	if from == to || from == tensor.Uint16 && (to == tensor.Int32 || to == tensor.Int64) || from == tensor.Int32 && to == tensor.Int64 {
		return from, to, nil
	}
	return refused()
}
