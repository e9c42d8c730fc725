// Package wire holds the frames that a client and the engine exchange, as
// docs/protocol.md describes them. It has no logic: no order of messages, no
// sockets. python/src/stoker/_wire.py carries the same names and numbers, and
// testdata/wire holds golden frames that both parse.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"io"

	"stoker/internal/errs"
)

// Protocol is the version of the protocol.
const Protocol = 1

// MaxPayload is the longest payload of a frame in bytes.
const MaxPayload = 16 << 20

// HeaderSize is the size of a frame's header in bytes.
const HeaderSize = 8

// Type is the type of a frame. Odd ones go to the engine, even ones to the
// client. Append only.
type Type uint16

// The types.
const (
	TypeHello      Type = 1
	TypeHelloOK    Type = 2
	TypeOpen       Type = 3
	TypeOpened     Type = 4
	TypeRelease    Type = 5
	TypeSlot       Type = 6
	TypeSeek       Type = 7
	TypeBatch      Type = 8
	TypeStats      Type = 9
	TypeStatsReply Type = 10
	TypeClose      Type = 11
	TypeError      Type = 12
	TypeNotice     Type = 14
	TypeIndex      Type = 15
	TypeIndexReply Type = 16
	TypeWait       Type = 17
	TypeStepsReply Type = 18
	TypeSteps      Type = 19
)

// AppendFrame appends a frame with the given payload.
func AppendFrame(dst []byte, t Type, payload []byte) []byte {
	dst = appendHeader(dst, t, len(payload))
	return append(dst, payload...)
}

// AppendJSON appends a frame whose payload is v.
func AppendJSON(dst []byte, t Type, v any) ([]byte, error) {
	payload, err := json.Marshal(v)
	if err != nil {
		return dst, err
	}
	if len(payload) > MaxPayload {
		return dst, errs.New(errs.Exhausted, "a message of %d bytes is longer than the %d that a frame can hold", len(payload), MaxPayload)
	}
	return AppendFrame(dst, t, payload), nil
}

func appendHeader(dst []byte, t Type, payload int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(payload))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(t))
	return binary.LittleEndian.AppendUint16(dst, 0)
}

// ReadFrame reads one frame. The payload is valid until the next call with the
// same buf, which it grows. It returns io.EOF where the other side closed the
// connection between two frames.
func ReadFrame(r io.Reader, buf *[]byte) (Type, []byte, error) {
	var head [HeaderSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	t, size, err := ParseHeader(head[:])
	if err != nil {
		return 0, nil, err
	}
	*buf = (*buf)[:0]
	for len(*buf) < size {
		// Memory is taken as bytes arrive: a long promise alone costs nothing.
		have := len(*buf)
		*buf = append(*buf, make([]byte, min(size-have, 64<<10))...)
		if _, err := io.ReadFull(r, (*buf)[have:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, nil, err
		}
	}
	return t, *buf, nil
}

// ParseHeader reads a frame's header.
func ParseHeader(head []byte) (t Type, payload int, err error) {
	size := binary.LittleEndian.Uint32(head)
	t = Type(binary.LittleEndian.Uint16(head[4:]))
	if size > MaxPayload {
		return t, 0, errs.New(errs.Invalid, "a frame of %d bytes came, %d is the most", size, MaxPayload)
	}
	if zero := binary.LittleEndian.Uint16(head[6:]); zero != 0 {
		return t, 0, errs.New(errs.Invalid, "a frame's header is malformed: this is not Stoker's protocol")
	}
	return t, int(size), nil
}
