package source

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"stoker/internal/dataset"
)

// Fingerprint is a hash of all that was listed: names, sizes, times, labels and
// fields. An unfinished dataset continues only from the source it began with.
func (s *Source) Fingerprint() string {
	h := hasher{Hash: sha256.New()}
	h.number(uint64(s.Layout))
	h.number(uint64(len(s.Classes)))
	for _, c := range s.Classes {
		h.text(c)
	}
	h.number(uint64(len(s.Fields)))
	for _, f := range s.Fields {
		h.text(f.Name)
		h.text(string(f.Type))
	}
	var values []dataset.Value
	for i := range s.entries {
		e := &s.entries[i]
		h.text(e.Key)
		h.number(uint64(e.Label), uint64(e.Size), uint64(e.modified))
		values = s.Values(i, values[:0])
		for _, v := range values {
			h.value(v)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hasher writes values with their lengths, so that no two lists look alike.
type hasher struct {
	hash.Hash
	buf []byte
}

func (h *hasher) number(values ...uint64) {
	h.buf = h.buf[:0]
	for _, v := range values {
		h.buf = binary.LittleEndian.AppendUint64(h.buf, v)
	}
	h.Write(h.buf) //nolint:errcheck // a hash does not fail
}

func (h *hasher) text(s string) {
	h.buf = binary.LittleEndian.AppendUint64(h.buf[:0], uint64(len(s)))
	h.buf = append(h.buf, s...)
	h.Write(h.buf) //nolint:errcheck // a hash does not fail
}
