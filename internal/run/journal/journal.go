// Package journal keeps a run's events on disk: one line per record, appended
// in a single write, each with its own checksum:
//
//	<crc32c of the JSON, 8 hex digits> SP <JSON> LF
//
// Lines can be read with less(1). A record torn by a power loss or a full disk
// fails its checksum and is skipped; the next record starts on a line of its
// own because every writer ends a torn line before it writes. Two processes,
// the supervisor and the holder, append to the same file: O_APPEND keeps their
// lines whole on a local file system.
package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"time"

	"stoker/internal/errs"
)

// maxLine bounds one record, so that a damaged file cannot exhaust memory.
const maxLine = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Record is one event. Kind says which; Data is that kind's own JSON object.
type Record struct {
	Time time.Time       `json:"t"`
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data,omitempty"`
}

// Decode unpacks the record's data.
func (r Record) Decode(into any) error {
	if err := json.Unmarshal(r.Data, into); err != nil {
		return errs.New(errs.Corrupt, "journal record %q: %w", r.Kind, err)
	}
	return nil
}

// Writer appends records. Safe for concurrent use.
type Writer struct {
	mu   sync.Mutex
	file *os.File
	torn bool // the last write may have left a partial line
}

// Open opens or creates the journal at path for appending.
func Open(path string) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, errs.New(errs.Permission, "open journal: %w", err).At(path)
	}
	return &Writer{file: f, torn: !endsWhole(f)}, nil
}

// endsWhole reports whether the file is empty or ends with a line feed.
func endsWhole(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err == nil
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return err == nil && last[0] == '\n'
}

// Append writes one record; sync waits until the disk has it. A full disk is
// errs.Exhausted and leaves the journal usable.
func (w *Writer) Append(now time.Time, kind string, data any, sync bool) error {
	line, err := encode(now, kind, data)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := w.file.Write(line)
	if err != nil {
		w.torn = w.torn || n > 0
		return errs.New(errs.Exhausted, "write journal: %w", err).At(w.file.Name())
	}
	w.torn = false
	if sync {
		if err := w.file.Sync(); err != nil {
			return errs.New(errs.Exhausted, "sync journal: %w", err).At(w.file.Name())
		}
	}
	return nil
}

// Close closes the file.
func (w *Writer) Close() error { return w.file.Close() }

func encode(now time.Time, kind string, data any) ([]byte, error) {
	rec := Record{Time: now.UTC().Round(time.Millisecond), Kind: kind}
	if data != nil {
		raw, err := json.Marshal(data)
		if err != nil {
			return nil, errs.New(errs.Internal, "journal record %q: %w", kind, err)
		}
		rec.Data = raw
	}
	body, err := json.Marshal(rec)
	if err != nil {
		return nil, errs.New(errs.Internal, "journal record %q: %w", kind, err)
	}
	if len(body) > maxLine-16 {
		return nil, errs.New(errs.Invalid, "journal record %q has %d bytes, the limit is %d", kind, len(body), maxLine)
	}
	line := fmt.Appendf(nil, "%08x ", crc32.Checksum(body, castagnoli))
	return append(append(line, body...), '\n'), nil
}

// Read returns every whole record of the file in order, and how many lines were
// damaged. A missing file is errs.NotFound.
func Read(path string) (records []Record, damaged int, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, errs.New(errs.NotFound, "no journal").At(path)
	}
	if err != nil {
		return nil, 0, errs.New(errs.Permission, "open journal: %w", err).At(path)
	}
	defer f.Close()
	return Decode(f)
}

// Decode reads records from r; it never fails on damaged content, only on a
// failing reader.
func Decode(r io.Reader) (records []Record, damaged int, err error) {
	raw, err := io.ReadAll(io.LimitReader(r, 1<<30))
	if err != nil {
		return nil, 0, errs.New(errs.Transient, "read journal: %w", err)
	}
	for line := range bytes.Lines(raw) {
		line = bytes.TrimSuffix(line, []byte{'\n'})
		if len(line) == 0 {
			continue
		}
		if rec, ok := parse(line); ok {
			records = append(records, rec)
		} else {
			damaged++
		}
	}
	return records, damaged, nil
}

func parse(line []byte) (Record, bool) {
	var rec Record
	if len(line) < 10 || len(line) > maxLine || line[8] != ' ' {
		return rec, false
	}
	var sum uint32
	if _, err := fmt.Sscanf(string(line[:8]), "%08x", &sum); err != nil {
		return rec, false
	}
	if crc32.Checksum(line[9:], castagnoli) != sum {
		return rec, false
	}
	return rec, json.Unmarshal(line[9:], &rec) == nil && rec.Kind != ""
}
