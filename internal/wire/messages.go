package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"stoker/internal/errs"
)

// Hello is the first message of each side.
type Hello struct {
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
	PID      int    `json:"pid"`
}

// Open asks for a session.
type Open struct {
	Dataset     string          `json:"dataset"`
	Pipeline    json.RawMessage `json:"pipeline"` // transform.Spec
	Fields      []string        `json:"fields"`
	Plan        Plan            `json:"plan"`
	State       json.RawMessage `json:"state"`              // plan.State, or null
	Batching    json.RawMessage `json:"batching,omitempty"` // engine.Batching, for sequences
	Start       Start           `json:"start"`
	OnBadSample string          `json:"on_bad_sample"`
	Resources   Resources       `json:"resources"`
}

// Plan is what a batch is made of.
type Plan struct {
	BatchSize int    `json:"batch_size"`
	Shuffle   bool   `json:"shuffle"`
	Seed      uint64 `json:"seed"`
	Rank      int    `json:"rank"`
	WorldSize int    `json:"world_size"`
	LastBatch string `json:"last_batch"`
}

// Start is where a stream begins.
type Start struct {
	Epoch    uint64 `json:"epoch"`
	Position int64  `json:"position"`
}

// Resources are what a session may use; 0 is automatic.
type Resources struct {
	Workers           int   `json:"workers"`
	PrefetchBatches   int   `json:"prefetch_batches"`
	MemoryBudgetBytes int64 `json:"memory_budget_bytes"`
}

// Opened answers Open.
type Opened struct {
	Samples           int64           `json:"samples"`
	Steps             int64           `json:"steps"`
	SlotBytes         int             `json:"slot_bytes"`
	Slots             int             `json:"slots"`
	SlotsMax          int             `json:"slots_max"`
	Fields            []Field         `json:"fields"`
	Classes           []string        `json:"classes"`
	DatasetFields     []DatasetField  `json:"dataset_fields"`
	State             json.RawMessage `json:"state"`
	Workers           int             `json:"workers"`
	MemoryBudgetBytes int64           `json:"memory_budget_bytes"`
	Notices           []string        `json:"notices"`
	Sequences         bool            `json:"sequences,omitempty"` // BATCH frames say more, see Sequence
}

// Field is the place of one field in a slot. Kind is "tensor" (DType, Shape) or
// "utf8" (int32 offsets at Offset, bytes at DataOffset).
type Field struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	DType      string `json:"dtype,omitempty"`
	Shape      []int  `json:"shape,omitempty"`
	Offset     int    `json:"offset"`
	DataOffset int    `json:"data_offset,omitempty"`
}

// DatasetField is a field that could be asked for.
type DatasetField struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Seek starts another stream.
type Seek struct {
	Stream   uint32          `json:"stream"`
	Epoch    uint64          `json:"epoch"`
	Position int64           `json:"position"`
	Place    json.RawMessage `json:"place,omitempty"` // of sequences, instead of Position
}

// Steps asks for the number of batches of a whole epoch on this rank.
type Steps struct {
	Epoch uint64 `json:"epoch"`
}

// StepsReply answers Steps.
type StepsReply struct {
	Epoch uint64 `json:"epoch"`
	Steps int64  `json:"steps"`
}

// Stats asks for figures.
type Stats struct {
	Epoch   *uint64 `json:"epoch"`
	WaitedS float64 `json:"waited_s"`
	WallS   float64 `json:"wall_s"`
}

// StatsReply answers Stats.
type StatsReply struct {
	Epoch      uint64      `json:"epoch"`
	Batches    int64       `json:"batches"`
	Samples    int64       `json:"samples"`
	WallS      float64     `json:"wall_s"`
	WaitedS    float64     `json:"waited_s"`
	Workers    int         `json:"workers"`
	Cores      int         `json:"cores"`
	BytesRead  int64       `json:"bytes_read"`
	RSSBytes   int64       `json:"rss_bytes"`
	Slots      int         `json:"slots"`
	BadCount   int64       `json:"bad_count"`
	BadSamples []BadSample `json:"bad_samples"`
	Stages     []Stage     `json:"stages"`
	Limit      string      `json:"limit"`
	Sentence   string      `json:"sentence"`
}

// BadSample is one sample that could not be used.
type BadSample struct {
	Epoch  uint64 `json:"epoch"`
	Index  int64  `json:"index"`
	Key    string `json:"key"`
	Shard  string `json:"shard"`
	Offset int64  `json:"offset"`
	Reason string `json:"reason"`
}

// Stage is what one stage did.
type Stage struct {
	Name     string  `json:"name"`
	BusyS    float64 `json:"busy_s"`
	WaitInS  float64 `json:"wait_in_s"`
	WaitOutS float64 `json:"wait_out_s"`
	Items    int64   `json:"items"`
}

// Error reports a failure; a fatal one ends the session.
type Error struct {
	Kind     errs.Kind `json:"kind"`
	KindName string    `json:"kind_name"`
	Message  string    `json:"message"`
	Hint     string    `json:"hint"`
	Path     string    `json:"path"`
	Shard    string    `json:"shard"`
	Offset   int64     `json:"offset"`
	Key      string    `json:"key"`
	Fatal    bool      `json:"fatal"`
}

// Notice is something to tell the user once.
type Notice struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

// Index asks for Count values of one dataset field from Start on.
type Index struct {
	Field string `json:"field"`
	Start int64  `json:"start"`
	Count int64  `json:"count"`
}

// IndexReply answers Index; a null value is null.
type IndexReply struct {
	Values []any `json:"values"`
}

// FromError returns the message for err.
func FromError(err error, fatal bool) Error {
	m := Error{Kind: errs.KindOf(err), Message: err.Error(), Hint: errs.HintOf(err), Fatal: fatal}
	m.KindName = m.Kind.String()
	var e *errs.Error
	if errors.As(err, &e) {
		m.Path, m.Shard, m.Offset, m.Key = e.Path, e.Shard, e.Offset, e.Key
	}
	return m
}

// Err is the inverse of FromError.
func (m *Error) Err() error {
	return &errs.Error{Kind: m.Kind, Msg: m.Message, Hint: m.Hint}
}

// Decode reads a JSON payload into v. An unknown member is an error, so that a
// misspelt option is never ignored.
func Decode(name string, payload []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if _, extra := dec.Token(); extra != io.EOF { //nolint:errorlint // documented to be returned as is
			err = errors.New("more than one value")
		}
	}
	if err != nil {
		return errs.New(errs.Invalid, "a %s message is malformed: %w", name, err)
	}
	return nil
}

// DecodeLoose is Decode for messages of which a later version may say more.
func DecodeLoose(name string, payload []byte, v any) error {
	if err := json.Unmarshal(payload, v); err != nil {
		return errs.New(errs.Invalid, "a %s message is malformed: %w", name, err)
	}
	return nil
}
