package wire

import (
	"encoding/binary"

	"stoker/internal/errs"
)

// The messages of every step are binary: little-endian fields in the order in
// which they stand here.

// Batch leases a ready slot to the client.
type Batch struct {
	Slot, Generation uint32
	Stream           uint32 // the SEEK that it belongs to
	Rows             uint32 // rows that hold samples
	Epoch, Step      uint64
	Position         uint64 // of the epoch, after this batch, over all ranks
	Valid            uint32 // rows that count
	Flags            uint32
}

// FlagLast marks the last batch of an epoch for this rank.
const FlagLast = 1

const batchSize = 48

// AppendBatch appends a BATCH frame.
func AppendBatch(dst []byte, b *Batch) []byte {
	le := binary.LittleEndian
	dst = appendHeader(dst, TypeBatch, batchSize)
	dst = le.AppendUint32(dst, b.Slot)
	dst = le.AppendUint32(dst, b.Generation)
	dst = le.AppendUint32(dst, b.Stream)
	dst = le.AppendUint32(dst, b.Rows)
	dst = le.AppendUint64(dst, b.Epoch)
	dst = le.AppendUint64(dst, b.Step)
	dst = le.AppendUint64(dst, b.Position)
	dst = le.AppendUint32(dst, b.Valid)
	return le.AppendUint32(dst, b.Flags)
}

// Sequence is what follows in the BATCH frames of a dataset of sequences.
type Sequence struct {
	Width       uint32
	Longest     uint32
	Micro       uint32 // number of the micro-batch in its step
	Micros      uint32 // micro-batches of the step
	StepSamples uint64
	StepTokens  uint64
	Place       []byte // JSON: after this batch; the rest of the frame
}

const sequenceSize = 32

// AppendSequenceBatch appends a BATCH frame of a dataset of sequences.
func AppendSequenceBatch(dst []byte, b *Batch, q *Sequence) []byte {
	le := binary.LittleEndian
	at := len(dst)
	dst = AppendBatch(dst, b)
	le.PutUint32(dst[at:], uint32(batchSize+sequenceSize+len(q.Place)))
	for _, v := range []uint32{q.Width, q.Longest, q.Micro, q.Micros} {
		dst = le.AppendUint32(dst, v)
	}
	dst = le.AppendUint64(dst, q.StepSamples)
	dst = le.AppendUint64(dst, q.StepTokens)
	return append(dst, q.Place...)
}

// ParseSequenceBatch reads the payload of a BATCH frame of a dataset of
// sequences. Place is a part of p.
func ParseSequenceBatch(p []byte) (b Batch, q Sequence, err error) {
	if len(p) < batchSize+sequenceSize {
		return b, q, errs.New(errs.Invalid, "a BATCH message of sequences has %d bytes", len(p))
	}
	if b, err = ParseBatch(p[:batchSize]); err != nil {
		return b, q, err
	}
	le := binary.LittleEndian
	p = p[batchSize:]
	return b, Sequence{
		Width: le.Uint32(p), Longest: le.Uint32(p[4:]), Micro: le.Uint32(p[8:]), Micros: le.Uint32(p[12:]),
		StepSamples: le.Uint64(p[16:]), StepTokens: le.Uint64(p[24:]), Place: p[sequenceSize:],
	}, nil
}

// ParseBatch reads the payload of a BATCH frame.
func ParseBatch(p []byte) (Batch, error) {
	if err := exactly("BATCH", p, batchSize); err != nil {
		return Batch{}, err
	}
	le := binary.LittleEndian
	return Batch{
		Slot: le.Uint32(p), Generation: le.Uint32(p[4:]), Stream: le.Uint32(p[8:]), Rows: le.Uint32(p[12:]),
		Epoch: le.Uint64(p[16:]), Step: le.Uint64(p[24:]), Position: le.Uint64(p[32:]),
		Valid: le.Uint32(p[40:]), Flags: le.Uint32(p[44:]),
	}, nil
}

// Release says that no array views a slot any more.
type Release struct{ Slot, Generation uint32 }

// AppendRelease appends a RELEASE frame.
func AppendRelease(dst []byte, r Release) []byte {
	dst = appendHeader(dst, TypeRelease, 8)
	dst = binary.LittleEndian.AppendUint32(dst, r.Slot)
	return binary.LittleEndian.AppendUint32(dst, r.Generation)
}

// ParseRelease reads the payload of a RELEASE frame.
func ParseRelease(p []byte) (Release, error) {
	if err := exactly("RELEASE", p, 8); err != nil {
		return Release{}, err
	}
	return Release{binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint32(p[4:])}, nil
}

// Slot announces the memory of a slot; its descriptor comes beside it.
type Slot struct {
	Slot  uint32
	Bytes uint64
}

// AppendSlot appends a SLOT frame.
func AppendSlot(dst []byte, s Slot) []byte {
	dst = appendHeader(dst, TypeSlot, 16)
	dst = binary.LittleEndian.AppendUint32(dst, s.Slot)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	return binary.LittleEndian.AppendUint64(dst, s.Bytes)
}

// ParseSlot reads the payload of a SLOT frame.
func ParseSlot(p []byte) (Slot, error) {
	if err := exactly("SLOT", p, 16); err != nil {
		return Slot{}, err
	}
	return Slot{binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint64(p[8:])}, nil
}

// Wait says that the trainer waits for a batch of Stream and keeps Held others.
type Wait struct{ Stream, Held uint32 }

// AppendWait appends a WAIT frame.
func AppendWait(dst []byte, w Wait) []byte {
	dst = appendHeader(dst, TypeWait, 8)
	dst = binary.LittleEndian.AppendUint32(dst, w.Stream)
	return binary.LittleEndian.AppendUint32(dst, w.Held)
}

// ParseWait reads the payload of a WAIT frame.
func ParseWait(p []byte) (Wait, error) {
	if err := exactly("WAIT", p, 8); err != nil {
		return Wait{}, err
	}
	return Wait{binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint32(p[4:])}, nil
}

func exactly(name string, p []byte, size int) error {
	if len(p) != size {
		return errs.New(errs.Invalid, "a %s message has %d bytes, not %d", name, len(p), size)
	}
	return nil
}
