package source

import (
	"encoding/binary"
	"hash/fnv"
	"math"

	"stoker/internal/dataset"
)

// Fingerprints returns a 64-bit hash (FNV-1a) of each picture's name, size, time,
// label and fields: an unfinished dataset continues only where those of the part
// that it has are as they were.
func (s *Source) Fingerprints() []uint64 {
	out := make([]uint64, len(s.entries))
	hash := fnv.New64a()
	var record []byte
	var values []dataset.Value
	for i := range s.entries {
		e := &s.entries[i]
		record = appendText(record[:0], e.Key)
		record = appendNumbers(record, uint64(e.Label), uint64(e.Size), uint64(e.modified))
		values = s.Values(i, values[:0])
		for j := range values {
			record = appendValue(record, &values[j])
		}
		hash.Reset()
		hash.Write(record) //nolint:errcheck // a hash does not fail
		out[i] = hash.Sum64()
	}
	return out
}

// FileHash returns a 64-bit hash (FNV-1a) of picture i's name, size and time: what
// tells a file from what it was, without reading it.
func (s *Source) FileHash(i int) uint64 {
	e := &s.entries[i]
	h := uint64(14695981039346656037)
	mix := func(b byte) { h = (h ^ uint64(b)) * 1099511628211 }
	for j := range len(e.Key) {
		mix(e.Key[j])
	}
	mix(0)
	for _, v := range [2]uint64{uint64(e.Size), uint64(e.modified)} {
		for range 8 {
			mix(byte(v))
			v >>= 8
		}
	}
	return h
}

func appendNumbers(b []byte, values ...uint64) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// appendText writes the length first, so that no two records look alike.
func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

// appendValue writes every member: those that a type does not use are zero.
func appendValue(b []byte, v *dataset.Value) []byte {
	flags := uint64(0)
	if v.Valid {
		flags |= 1
	}
	if v.Bool {
		flags |= 2
	}
	return appendText(appendNumbers(b, flags, uint64(v.Int), math.Float64bits(v.Float)), v.Text)
}
