package dataset

import (
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"stoker/internal/errs"
)

// castagnoli is the CRC-32C that all checksums of a dataset use; the standard
// library computes it with the CPU's own instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// shardHandle is a shard's file, opened with its first read.
type shardHandle struct {
	file    atomic.Pointer[os.File]
	opening sync.Mutex
}

// shardFile returns the file of shard i. A shard that is gone since the dataset was opened was
// replaced or removed with its folder.
func (d *Dataset) shardFile(i int) (*os.File, error) {
	h := &d.shards[i]
	if f := h.file.Load(); f != nil {
		return f, nil
	}
	h.opening.Lock()
	defer h.opening.Unlock()
	if f := h.file.Load(); f != nil {
		return f, nil
	}
	name := d.manifest.Shards[i].File
	f, err := d.root.Open(name)
	switch {
	case errors.Is(err, os.ErrClosed):
		return nil, errs.New(errs.Invalid, "the dataset is closed").At(d.dir)
	case os.IsNotExist(err):
		return nil, errs.New(errs.NotFound, "%s is gone: the dataset was replaced or removed while open", name).At(d.dir).
			WithHint("start again with the dataset as it is now")
	case err != nil:
		return nil, ioError(err, filepath.Join(d.dir, name))
	}
	if d.random.Load() {
		adviseRandom(f)
	}
	h.file.Store(f)
	return f, nil
}

// ExpectRandomReads says that samples will be read in no order: the system then
// reads from the disk what is asked for and nothing behind it. With its usual
// read-ahead, 3,000 cold reads in random order took 28 % (of 110 KB each) to 34 %
// (200 KB) more bytes from the disk, without it 1 to 3 %. Call it before the
// first Read.
func (d *Dataset) ExpectRandomReads() { d.random.Store(true) }

func (h *shardHandle) close() {
	if f := h.file.Load(); f != nil {
		_ = f.Close() // only read
	}
}

// Read reads the blob of sample i, whose index row is s, into dst, which is
// grown where it is too small, and checks its checksum. It returns the blob: a
// part of dst or of its replacement. Errors carry shard, offset and key: Corrupt
// where the bytes are wrong or the file is cut off.
func (d *Dataset) Read(s *Sample, i int64, dst []byte) ([]byte, error) {
	dst, err := d.ReadRange(s, i, 0, s.Length, dst)
	if err != nil {
		return dst, err
	}
	if crc := CRC32C(dst); crc != s.CRC {
		return dst, d.sampleError(s, i, errs.New(errs.Corrupt, "the bytes have the checksum %08x, the index says %08x", crc, s.CRC))
	}
	return dst, nil
}

// ReadRange reads length bytes of a blob, from the given offset inside it on,
// without checking them.
func (d *Dataset) ReadRange(s *Sample, i, offset, length int64, dst []byte) ([]byte, error) {
	if offset < 0 || length < 0 || offset > s.Length-length {
		return dst, d.sampleError(s, i, errs.New(errs.Invalid, "bytes %d to %d of a sample of %d", offset, offset+length, s.Length))
	}
	if d.closed.Load() {
		return dst, errs.New(errs.Invalid, "the dataset is closed").At(d.dir)
	}
	f, err := d.shardFile(s.Shard)
	if err != nil {
		return dst, err
	}
	if int64(cap(dst)) < length {
		dst = make([]byte, length)
	}
	dst = dst[:length]
	n, err := f.ReadAt(dst, s.Offset+offset)
	switch {
	case int64(n) == length:
		return dst, nil
	case errors.Is(err, io.EOF):
		return dst, d.sampleError(s, i, errs.New(errs.Corrupt, "the file is cut off: %d of %d bytes are there", n, length))
	case errors.Is(err, os.ErrClosed):
		return dst, errs.New(errs.Invalid, "the dataset is closed").At(d.dir)
	}
	return dst, d.sampleError(s, i, errs.New(errs.KindOf(ioError(err, "")), "%w", err))
}

// sampleError gives an error its place.
func (d *Dataset) sampleError(s *Sample, i int64, e *errs.Error) error {
	if e.Kind == errs.Corrupt {
		e = e.WithHint("`stoker verify %s` lists every damaged sample", d.dir)
	}
	return e.At(d.dir).InShard(d.manifest.Shards[s.Shard].File, s.Offset, d.Key(i))
}

// maxTokenFile bounds the memory for a tokenizer; those of large models have 35 MB.
const maxTokenFile = 1 << 30

// TokenFile reads the tokenizer or vocabulary that the dataset keeps and checks
// its hash; nil where it keeps none. Errors: NotFound, Corrupt.
func (d *Dataset) TokenFile() ([]byte, error) {
	t := d.manifest.Tokens
	if t == nil || t.File == "" {
		return nil, nil
	}
	path := filepath.Join(d.dir, t.File)
	f, err := d.root.Open(t.File)
	if err != nil {
		return nil, ioError(err, path)
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxTokenFile+1))
	if err != nil {
		return nil, ioError(err, path)
	}
	if len(data) > maxTokenFile || hashOf(data) != t.SHA256 {
		return nil, errs.New(errs.Corrupt, "the tokenizer's file is not the one that the manifest names").At(path).
			WithHint("fetch it from another copy, or pack the dataset again")
	}
	return data, nil
}

// CRC32C returns the checksum of a blob, as Row.CRC wants it.
func CRC32C(blob []byte) uint32 { return crc32.Checksum(blob, castagnoli) }
