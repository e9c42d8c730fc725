package batching

import (
	"strconv"

	"stoker/internal/errs"
)

// Cursor is a place between two steps of an epoch.
type Cursor struct {
	Epoch    uint64 `json:"epoch"`
	Position int64  `json:"position"` // samples of the order before the current window
	Window   int64  `json:"window,omitempty"`
	// Done tells how the window was divided so far: one segment unless a resume
	// changed the geometry inside the window.
	Done []Segment `json:"done,omitempty"`
	// Ready holds rows that a Packed plan had filled but not handed out, Open
	// those that it had begun.
	Ready [][]Ref `json:"ready,omitempty"`
	Open  [][]Ref `json:"open,omitempty"`
}

// Ref names a piece by its place in the order and its ordinal in the sample.
type Ref struct {
	At   int64 `json:"at"`
	Part int32 `json:"part,omitempty"`
}

// Segment is a number of steps taken from a window with one geometry.
type Segment struct {
	Geometry
	Steps int   `json:"steps"`
	Added int64 `json:"added"` // samples by which the window grew for it
}

// maxSegments bounds how often the geometry may change inside one window.
const maxSegments = 64

func (p *Plan) checkCursor(c Cursor) error {
	bad := func(why string) error {
		return errs.New(errs.Invalid, "the saved place in the epoch is damaged: %s", why)
	}
	samples := p.order.Samples
	_, packed := p.spec.Way.(Packed)
	switch {
	case c.Position < 0 || c.Position > samples:
		return bad("its position lies outside the dataset")
	case c.Window < 0 || c.Window > samples-c.Position:
		return bad("its window lies outside the dataset")
	case (c.Window > 0) != (len(c.Done) > 0) || len(c.Done) > maxSegments:
		return bad("its window and the steps taken do not fit")
	case len(c.Open)+len(c.Ready) > 0 && !packed, len(c.Done) > 0 && packed:
		return bad("it belongs to another way to batch")
	}
	size := c.Window
	for _, seg := range c.Done {
		if seg.check() != nil || seg.Steps < 0 || seg.Added < 0 || seg.Added > size {
			return bad("its steps make no sense")
		}
		size -= seg.Added
	}
	return nil
}

// AppendJSON appends what json.Marshal makes of c. Every batch carries its cursor,
// and reflection took as long as filling the batch.
func (c *Cursor) AppendJSON(b []byte) []byte {
	b = strconv.AppendUint(append(b, `{"epoch":`...), c.Epoch, 10)
	b = appendInt(b, `,"position":`, c.Position)
	if c.Window != 0 {
		b = appendInt(b, `,"window":`, c.Window)
	}
	b = appendList(b, `,"done":`, c.Done, func(b []byte, s Segment) []byte {
		b = s.Geometry.append(append(b, '{'))
		b = appendInt(b, `,"steps":`, int64(s.Steps))
		return append(appendInt(b, `,"added":`, s.Added), '}')
	})
	b = appendList(b, `,"ready":`, c.Ready, appendRefs)
	b = appendList(b, `,"open":`, c.Open, appendRefs)
	return append(b, '}')
}

// AppendJSON appends what json.Marshal makes of g.
func (g Geometry) AppendJSON(b []byte) []byte { return append(g.append(append(b, '{')), '}') }

func (g Geometry) append(b []byte) []byte {
	b = appendInt(b, `"batch_size":`, int64(g.BatchSize))
	b = appendInt(b, `,"world_size":`, int64(g.World))
	return appendInt(b, `,"micro":`, int64(g.Micro))
}

func appendRefs(b []byte, refs []Ref) []byte {
	b = append(b, '[')
	for i, r := range refs {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendInt(b, `{"at":`, r.At)
		if r.Part != 0 {
			b = appendInt(b, `,"part":`, int64(r.Part))
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendList appends a list that is left out where it is empty.
func appendList[T any](b []byte, name string, list []T, one func([]byte, T) []byte) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(append(b, name...), '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, v)
	}
	return append(b, ']')
}

func appendInt(b []byte, name string, v int64) []byte {
	return strconv.AppendInt(append(b, name...), v, 10)
}
