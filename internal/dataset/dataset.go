// Package dataset writes, opens, checks and unpacks datasets: folders of Arrow
// IPC files with a manifest, as docs/formats/dataset.md describes them.
//
// A Dataset is opened once and read by any number of goroutines. Opening costs
// O(index batches + shards): the index is mapped, not read, and samples are read
// with one pread each into memory of the caller. A Writer makes a dataset beside
// its final place and moves it there whole; what it wrote survives kill -9 and is
// continued by the next Writer on the same target.
//
// The files of a committed dataset never change: overwriting swaps the folder,
// and an open Dataset stays with the old folder, never mixing the two; what it
// has not opened of a folder that is gone is an error. Where a file is cut short in place all the
// same, or the disk fails, the methods of Dataset and Column return errors of
// kind Corrupt (the fault is caught, see guard); only the views that
// Column.Bytes returns fault like any mapped memory.
//
// The package starts goroutines only in Verify and Export, which wait for them.
package dataset

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"stoker/internal/arrowipc"
	"stoker/internal/codec"
	"stoker/internal/errs"
)

const (
	// indexBatchRows is the number of rows of every index batch but the last.
	indexBatchRows  = 1 << indexBatchShift
	indexBatchShift = 16

	// MaxBlobBytes is what one sample's bytes may take.
	MaxBlobBytes = 1 << 30
)

// Dataset is an open dataset. All methods but Close may be called concurrently.
type Dataset struct {
	dir      string
	root     *os.Root // the folder as it was when opened, whatever has its name now
	manifest *Manifest
	layout   *layout
	mapped   []byte // the index
	schema   *arrowipc.Schema
	batches  []arrowipc.Batch
	shards   []shardHandle
	entropy  *entropyMaps // nil where there are none
	random   atomic.Bool  // see ExpectRandomReads
	closed   atomic.Bool
}

// Open opens the dataset in dir: it reads the manifest, compares every file's
// size with it, and maps the index. Errors: NotFound, Corrupt (naming the file),
// Unsupported (a newer format), Permission.
func Open(dir string) (*Dataset, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, missing(dir, err)
	}
	d := &Dataset{dir: dir, root: root}
	if err := d.open(); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Dataset) open() (err error) {
	if d.manifest, err = readManifest(d.root); err != nil {
		return err
	}
	if d.layout, err = d.manifest.layout(); err != nil {
		return err
	}
	if t := d.manifest.Tokens; t != nil && t.File != "" {
		if err := d.checkSize(FileInfo{File: t.File, Bytes: t.Bytes}); err != nil {
			return err
		}
	}
	d.shards = make([]shardHandle, len(d.manifest.Shards))
	for _, info := range d.manifest.Shards {
		if err := d.checkSize(info); err != nil {
			return err
		}
	}
	if err := d.openIndex(); err != nil {
		return err
	}
	return d.openEntropy()
}

// checkSize compares a file's size with the manifest.
func (d *Dataset) checkSize(info FileInfo) error {
	stat, err := d.root.Stat(info.File)
	if os.IsNotExist(err) {
		return errs.New(errs.Corrupt, "%s is missing", info.File).At(d.dir).WithHint("pack the dataset again, or fetch the file from another copy")
	}
	if err != nil {
		err = ioError(err, filepath.Join(d.dir, info.File))
		if errs.Is(err, errs.Internal) { // such as a link that leaves the folder
			err = errs.New(errs.Corrupt, "%s cannot be used: %w", info.File, err)
		}
		return err
	}
	if stat.Size() == info.Bytes {
		return nil
	}
	what := "has grown"
	if stat.Size() < info.Bytes {
		what = "is cut off"
	}
	return errs.New(errs.Corrupt, "%s %s: it has %d bytes, the manifest says %d", info.File, what, stat.Size(), info.Bytes).At(d.dir).
		WithHint("`stoker verify %s` lists what is damaged; pack the dataset again, or fetch the file from another copy", d.dir)
}

// openIndex maps the index and checks its batches.
func (d *Dataset) openIndex() (err error) {
	info := d.manifest.Index
	if err := d.checkSize(info); err != nil {
		return err
	}
	d.mapped, err = openMap(d.root, info)
	if err == nil {
		err = d.readIndex()
	}
	return place(err, filepath.Join(d.dir, info.File))
}

// openMap maps a file of a dataset.
func openMap(root *os.Root, info FileInfo) ([]byte, error) {
	f, err := root.Open(info.File)
	if err != nil {
		return nil, ioError(err, filepath.Join(root.Name(), info.File))
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := mapFile(f, info.Bytes)
	return data, ioError(err, f.Name())
}

// readIndex checks the mapped index against the manifest: columns, and batches
// of indexBatchRows rows each.
func (d *Dataset) readIndex() (err error) {
	defer endFault(debug.SetPanicOnFault(true), &err)
	f, err := arrowipc.Open(d.mapped)
	if err != nil {
		return err
	}
	d.schema = f.Schema()
	if err := checkSchema(d.schema, d.layout.index()); err != nil {
		return err
	}
	left := d.manifest.Samples
	d.batches = make([]arrowipc.Batch, len(f.Blocks()))
	for i := range d.batches {
		if d.batches[i], err = f.Batch(i); err != nil {
			return err
		}
		if want, got := min(left, indexBatchRows), int64(d.batches[i].Rows); got != want || want == 0 {
			return errs.New(errs.Corrupt, "index batch %d has %d rows, want %d", i, got, want)
		}
		left -= int64(d.batches[i].Rows)
	}
	if left != 0 {
		return errs.New(errs.Corrupt, "the index lacks %d of %d rows", left, d.manifest.Samples)
	}
	return nil
}

// Close unmaps the index and closes the shards. No other method may run
// concurrently with it, and no view that Column.Bytes returned may be used after
// it. Later calls of methods that can fail report that the dataset is closed.
// A second Close does nothing.
func (d *Dataset) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	for i := range d.shards {
		d.shards[i].close()
	}
	mapped := d.mapped
	d.mapped, d.batches = nil, nil
	err := first(unmap(mapped), d.entropy.close())
	if d.root != nil { // else it is of a listing
		err = first(err, d.root.Close())
	}
	return err
}

// Len returns the number of samples.
func (d *Dataset) Len() int64 { return d.manifest.Samples }

// Manifest returns what the dataset consists of. The caller must not change it.
func (d *Dataset) Manifest() *Manifest { return d.manifest }

// Fingerprint returns the hash of what training can see: equal fingerprints mean
// equal samples in equal order.
func (d *Dataset) Fingerprint() string { return d.manifest.Fingerprint }

// Dir returns the path that Open was given.
func (d *Dataset) Dir() string { return d.dir }

// Sample is the index's row of one sample.
type Sample struct {
	Label         int64 // class number, -1 where there is none
	Width, Height int   // stored pixels, before orientation
	Orientation   int   // EXIF orientation, 1 to 8
	Format        codec.Format
	Shard         int
	Offset        int64 // of the blob in the shard's file
	Length        int64 // of the blob
	CRC           uint32
	Tokens        int32 // elements of a sequence
}

// Sample returns the index's row i. It allocates nothing. Errors: Invalid (no
// such sample), Corrupt.
func (d *Dataset) Sample(i int64) (s Sample, err error) {
	b, r, err := d.row(i)
	if err != nil {
		return Sample{}, err
	}
	defer endFault(debug.SetPanicOnFault(true), &err)
	c, l := b.Columns, d.layout
	s = Sample{
		Label: c[colLabel].Int(r), Shard: int(c[l.shard()].Int(r)), Offset: c[l.offset()].Int(r),
		Length: c[l.length()].Int(r), CRC: uint32(c[l.indexCRC()].Int(r)),
	}
	if l.sequence == nil {
		s.Width, s.Height = int(c[colWidth].Int(r)), int(c[colHeight].Int(r))
		s.Orientation, s.Format = int(c[colOrientation].Int(r)), codec.Format(c[colFormat].Int(r))
	} else if s.Tokens = int32(c[l.tokens()].Int(r)); int64(s.Tokens)*l.sequence.ElementBytes() != s.Length {
		return Sample{}, d.badRow(i, "%d tokens in %d bytes", s.Tokens, s.Length)
	}
	if s.Shard < 0 || s.Shard >= len(d.shards) {
		return Sample{}, d.badRow(i, "shard %d of %d", s.Shard, len(d.shards))
	}
	if size := d.manifest.Shards[s.Shard].Bytes; s.Offset < 0 || s.Length < 0 || s.Length > MaxBlobBytes || s.Offset > size-s.Length {
		return Sample{}, d.badRow(i, "bytes %d to %d of a shard of %d", s.Offset, s.Offset+s.Length, size)
	}
	return s, nil
}

// Formats returns the formats of the pictures, in order: it reads that column of
// the index, some milliseconds for a million rows.
func (d *Dataset) Formats() (formats []codec.Format) {
	var found [256]bool
	var err error
	defer endFault(debug.SetPanicOnFault(true), &err) // what could be read counts
	left := min(d.manifest.shardRows(), d.manifest.Samples)
	for b := range d.batches {
		column := &d.batches[b].Columns[colFormat]
		for r := range min(left, int64(d.batches[b].Rows)) {
			if f := codec.Format(column.Int(int(r))); !found[f] {
				found[f], formats = true, append(formats, f)
			}
		}
		left -= int64(d.batches[b].Rows)
	}
	slices.Sort(formats)
	return formats
}

// row finds the batch of row i and its number there.
func (d *Dataset) row(i int64) (*arrowipc.Batch, int, error) {
	if i < 0 || i >= d.manifest.Samples {
		return nil, 0, errs.New(errs.Invalid, "sample %d of a dataset of %d", i, d.manifest.Samples).At(d.dir)
	}
	if d.closed.Load() {
		return nil, 0, errs.New(errs.Invalid, "the dataset is closed").At(d.dir)
	}
	return &d.batches[i>>indexBatchShift], int(i & (indexBatchRows - 1)), nil
}

func (d *Dataset) badRow(i int64, format string, args ...any) error {
	return errs.New(errs.Corrupt, "row %d of the index points to "+format, append([]any{i}, args...)...).
		At(filepath.Join(d.dir, indexName)).WithHint("`stoker verify %s` lists what is damaged", d.dir)
}

// Key returns the name of sample i, or "" where there is no such sample or the
// index is damaged there.
func (d *Dataset) Key(i int64) string {
	key, _ := d.AppendKey(nil, i)
	return string(key)
}

// AppendKey appends the name of sample i to dst.
func (d *Dataset) AppendKey(dst []byte, i int64) (_ []byte, err error) {
	b, r, err := d.row(i)
	if err != nil {
		return dst, err
	}
	defer endFault(debug.SetPanicOnFault(true), &err)
	key, ok := b.Columns[colKey].Bytes(r)
	if !ok {
		return dst, d.badRow(i, "a key outside the file")
	}
	return append(dst, key...), nil
}
