package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"stoker/internal/arrowipc"
	"stoker/internal/errs"
)

// The journal of an unfinished dataset: one line for each thing done, after it
// was done. A line is its own CRC-32C as eight hexadecimal digits, a space, and
// JSON. A torn or damaged line ends the journal; what it would have told of is
// done again. The first line is a journalHead, the others are journalEntries.

const journalName = "journal"

// journalHead holds what the files depend on beside the rows. A Writer goes on
// only where all of it is as before.
type journalHead struct {
	Journal    int             `json:"journal"` // version of this format
	Source     string          `json:"source"`
	Kind       string          `json:"kind"`
	Classes    []string        `json:"classes"`
	Fields     []Field         `json:"fields"`
	CreatedBy  string          `json:"created_by"`
	Options    json.RawMessage `json:"options"`
	ShardBytes int64           `json:"shard_bytes"`
	BatchRows  int             `json:"batch_rows"`
	Sequence   *Sequence       `json:"sequence,omitempty"`
	Tokens     *Tokens         `json:"tokens,omitempty"`
}

// journalEntry is one of: a record batch written, a shard finished, the dataset
// ready to be moved to its place.
type journalEntry struct {
	Batch    *journalBatch `json:"batch,omitempty"`
	Finished *FileInfo     `json:"finished,omitempty"`
	Commit   string        `json:"commit,omitempty"` // fingerprint
}

type journalBatch struct {
	Shard   int      `json:"shard"`
	Rows    int64    `json:"rows"`
	Offset  int64    `json:"offset"`
	MetaLen int32    `json:"meta"`
	BodyLen int64    `json:"body"`
	CRC     Checksum `json:"crc32c"` // of the shard up to the batch's end
	Bad     []BadRow `json:"bad,omitempty"`

	Position int64 `json:"position,omitempty"` // of the source, behind the rows and bad rows: see Row
}

func (b *journalBatch) block() arrowipc.Block {
	return arrowipc.Block{Offset: b.Offset, MetaLen: b.MetaLen, BodyLen: b.BodyLen}
}

// journalLine returns the line of a head or an entry.
func journalLine(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, errs.New(errs.Internal, "%w", err)
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(data, castagnoli), data), nil
}

// journalState is what a journal tells.
type journalState struct {
	head    []byte // JSON of the journalHead; nil where there is none
	entries []journalEntry
	ends    []int64 // offset behind each entry
	headEnd int64
}

// readJournal reads the journal of an unfinished dataset up to its first damage.
// Where there is none, or not even its head is whole, the state is empty.
func readJournal(partial string) (s journalState, err error) {
	path := filepath.Join(partial, journalName)
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return s, nil
	}
	if err != nil {
		return s, ioError(err, path)
	}
	pos := int64(0)
	for {
		end := bytes.IndexByte(data[pos:], '\n')
		if end < 0 {
			return s, nil
		}
		text, ok := checkLine(data[pos:][:end])
		if !ok {
			return s, nil
		}
		pos += int64(end) + 1
		if s.head == nil {
			s.head, s.headEnd = text, pos
			continue
		}
		var e journalEntry
		if json.Unmarshal(text, &e) != nil {
			return s, nil
		}
		s.entries, s.ends = append(s.entries, e), append(s.ends, pos)
	}
}

// checkLine returns a line's JSON where its checksum is right.
func checkLine(line []byte) ([]byte, bool) {
	const digits = 8
	if len(line) < digits+1 || line[digits] != ' ' {
		return nil, false
	}
	var want Checksum
	if want.UnmarshalText(line[:digits]) != nil {
		return nil, false
	}
	text := line[digits+1:]
	return text, crc32.Checksum(text, castagnoli) == uint32(want)
}

// cut drops the entries from n on.
func (s *journalState) cut(n int) {
	s.entries, s.ends = s.entries[:n], s.ends[:n]
}

// size returns the bytes of the journal that count.
func (s *journalState) size() int64 {
	if n := len(s.ends); n > 0 {
		return s.ends[n-1]
	}
	return s.headEnd
}

// committed returns the fingerprint of the dataset that was ready to be moved to
// its place, or "".
func (s *journalState) committed() string {
	if n := len(s.entries); n > 0 {
		return s.entries[n-1].Commit
	}
	return ""
}

// difference names the member in which two heads differ.
func difference(old, new []byte) string {
	var a, b map[string]json.RawMessage
	if json.Unmarshal(old, &a) != nil || json.Unmarshal(new, &b) != nil {
		return "journal"
	}
	for _, name := range []string{"journal", "source", "kind", "classes", "fields", "options", "created_by", "shard_bytes", "batch_rows", "sequence", "tokens"} {
		if !bytes.Equal(a[name], b[name]) {
			if name == "tokens" {
				return "tokenizer or vocabulary"
			}
			return name
		}
	}
	return "journal"
}
