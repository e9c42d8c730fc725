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

	"stoker/internal/errs"
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
	BadFiles   int64     `json:"bad_files"`   // damage that belongs to no single sample
	BadIndexes int64     `json:"bad_indexes"` // of these, entropy indexes: they can be made again
	Problems   []Problem `json:"problems"`    // by file and sample, at most 10,000
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
// dataset, a damaged manifest) or that ctx ended (Canceled).
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
	layout, err := m.layout()
	if err != nil {
		return nil, err
	}
	v := &verifier{d: &Dataset{dir: dir, root: root, manifest: m, layout: layout, shards: make([]shardHandle, len(m.Shards))}, progress: progress,
		report: Report{Dir: dir, Samples: m.Samples, Files: len(m.Shards) + 2, Bytes: m.Bytes(), Problems: []Problem{}}}
	defer v.d.Close() //nolint:errcheck // only read
	if err := v.all(ctx); err != nil {
		return nil, stopped(err)
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
	v.tokenFile()
	v.entropyFiles()
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
	again, err := newIndexWriter(&output{file: discard{}}, m, v.d.layout)
	if err != nil {
		return err
	}
	keys := newKeySet(m.Samples)
	row, original := indexRow{layout: v.d.layout}, indexRow{layout: v.d.layout}
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

// tokenFile compares the file of the tokenizer with its hash.
func (v *verifier) tokenFile() {
	t := v.d.manifest.Tokens
	if t == nil || t.File == "" {
		return
	}
	v.mu.Lock()
	v.report.Files++
	v.mu.Unlock()
	if _, err := v.d.TokenFile(); err != nil {
		v.file(t.File, "%v", err)
	}
}

// entropyFiles compares the entropy indexes with their checksums. What they say
// of an image is checked when they are used.
func (v *verifier) entropyFiles() {
	if v.d.manifest.Entropy == nil {
		return
	}
	for _, info := range v.d.manifest.Entropy.Files {
		v.mu.Lock()
		v.report.Files++
		v.mu.Unlock()
		if err := v.wholeFile(info); err != nil {
			v.file(info.File, "%v", err)
			v.mu.Lock()
			v.report.BadIndexes++
			v.mu.Unlock()
		}
	}
}

// wholeFile reads a file and compares its size and checksum with the manifest.
func (v *verifier) wholeFile(info FileInfo) (err error) {
	mapped, err := openMap(v.d.root, info)
	if err != nil {
		return err
	}
	defer func() { err = first(err, unmap(mapped)) }()
	defer endFault(debug.SetPanicOnFault(true), &err)
	v.progress(int64(len(mapped)))
	if crc := Checksum(CRC32C(mapped)); crc != info.CRC || int64(len(mapped)) != info.Bytes {
		return errs.New(errs.Corrupt, "%d bytes with checksum %v, the manifest says %d and %v", len(mapped), crc, info.Bytes, info.CRC)
	}
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
	row := indexRow{layout: v.d.layout}
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
