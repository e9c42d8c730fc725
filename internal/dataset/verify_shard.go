package dataset

import (
	"context"
	"runtime/debug"

	"stoker/internal/arrowipc"
)

// shardCheck verifies one shard, whose rows are those of the index from first on.
type shardCheck struct {
	*verifier
	number int
	info   FileInfo
	first  int64
	data   []byte
	bad    map[int64]bool // rows that were reported, or -1 for the file
}

func (s *shardCheck) run(ctx context.Context) error {
	data, whole, err := s.bytes(ctx, s.info)
	defer unmap(data) //nolint:errcheck // only read
	if err != nil {
		return err
	}
	s.data, s.bad = data, map[int64]bool{}
	if err := s.check(ctx); err != nil {
		if ctx.Err() != nil {
			return err
		}
		s.damaged("%v", err)
	}
	if !whole && len(s.bad) == 0 && int64(len(data)) == s.info.Bytes {
		s.damaged("bytes outside the samples differ from what was written")
	}
	return nil
}

func (s *shardCheck) damaged(format string, args ...any) {
	s.bad[-1] = true
	s.file(s.info.File, format, args...)
}

func (s *shardCheck) check(ctx context.Context) (err error) {
	defer endFault(debug.SetPanicOnFault(true), &err)
	if s.hasIndex {
		if err := s.blobs(ctx); err != nil {
			return err
		}
	}
	file, err := arrowipc.Open(s.data)
	if err != nil {
		s.damaged("%v", err)
		if file, err = arrowipc.Recover(s.data); err != nil {
			return nil //nolint:nilerr // reported above
		}
	}
	if err := checkSchema(file.Schema(), s.d.layout.shardSchema()); err != nil {
		return err
	}
	found := int64(0)
	for i, block := range file.Blocks() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		batch, err := file.Batch(i)
		if err != nil {
			s.damaged("%v", err)
			continue
		}
		start := s.first + found
		if s.hasIndex {
			start = s.rowAt(block.Offset)
		}
		s.batch(batch, start)
		found += int64(batch.Rows)
	}
	if found != s.info.Rows && !s.bad[-1] {
		s.damaged("has %d samples, the manifest says %d", found, s.info.Rows)
	}
	return nil
}

// blobs checks the bytes of all samples that the index places in this shard.
func (s *shardCheck) blobs(ctx context.Context) error {
	row := indexRow{layout: s.d.layout}
	for i := s.first; i < s.first+s.info.Rows; i++ {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		s.d.indexRow(i, &row)
		switch {
		case row.shard != int64(s.number):
			s.badSample(i, &row, "the index places it in shard %d", row.shard)
		case row.offset < 0 || row.length < 0 || row.offset > int64(len(s.data))-row.length:
			s.badSample(i, &row, "its %d bytes are not all in the file", row.length)
		default:
			s.blob(i, &row)
		}
	}
	return nil
}

// blob checks the bytes of one sample, which lie in the file.
func (s *shardCheck) blob(i int64, row *indexRow) {
	if crc := CRC32C(s.data[row.offset:][:row.length]); crc != uint32(row.crc) {
		s.badSample(i, row, "its bytes have the checksum %08x, want %08x", crc, row.crc)
	}
}

func (s *shardCheck) badSample(i int64, row *indexRow, format string, args ...any) {
	if s.bad[i] {
		return
	}
	s.bad[i] = true
	s.sample(s.info.File, i, row.key, row.offset, format, args...)
}

// rowAt returns the first of the shard's index rows whose bytes lie behind the
// offset: the first row of the batch that begins there.
func (s *shardCheck) rowAt(offset int64) int64 {
	lo, hi := s.first, s.first+s.info.Rows
	row := indexRow{layout: s.d.layout}
	for lo < hi {
		mid := lo + (hi-lo)/2
		if s.d.indexRow(mid, &row); row.offset < offset {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// batch compares a record batch with the index from row start on, or, without an
// index, its blobs with their checksums beside them.
func (s *shardCheck) batch(batch arrowipc.Batch, start int64) {
	row, want := indexRow{layout: s.d.layout}, indexRow{layout: s.d.layout}
	for r := range batch.Rows {
		i := start + int64(r)
		if !row.readShard(s.number, batch.Columns, r) {
			s.badSample(i, &row, "its key or bytes lie outside the record batch")
			continue
		}
		if !s.hasIndex {
			s.blob(i, &row)
			continue
		}
		if i >= s.first+s.info.Rows {
			s.badSample(i, &row, "the index does not have it")
			continue
		}
		s.d.indexRow(i, &want)
		if what := row.difference(&want); what != "" {
			s.badSample(i, &want, "its %s is another in the shard than in the index", what)
		}
	}
}
