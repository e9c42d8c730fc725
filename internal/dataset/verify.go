package dataset

import (
	"cmp"
	"context"
	"fmt"
	"hash/crc32"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"stoker/internal/arrowipc"
)

// maxProblems bounds what Verify lists; it goes on counting.
const maxProblems = 10_000

// Problem is one thing that Verify found.
type Problem struct {
	File   string `json:"file"`
	Sample int64  `json:"sample"`        // position in the dataset, -1 where no single sample is meant
	Key    string `json:"key,omitempty"` // of the sample
	Offset int64  `json:"offset"`        // of the sample's bytes in the file
	Reason string `json:"reason"`
}

// Report is what Verify found.
type Report struct {
	Dir        string    `json:"dataset"`
	Samples    int64     `json:"samples"`
	Files      int       `json:"files"`
	Bytes      int64     `json:"bytes"`
	BadSamples int64     `json:"bad_samples"`
	BadFiles   int64     `json:"bad_files"` // damage that belongs to no single sample
	Problems   []Problem `json:"problems"`  // by file and sample, at most 10,000
}

// OK reports whether nothing is wrong.
func (r *Report) OK() bool { return r.BadSamples+r.BadFiles == 0 }

// Verify reads every byte of the dataset in dir and compares it with all that is
// known of it: files with their sizes and checksums, blobs with theirs, the
// index's rows with the shards', keys with one another, the fingerprint with the
// rows. It works over as many shards at a time as there are CPUs. progress, where
// not nil, is told of bytes read, from several goroutines.
//
// Damage is in the report. An error means that there was nothing to verify (no
// dataset, a damaged manifest) or that ctx ended.
func Verify(ctx context.Context, dir string, progress func(bytes int64)) (*Report, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, ioError(err, dir)
	}
	if progress == nil {
		progress = func(int64) {}
	}
	v := &verifier{d: &Dataset{dir: dir, root: root, manifest: m, shards: make([]shardHandle, len(m.Shards))}, progress: progress,
		report: Report{Dir: dir, Samples: m.Samples, Files: len(m.Shards) + 2, Bytes: m.Bytes(), Problems: []Problem{}}}
	defer v.d.Close() //nolint:errcheck // only read
	if err := v.all(ctx); err != nil {
		return nil, err
	}
	slices.SortFunc(v.report.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Sample, b.Sample))
	})
	return &v.report, nil
}

type verifier struct {
	d        *Dataset
	hasIndex bool
	progress func(int64)

	mu     sync.Mutex
	report Report // guarded by mu
}

func (v *verifier) all(ctx context.Context) error {
	if err := v.index(ctx); err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	row := int64(0)
	for k, info := range v.d.manifest.Shards {
		s := &shardCheck{verifier: v, number: k, info: info, first: row}
		row += info.Rows
		group.Go(func() error { return s.run(ctx) })
	}
	return first(group.Wait(), ctx.Err())
}

// file records damage that belongs to no single sample.
func (v *verifier) file(name, format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.BadFiles++
	v.list(Problem{File: name, Sample: -1, Reason: fmt.Sprintf(format, args...)})
}

// sample records a damaged sample.
func (v *verifier) sample(name string, i int64, key []byte, offset int64, format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.BadSamples++
	v.list(Problem{File: name, Sample: i, Key: string(key), Offset: offset, Reason: fmt.Sprintf(format, args...)})
}

// list adds a problem to the report. The caller holds mu.
func (v *verifier) list(p Problem) {
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, p)
	}
}

// bytes maps a file as far as it is there and compares size and checksum with
// the manifest. whole is false where the file differs.
func (v *verifier) bytes(ctx context.Context, info FileInfo) (data []byte, whole bool, err error) {
	stat, err := v.d.root.Stat(info.File)
	if err != nil {
		v.file(info.File, "cannot be read: %v", err)
		return nil, false, nil
	}
	actual := info
	actual.Bytes = stat.Size()
	if actual.Bytes != info.Bytes {
		v.file(info.File, "has %d bytes, the manifest says %d", actual.Bytes, info.Bytes)
	}
	if data, err = openMap(v.d.root, actual); err != nil {
		v.file(info.File, "cannot be read: %v", err)
		return nil, false, nil
	}
	crc, err := v.checksum(ctx, data)
	if err != nil && ctx.Err() != nil {
		return data, false, err
	}
	if err != nil {
		v.file(info.File, "%v", err)
	}
	return data, err == nil && crc == uint32(info.CRC) && actual.Bytes == info.Bytes, nil
}

// checksum reads mapped bytes a piece at a time.
func (v *verifier) checksum(ctx context.Context, data []byte) (crc uint32, err error) {
	defer endFault(debug.SetPanicOnFault(true), &err)
	const piece = 4 << 20
	for len(data) > 0 && ctx.Err() == nil {
		n := min(piece, len(data))
		crc = crc32.Update(crc, castagnoli, data[:n])
		data = data[n:]
		v.progress(int64(n))
	}
	return crc, ctx.Err()
}

// index checks the index for itself: file, structure, fingerprint, keys.
func (v *verifier) index(ctx context.Context) error {
	info := v.d.manifest.Index
	data, whole, err := v.bytes(ctx, info)
	v.d.mapped = data // unmapped by Close
	if err != nil || data == nil {
		return err
	}
	if !whole {
		v.file(info.File, "its bytes do not have the checksum of the manifest: samples are compared with the shards alone")
		return nil
	}
	if err := v.d.readIndex(); err != nil {
		v.file(info.File, "%v", err)
		return nil
	}
	v.hasIndex = true
	return v.rows(ctx)
}

// rows checks what the index says as a whole.
func (v *verifier) rows(ctx context.Context) (err error) {
	defer endFault(debug.SetPanicOnFault(true), &err)
	m := v.d.manifest
	again, err := newIndexWriter(&output{file: discard{}}, m.Kind, m.Classes, m.Further())
	if err != nil {
		return err
	}
	keys := newKeySet(m.Samples)
	var row, original indexRow
	for i := range m.Samples {
		if i%indexBatchRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !v.d.indexRow(i, &row) {
			v.sample(m.Index.File, i, nil, 0, "its key lies outside the index")
			return nil
		}
		keys.add(row.key)
		if round := i / max(m.shardRows(), 1); m.Repeated && round > 0 {
			v.d.indexRow(i%m.shardRows(), &original)
			original.key = appendRepeatedKey(nil, original.key, round)
			if what := row.difference(&original); what != "" {
				v.sample(m.Index.File, i, row.key, 0, "its %s is not that of the sample it repeats", what)
			}
		}
		if err := again.add(&row); err != nil {
			v.file(m.Index.File, "row %d: %v", i, err)
			return nil
		}
	}
	var facts Manifest
	if err := again.finish(&facts); err != nil {
		return err
	}
	if facts.Fingerprint != m.Fingerprint {
		v.file(manifestName, "its fingerprint is not that of the index's rows, %s", facts.Fingerprint)
	}
	v.duplicates(keys)
	return nil
}

// indexRow reads row i of the index.
func (d *Dataset) indexRow(i int64, row *indexRow) (ok bool) {
	b, r, err := d.row(i)
	return err == nil && row.readIndex(b.Columns, r)
}

func (v *verifier) duplicates(keys *keySet) {
	hashes := keys.duplicates()
	if len(hashes) == 0 {
		return
	}
	seen := map[string]int64{}
	var row indexRow
	for i := range v.d.Len() {
		if !v.d.indexRow(i, &row) || !hashes[keys.hash(row.key)] {
			continue
		}
		if before, ok := seen[string(row.key)]; ok {
			v.sample(v.d.manifest.Index.File, i, row.key, 0, "sample %d has the same key", before)
			continue
		}
		seen[string(row.key)] = i
	}
}

// discard is a file that keeps nothing.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Sync() error                 { return nil }
func (discard) Close() error                { return nil }

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
	if err := checkSchema(file.Schema(), shardSchema(s.d.manifest.Further())); err != nil {
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
	var row indexRow
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
	var row indexRow
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
	var row, want indexRow
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
