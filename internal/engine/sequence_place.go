package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"stoker/internal/batching"
	"stoker/internal/errs"
)

// Place is where a stream of sequences stands: between two steps of an epoch, or
// between the micro-batches of one.
type Place struct {
	Cursor batching.Cursor `json:"cursor"` // before the step
	Step   uint64          `json:"step"`   // steps of the epoch before it
	// Micro is how many micro-batches of the step were handed out. They are those
	// of the Geometry: with another one the step begins again, whole, because the
	// gradient that they added to is in no checkpoint.
	Micro    int                `json:"micro,omitempty"`
	Geometry *batching.Geometry `json:"geometry,omitempty"`
	End      bool               `json:"end,omitempty"` // the epoch is over
}

// AppendJSON appends what json.Marshal makes of p.
func (p *Place) AppendJSON(b []byte) []byte {
	b = p.Cursor.AppendJSON(append(b, `{"cursor":`...))
	b = strconv.AppendUint(append(b, `,"step":`...), p.Step, 10)
	if p.Micro != 0 {
		b = strconv.AppendInt(append(b, `,"micro":`...), int64(p.Micro), 10)
	}
	if p.Geometry != nil {
		b = p.Geometry.AppendJSON(append(b, `,"geometry":`...))
	}
	if p.End {
		b = append(b, `,"end":true`...)
	}
	return append(b, '}')
}

// resumePlace reads a saved place of an epoch; none is the epoch's start.
func (q *sequences) resumePlace(data []byte, epoch uint64) (Place, error) {
	p := Place{Cursor: batching.Cursor{Epoch: epoch}}
	if len(data) == 0 || string(data) == "null" {
		return p, nil
	}
	if err := decodeStrict(data, &p); err != nil {
		return p, errs.New(errs.Invalid, "the saved place in the epoch is not readable: %w", err)
	}
	if p.Cursor.Epoch != epoch {
		return p, errs.New(errs.Invalid, "the saved place is one of epoch %d, not of epoch %d", p.Cursor.Epoch, epoch)
	}
	if p.Micro < 0 || p.Micro > 0 && p.Geometry == nil || p.End != q.plan.Ended(p.Cursor) {
		return p, errs.New(errs.Invalid, "the saved place in the epoch is damaged")
	}
	if p.Geometry != nil && (*p.Geometry != q.geometry || p.Micro >= q.geometry.Micro) {
		p.Micro, p.Geometry = 0, nil
	}
	return p, q.plan.Check(p.Cursor)
}

// decodeStrict reads one JSON value and refuses unknown members.
func decodeStrict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, extra := dec.Token(); !errors.Is(extra, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}
