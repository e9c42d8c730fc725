// Package seglog is a capped log of bytes. Every byte ever written has an
// offset; when the cap is reached the log forgets the middle: the first segment
// (banner, arguments, totals) and the newest ones stay. Segments are plain
// files named by the offset of their first byte:
//
//	raw/000000000000000000.log  raw/000000000008388608.log ...
//
// One process writes; any number read, also from other processes.
package seglog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"stoker/internal/errs"
)

// segments is how many files a full log has.
const segments = 8

// DefaultCap is enough for weeks of ordinary output.
const DefaultCap = 64 << 20

// Writer appends to the log in dir. Not safe for concurrent use.
type Writer struct {
	dir     string
	segCap  int64
	file    *os.File // nil until the first byte, and after a failed write
	segSize int64
	end     int64 // offset after the last byte, written or lost
}

// NewWriter continues the log in dir, which it creates. capBytes bounds the
// space on disk; 0 means DefaultCap.
func NewWriter(dir string, capBytes int64) (*Writer, error) {
	if capBytes <= 0 {
		capBytes = DefaultCap
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, errs.New(errs.Permission, "create log: %w", err).At(dir)
	}
	w := &Writer{dir: dir, segCap: max(capBytes/segments, 1)}
	list, err := list(dir)
	if err != nil {
		return nil, err
	}
	if len(list) > 0 {
		w.end = list[len(list)-1].end()
	}
	return w, nil
}

// End is the offset that the next byte gets.
func (w *Writer) End() int64 { return w.end }

// Write appends p. On an error (a full disk) the bytes are lost but counted, so
// that offsets stay true; the next write tries again in a new segment.
func (w *Writer) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := w.writeSome(p[done:])
		done += n
		w.end += int64(n)
		if err != nil {
			w.end += int64(len(p) - done)
			w.closeFile()
			return done, errs.New(errs.Exhausted, "write log: %w", err).At(w.dir)
		}
	}
	return done, nil
}

// writeSome writes at most up to the end of the segment.
func (w *Writer) writeSome(p []byte) (int, error) {
	if w.file != nil && w.segSize >= w.segCap {
		w.closeFile()
	}
	if w.file == nil {
		if err := w.nextSegment(); err != nil {
			return 0, err
		}
	}
	n, err := w.file.Write(p[:min(int64(len(p)), w.segCap-w.segSize)])
	w.segSize += int64(n)
	return n, err
}

// nextSegment makes room under the cap, then starts a file at the current end.
func (w *Writer) nextSegment() error {
	list, err := list(w.dir)
	if err != nil {
		return err
	}
	for len(list) >= segments {
		if err := os.Remove(list[1].path); err != nil {
			return err
		}
		list = slices.Delete(list, 1, 2)
	}
	f, err := os.OpenFile(filepath.Join(w.dir, fmt.Sprintf("%018d.log", w.end)), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w.file, w.segSize = f, 0
	return nil
}

func (w *Writer) closeFile() {
	if w.file != nil {
		w.file.Close()
		w.file = nil
	}
}

// Sync waits until the disk has everything written so far.
func (w *Writer) Sync() error {
	if w.file == nil {
		return nil
	}
	if err := w.file.Sync(); err != nil {
		return errs.New(errs.Exhausted, "sync log: %w", err).At(w.dir)
	}
	return nil
}

// Close ends the log; the disk has it when Close returns without error.
func (w *Writer) Close() error {
	err := w.Sync()
	w.closeFile()
	return err
}

type segment struct {
	path        string
	start, size int64
}

func (s segment) end() int64 { return s.start + s.size }

func list(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir) // sorted by name, so by offset
	if err != nil {
		return nil, errs.New(errs.NotFound, "read log: %w", err).At(dir)
	}
	var all []segment
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), ".log")
		start, err := strconv.ParseInt(digits, 10, 64)
		info, statErr := e.Info()
		if !ok || err != nil || statErr != nil {
			continue
		}
		all = append(all, segment{filepath.Join(dir, e.Name()), start, info.Size()})
	}
	return all, nil
}

// Bounds returns the offset of the first byte kept and the end of the log.
func Bounds(dir string) (start, end int64, err error) {
	all, err := list(dir)
	if err != nil || len(all) == 0 {
		return 0, 0, err
	}
	return all[0].start, all[len(all)-1].end(), nil
}

// ReadAt fills p from the log at offset off. Where bytes were forgotten it skips
// to the next one kept: at is the offset of p[0]. At the end it returns n = 0
// and io.EOF; the log may grow later.
func ReadAt(dir string, p []byte, off int64) (n int, at int64, err error) {
	all, err := list(dir)
	if err != nil {
		return 0, off, err
	}
	for _, s := range all {
		if s.end() <= off {
			continue
		}
		at = max(off, s.start)
		f, err := os.Open(s.path)
		if err != nil { // removed since it was listed: the next one follows
			continue
		}
		n, err := f.ReadAt(p[:min(int64(len(p)), s.end()-at)], at-s.start)
		f.Close()
		if n > 0 {
			return n, at, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, at, errs.New(errs.Transient, "read log: %w", err).At(s.path)
		}
	}
	return 0, off, io.EOF
}

// Tail returns at most n of the last bytes of the log.
func Tail(dir string, n int64) ([]byte, error) {
	_, end, err := Bounds(dir)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 0, n)
	for off := max(0, end-n); off < end; {
		chunk := make([]byte, end-off)
		got, at, err := ReadAt(dir, chunk, off)
		if err != nil {
			break
		}
		if at != off {
			buf = buf[:0]
		}
		buf, off = append(buf, chunk[:got]...), at+int64(got)
	}
	return buf, nil
}
