package arrowipc

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"

	"stoker/internal/errs"
)

// Stream reads the batches of an Arrow IPC stream or file, in order, without a map
// of it and without its footer: for files that other programs wrote. Memory is that
// of one batch.
type Stream struct {
	in     *bufio.Reader
	schema Schema
	at     int64 // bytes read
	buf    bytes.Buffer

	dictionaries map[int64]*Column
	plain        bytes.Buffer // the batch, decompressed
	zstd         *zstd.Decoder
}

// NewStream reads the schema. Errors as of Open.
func NewStream(r io.Reader) (*Stream, error) {
	s := &Stream{in: bufio.NewReaderSize(r, 1<<16)}
	if head, _ := s.in.Peek(magicBytes); hasMagic(head) { // a file is its magic and then a stream
		s.discard(magicBytes)
	}
	f, m, err := s.message()
	if err == io.EOF {
		return nil, errs.New(errs.Corrupt, "not an Arrow file: there is no schema in it")
	}
	if err != nil {
		return nil, err
	}
	if err := m.schema(&f.schema); err != nil {
		return nil, err
	}
	s.schema = f.schema
	return s, nil
}

// Schema returns the schema. The caller must not change it.
func (s *Stream) Schema() *Schema { return &s.schema }

// Next returns the next batch, valid until the next call, and io.EOF behind the
// last one. Errors: Corrupt, Unsupported.
func (s *Stream) Next() (Batch, error) {
	for {
		f, m, err := s.message()
		if err != nil {
			return Batch{}, err
		}
		switch m.kind {
		case headerDictionaryBatch:
			if err := s.dictionary(f, m); err != nil {
				return Batch{}, err
			}
			continue
		case headerRecordBatch:
		default:
			return Batch{}, errs.New(errs.Unsupported, "the Arrow file has other messages than record batches and dictionaries")
		}
		body, err := s.body(f, m.header)
		if err != nil {
			return Batch{}, err
		}
		b, ok := decode(m.header, &s.schema, body)
		if !ok {
			return Batch{}, errs.New(errs.Corrupt, "the record batch before byte %d of the Arrow file is damaged", s.at)
		}
		return b, s.look(&b)
	}
}

// message reads one message with its body, as a file of one batch.
func (s *Stream) message() (*File, message, error) {
	start := s.at
	s.buf.Reset()
	cut := errs.New(errs.Corrupt, "the Arrow message at byte %d is damaged or cut off", start)
	head, err := s.in.Peek(prefixBytes)
	if len(head) == 0 && err == io.EOF { // streams may end without a marker
		return nil, message{}, io.EOF
	}
	if err != nil || binary.LittleEndian.Uint32(head) != continuation {
		return nil, message{}, cut
	}
	size := int64(binary.LittleEndian.Uint32(head[4:]))
	if size == 0 {
		return nil, message{}, io.EOF
	}
	if size > math.MaxInt32-prefixBytes || !s.take(prefixBytes+size) {
		return nil, message{}, cut
	}
	f := &File{data: s.buf.Bytes()}
	m, meta, err := f.message(0)
	if err != nil || m.bodyLen > math.MaxInt32*16 || !s.take(m.bodyLen) {
		return nil, message{}, cut
	}
	// The buffer may have moved: the metadata is read again where it is now.
	f.data = s.buf.Bytes()
	m, _, err = f.message(0)
	f.blocks = []Block{{MetaLen: int32(meta), BodyLen: m.bodyLen}}
	return f, m, err
}

// take reads n bytes into the buffer, which grows with what is there, not with what
// the file claims.
func (s *Stream) take(n int64) bool {
	got, err := io.CopyN(&s.buf, s.in, n)
	s.at += got
	return err == nil
}

func (s *Stream) discard(n int) {
	n, _ = s.in.Discard(n)
	s.at += int64(n)
}
