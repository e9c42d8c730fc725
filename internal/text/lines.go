package text

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"stoker/internal/errs"
)

// readBuffer is the size of reads from a file or a decompressor.
const readBuffer = 256 << 10

// stream is a file of text, decompressed.
type stream struct {
	*bufio.Reader
	close func() error
}

// counted counts the bytes read from a file.
type counted struct {
	r     io.Reader
	count *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.count.Add(int64(n))
	return n, err
}

// openStream reads a file, through a decompressor where its name says so, and
// drops a UTF-8 byte order mark.
func openStream(src *os.File, count *atomic.Int64) (*stream, error) {
	s := &stream{close: src.Close}
	var in io.Reader = counted{src, count}
	switch strings.ToLower(filepath.Ext(src.Name())) {
	case ".gz":
		z, err := gzip.NewReader(bufio.NewReaderSize(in, readBuffer))
		if err != nil {
			return nil, damaged(err)
		}
		in = z
	case ".zst":
		// One goroutine less, and memory bounded whatever the file asks for.
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, damaged(err)
		}
		s.close = func() error { z.Close(); return src.Close() }
		in = z
	}
	s.Reader = bufio.NewReaderSize(in, readBuffer)
	if head, _ := s.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		_, _ = s.Discard(3) // peeked: cannot fail
	}
	return s, nil
}

// damaged explains an error of a decompressor or of reading.
func damaged(err error) error {
	if err == nil || err == io.EOF { //nolint:errorlint // as readers return it
		return err
	}
	if err == io.ErrUnexpectedEOF { //nolint:errorlint // as readers return it
		return errs.New(errs.Corrupt, "the file is cut off: %w", err).WithHint("fetch it again, whole")
	}
	return errs.New(errs.Corrupt, "cannot be read on: %w", err)
}

// jsonLines reads a file of one JSON object a line. Blank lines are no rows.
type jsonLines struct {
	*stream
	line int64  // number of the last one read
	long []byte // a line that is longer than the buffer
}

func openJSONL(_ *Files, _ *file, src *os.File, count *atomic.Int64, _ string) (rows, error) {
	s, err := openStream(src, count)
	if err != nil {
		return nil, err
	}
	return &jsonLines{stream: s}, nil
}

var errLongRow = errs.New(errs.Unsupported, "the row is longer than %d MiB", MaxRowBytes>>20)

func (l *jsonLines) next(c *Chunk) error {
	for !c.full() {
		line, err := l.read()
		switch {
		case err == errLongRow: //nolint:errorlint // its only place
			c.add(l.line, nil, err)
		case err != nil:
			return err
		default:
			c.addRaw(l.line, line)
		}
	}
	return nil
}

func (l *jsonLines) skip(n int64) (found int64, err error) {
	for found < n {
		if _, err := l.read(); err == io.EOF {
			return found, nil
		} else if err != nil && err != errLongRow { //nolint:errorlint // its only place
			return found, err
		}
		found++
	}
	return found, nil
}

// read returns the next line that is not blank; errLongRow stands for one that was
// too long to be held.
func (l *jsonLines) read() ([]byte, error) {
	for {
		line, err := l.readLine()
		if err != nil {
			return nil, err
		}
		l.line++
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

func (l *jsonLines) readLine() ([]byte, error) {
	line, err := l.ReadSlice('\n')
	if err == nil || err == io.EOF && len(line) > 0 {
		return line, nil
	}
	if err != bufio.ErrBufferFull { //nolint:errorlint // as bufio returns it
		return nil, damaged(err)
	}
	l.long = append(l.long[:0], line...)
	for err == bufio.ErrBufferFull { //nolint:errorlint // as bufio returns it
		line, err = l.ReadSlice('\n')
		if len(l.long)+len(line) <= MaxRowBytes {
			l.long = append(l.long, line...)
		} else {
			l.long = l.long[:MaxRowBytes] // the rest goes by unheld
			l.long = append(l.long, ' ')
		}
	}
	if err != nil && err != io.EOF {
		return nil, damaged(err)
	}
	if len(l.long) > MaxRowBytes {
		l.long = nil
		l.line++
		return nil, errLongRow
	}
	return l.long, nil
}

func (l *jsonLines) close() error { return l.stream.close() }

// wholeFile is a file that is one row of text.
type wholeFile struct {
	*stream
	done bool
}

func openWhole(_ *Files, _ *file, src *os.File, count *atomic.Int64, _ string) (rows, error) {
	s, err := openStream(src, count)
	if err != nil {
		return nil, err
	}
	return &wholeFile{stream: s}, nil
}

func (w *wholeFile) next(c *Chunk) error {
	if w.done {
		return io.EOF
	}
	w.done = true
	data, err := io.ReadAll(io.LimitReader(w.Reader, MaxRowBytes+1))
	if err == nil && len(data) > MaxRowBytes {
		err = errLongRow
	}
	if err != nil {
		c.add(1, nil, damaged(err))
		return nil
	}
	c.add(1, Record{{FieldName, Value{Kind: Text, Text: data}}}, nil)
	return nil
}

func (w *wholeFile) skip(n int64) (int64, error) {
	if w.done || n == 0 {
		return 0, nil
	}
	w.done = true
	return 1, nil
}

func (w *wholeFile) close() error { return w.stream.close() }
