package source

import (
	"fmt"
	"hash/maphash"
	"strings"
)

// plural writes a number with the words that fit it.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// firstOf lists a few of many names.
func firstOf(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// noteCaseClashes tells of keys that differ in upper and lower case only. They
// are two pictures here and one on the file systems of macOS and Windows, where
// an export would lose one.
func (s *Source) noteCaseClashes() {
	seed := maphash.MakeSeed()
	seen := make(map[uint64]int32, len(s.entries)) // hashes: a map of the keys would double the memory
	clashes, example := 0, ""
	for i := range s.entries {
		key := s.entries[i].Key
		h := maphash.String(seed, strings.ToLower(key))
		if j, ok := seen[h]; ok && strings.EqualFold(s.entries[j].Key, key) {
			if clashes == 0 {
				example = Printable(s.entries[j].Key) + " and " + Printable(key)
			}
			clashes++
			continue
		}
		seen[h] = int32(i)
	}
	if clashes > 0 {
		s.note("%s only in upper and lower case (such as %s); both are packed, but macOS and Windows cannot hold both when exported",
			plural(clashes, "name differs from another", "names differ from others"), example)
	}
}
