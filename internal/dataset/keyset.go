package dataset

import (
	"hash/maphash"
	"slices"
)

// keySet finds equal keys among many in 8 bytes each.
type keySet struct {
	seed   maphash.Seed
	hashes []uint64
}

func newKeySet(n int64) *keySet {
	return &keySet{seed: maphash.MakeSeed(), hashes: make([]uint64, 0, n)}
}

func (s *keySet) hash(key []byte) uint64 { return maphash.Bytes(s.seed, key) }

func (s *keySet) add(key []byte) { s.hashes = append(s.hashes, s.hash(key)) }

// duplicates returns the hashes that occur more than once: those of equal keys,
// and perhaps by chance a few others.
func (s *keySet) duplicates() map[uint64]bool {
	slices.Sort(s.hashes)
	found := map[uint64]bool{}
	for i := 1; i < len(s.hashes); i++ {
		if s.hashes[i] == s.hashes[i-1] {
			found[s.hashes[i]] = true
		}
	}
	return found
}
