package inplace

import (
	"encoding/binary"
	"hash/fnv"
	"slices"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/entropy"
)

// Packed is a dataset that was packed without entropy indexes, or with those of
// another version. Its files stay as they are.
type Packed struct {
	*dataset.Dataset
	cache *entropy.Cache
}

// Improve makes a dataset keep the indexes that the engine makes. It takes d over,
// or returns nil where d needs none, or none can be kept.
func Improve(d *dataset.Dataset, cache string) *Packed {
	if cache == "" || d.HasEntropy() || d.Kind() != dataset.KindImages || !slices.Contains(d.Formats(), codec.JPEG) {
		return nil
	}
	c, err := openCache(cache, "dataset "+d.Fingerprint())
	if err != nil {
		return nil // every epoch is like the first
	}
	return &Packed{d, c}
}

// Close closes the dataset and ends the use of the cache.
func (p *Packed) Close() error {
	p.cache.Close()
	return p.Dataset.Close()
}

// key names the sample's bytes, and where they lie in their page: the parts depend
// on it.
func key(s *dataset.Sample) uint64 {
	var b [16]byte
	le := binary.LittleEndian
	le.PutUint32(b[:], s.CRC)
	le.PutUint32(b[4:], uint32(s.Length))
	le.PutUint32(b[8:], uint32(s.Offset%entropy.PageBytes))
	h := fnv.New64a()
	h.Write(b[:]) //nolint:errcheck // a hash does not fail
	return h.Sum64()
}

// AppendEntropy appends the entropy index of a sample, or nothing.
func (p *Packed) AppendEntropy(dst []byte, _ int64, s *dataset.Sample) []byte {
	return p.cache.AppendEntropy(dst, key(s), s.CRC)
}

// AppendParts appends its parts, or nothing.
func (p *Packed) AppendParts(dst []byte, _ int64, s *dataset.Sample) []byte {
	return p.cache.AppendParts(dst, key(s), s.CRC)
}

// KeepsEntropy reports whether an index of the sample would be kept.
func (p *Packed) KeepsEntropy(s *dataset.Sample) bool { return keeps(p.cache, s) }

// KeepEntropy keeps the index of a sample, made of its bytes blob. The error, which
// comes once, says that no more are kept.
func (p *Packed) KeepEntropy(_ int64, s *dataset.Sample, index, blob []byte) error {
	return p.cache.Put(key(s), s.CRC, index, entropy.AppendParts(nil, blob, s.Offset))
}
