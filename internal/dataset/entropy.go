package dataset

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

	"stoker/internal/arrowipc"
	"stoker/internal/codec"
	"stoker/internal/entropy"
	"stoker/internal/errs"
)

// Entropy describes the entropy indexes of a dataset's JPEG images: one file
// beside each shard, with a row for each of its rows. They only make decoding of
// regions faster; a dataset without them, or with ones that another decoder made,
// trains the same.
type Entropy struct {
	Decoder string     `json:"decoder"` // codec.Version of the decoder that made them
	Step    int        `json:"step"`    // MCUs from one entry to the next
	Files   []FileInfo `json:"files"`   // by shard
}

// EntropyRows is the step that makes one entry for each row of MCUs.
const EntropyRows = math.MaxUint16

const (
	entropyBatchShift = 10
	entropyBatchRows  = 1 << entropyBatchShift
)

// Columns of an entropy file.
const (
	colEntropy = iota
	colParts
)

var entropySchema = &arrowipc.Schema{Fields: []arrowipc.Field{
	{Name: "entropy", Type: arrowipc.Binary}, {Name: "parts", Type: arrowipc.Binary}}}

// EntropyOptions are the options of AddEntropy.
type EntropyOptions struct {
	Step     int                // MCUs between entries, EntropyRows for one a row, 0 for the decoder's default
	Workers  int                // images indexed at once; 0 means one a core
	Progress func(images int64) // told of images done since the last call, from one goroutine at a time; may be nil
	Damaged  func(BadRow)       // told of images that cannot be decoded to their end, in order; may be nil

	reuse bool // keep the complete file of a shard that is there already
}

// AddEntropy gives the dataset in dir entropy indexes, or new ones. The dataset
// can be read all the while; the manifest is switched when all files are there.
// Errors: those of Open and Verify for damaged images, Invalid for datasets that
// hold no pictures.
func AddEntropy(ctx context.Context, dir string, o EntropyOptions) (*Manifest, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	if m.Sequence != nil {
		return nil, errs.New(errs.Invalid, "a dataset of sequences has no pictures to index").At(dir)
	}
	old := m.Entropy
	if m.Entropy, err = buildEntropy(ctx, dir, m, o, openFile); err != nil {
		return nil, err
	}
	data, err := m.encode()
	if err != nil {
		return nil, errs.New(errs.Internal, "%w", err)
	}
	next := filepath.Join(dir, manifestName+".new")
	if _, err := writeFile(next, data, openFile); err != nil {
		return nil, err
	}
	if err := os.Rename(next, filepath.Join(dir, manifestName)); err != nil {
		return nil, ioError(err, dir)
	}
	if err := syncDir(dir); err != nil {
		return nil, err
	}
	removeEntropy(dir, old, m.Entropy)
	return m, nil
}

// IndexEntropy builds the entropy indexes of all rows; Commit then puts them into
// the dataset. No row may be appended after it. Shards that an interrupted run
// indexed are not indexed again.
func (w *Writer) IndexEntropy(ctx context.Context, o EntropyOptions) error {
	if err := w.usable(); err != nil {
		return err
	}
	if err := w.finishRows(); err != nil {
		return err
	}
	m := &Manifest{Shards: w.finished}
	var err error
	o.reuse = true
	w.entropy, err = buildEntropy(ctx, filepath.Join(w.partial, dataName), m, o, w.open)
	return err
}

// removeEntropy removes files that the new manifest does not name. Who has them
// mapped keeps them.
func removeEntropy(dir string, old, now *Entropy) {
	if old == nil || old.Step == now.Step {
		return
	}
	for _, f := range old.Files {
		_ = os.Remove(filepath.Join(dir, f.File)) // only waste is left behind
	}
}

func buildEntropy(ctx context.Context, dir string, m *Manifest, o EntropyOptions, open openFunc) (*Entropy, error) {
	if o.Step == 0 {
		o.Step = codec.DefaultIndexStep
	}
	if o.Step < 1 || o.Step > EntropyRows {
		return nil, errs.New(errs.Invalid, "an entropy index with an entry every %d MCUs", o.Step).
			WithHint("the step is 1 to %d", EntropyRows)
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, missing(dir, err)
	}
	defer root.Close() //nolint:errcheck // only read
	e := &Entropy{Decoder: codec.Version(codec.JPEG), Step: o.Step}
	for i, info := range m.Shards {
		name := fmt.Sprintf("entropy-%d-%05d.arrow", o.Step, i)
		written, err := indexEntropy(ctx, root, info, filepath.Join(dir, name), o, open)
		if err != nil {
			return nil, err
		}
		e.Files = append(e.Files, written)
	}
	return e, nil
}

// indexEntropy writes the entropy indexes of one shard. They go to a file of
// another name first: what a manifest names already stays whole.
func indexEntropy(ctx context.Context, root *os.Root, shard FileInfo, path string, o EntropyOptions, open openFunc) (info FileInfo, err error) {
	if o.reuse {
		if info, ok := finishedEntropy(path, shard.Rows); ok {
			o.tell(shard.Rows)
			return info, o.recheck(ctx, root, shard, info)
		}
	}
	mapped, err := openMap(root, shard)
	if err != nil {
		return info, err
	}
	defer func() { err = first(err, unmap(mapped)) }()
	f, err := open(path+".new", 0)
	if err != nil {
		return info, writeError(err, path, 0)
	}
	out := &output{file: f, path: path}
	if err := writeEntropy(ctx, out, mapped, o); err != nil {
		return info, place(first(err, f.Close()), filepath.Join(root.Name(), shard.File))
	}
	if info, err = out.finish(); err != nil {
		return info, err
	}
	info.Rows = shard.Rows
	return info, ioError(os.Rename(path+".new", path), path)
}

// finishedEntropy returns what the manifest says of a file that a run before this
// one completed; ok is false where there is none.
func finishedEntropy(path string, rows int64) (info FileInfo, ok bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return info, false
	}
	file, err := arrowipc.Open(data)
	if err != nil || checkSchema(file.Schema(), entropySchema) != nil {
		return info, false
	}
	found := int64(0)
	for i := range file.Blocks() {
		batch, err := file.Batch(i)
		if err != nil {
			return info, false
		}
		found += int64(batch.Rows)
	}
	return FileInfo{File: filepath.Base(path), Rows: rows, Bytes: int64(len(data)), CRC: Checksum(CRC32C(data))}, found == rows
}

func (o EntropyOptions) tell(images int64) {
	if o.Progress != nil {
		o.Progress(images)
	}
}

func writeEntropy(ctx context.Context, out *output, mapped []byte, o EntropyOptions) error {
	file, err := arrowipc.Open(mapped)
	if err != nil {
		return err
	}
	w, err := arrowipc.NewWriter(out, entropySchema, arrowipc.BufferAlign)
	if err != nil {
		return err
	}
	rows := arrowipc.NewBuilder(entropySchema)
	indexers := make([]*codec.Set, o.Workers)
	for i := range indexers {
		indexers[i] = codec.NewSet(codec.Limits{MaxPixels: math.MaxInt64})
	}
	for i := range file.Blocks() {
		indexes, err := indexBatch(ctx, file, i, indexers, o.Step, nil)
		if err != nil {
			return err
		}
		o.tellDamage(indexes)
		for i := range indexes {
			rows.AppendBytes(colEntropy, indexes[i].entropy)
			rows.AppendBytes(colParts, indexes[i].parts)
			if rows.Rows() == entropyBatchRows {
				if _, err := w.WriteBatch(rows); err != nil {
					return err
				}
				rows.Reset()
			}
		}
		o.tell(int64(len(indexes)))
	}
	if rows.Rows() > 0 {
		if _, err := w.WriteBatch(rows); err != nil {
			return err
		}
	}
	return w.Finish()
}

// recheck tells of the damaged images of a shard that a run before this one
// indexed: they are among those without an index.
func (o EntropyOptions) recheck(ctx context.Context, root *os.Root, shard, done FileInfo) (err error) {
	d := &Dataset{root: root, entropy: &entropyMaps{}}
	defer func() { err = first(err, d.entropy.close()) }()
	if err := d.mapEntropy(done); err != nil {
		return err
	}
	mapped, err := openMap(root, shard)
	if err != nil {
		return err
	}
	defer func() { err = first(err, unmap(mapped)) }()
	file, err := arrowipc.Open(mapped)
	if err != nil {
		return err
	}
	sets := []*codec.Set{codec.NewSet(codec.Limits{MaxPixels: math.MaxInt64})}
	row := 0
	for i := range file.Blocks() {
		has := func(r int) bool {
			at := row + r
			return len(appendMapped(nil, &d.entropy.files[0][at>>entropyBatchShift], colEntropy, at&(entropyBatchRows-1))) > 0
		}
		indexes, err := indexBatch(ctx, file, i, sets, o.Step, has)
		if err != nil {
			return err
		}
		o.tellDamage(indexes)
		row += len(indexes)
	}
	return nil
}

// indexed is the row of an entropy file for one image; damage is empty where the
// image is whole.
type indexed struct {
	entropy, parts []byte
	damage         BadRow
}

func (o EntropyOptions) tellDamage(all []indexed) {
	for i := range all {
		if all[i].damage.Reason != "" && o.Damaged != nil {
			o.Damaged(all[i].damage)
		}
	}
}

// indexBatch indexes the images of one record batch of a shard, one goroutine to
// each set of decoders, but for rows that has, where not nil, says to have one.
// Images without an index, and such as cannot be read, get an empty one.
func indexBatch(ctx context.Context, file *arrowipc.File, block int, sets []*codec.Set, step int, has func(row int) bool) ([]indexed, error) {
	batch, err := file.Batch(block)
	if err != nil {
		return nil, err
	}
	blobs, formats := batch.Columns[len(batch.Columns)-1], batch.Columns[colFormat]
	indexes := make([]indexed, batch.Rows)
	group, ctx := errgroup.WithContext(ctx)
	for n, set := range sets {
		group.Go(func() (err error) {
			defer endFault(debug.SetPanicOnFault(true), &err)
			for r := n; r < batch.Rows; r += len(sets) {
				if err := ctx.Err(); err != nil {
					return errs.New(errs.Canceled, "indexing was stopped: %w", err)
				}
				blob, ok := blobs.Bytes(r)
				if !ok {
					return errs.New(errs.Corrupt, "row %d of record batch %d lies outside the file", r, block)
				}
				if has != nil && has(r) {
					continue
				}
				at, _, _ := blobs.Span(r)
				index, err := set.AppendIndex(nil, blob, codec.Format(formats.Int(r)), step)
				switch {
				case err != nil:
					key, _ := batch.Columns[colKey].Bytes(r)
					indexes[r].damage = BadRow{Path: string(key), Reason: err.Error()}
				case len(index) > 0:
					indexes[r] = indexed{entropy: index, parts: entropy.AppendParts(nil, blob, at)}
				}
			}
			return nil
		})
	}
	return indexes, group.Wait()
}

// entropyMaps are the mapped entropy indexes of an open dataset.
type entropyMaps struct {
	mapped [][]byte           // by shard
	files  [][]arrowipc.Batch // by shard, entropyBatchRows rows each
	first  []int64            // row of the dataset that each shard begins with
	rows   int64              // of all shards
}

// openEntropy maps the entropy indexes, where there are any that this build can
// use. Damaged ones are an error: a manifest vouches for them.
func (d *Dataset) openEntropy() error {
	e := d.manifest.Entropy
	if e == nil || e.Decoder != codec.Version(codec.JPEG) {
		return nil
	}
	d.entropy = &entropyMaps{}
	for _, info := range e.Files {
		if err := d.checkSize(info); err != nil {
			return err
		}
		if err := d.mapEntropy(info); err != nil {
			return place(err, filepath.Join(d.dir, info.File))
		}
	}
	return nil
}

func (d *Dataset) mapEntropy(info FileInfo) (err error) {
	mapped, err := openMap(d.root, info)
	if err != nil {
		return err
	}
	m := d.entropy
	m.mapped = append(m.mapped, mapped)
	defer endFault(debug.SetPanicOnFault(true), &err)
	file, err := arrowipc.Open(mapped)
	if err != nil {
		return err
	}
	schema := *entropySchema
	if len(file.Schema().Fields) == 1 { // as before there were parts
		schema.Fields = schema.Fields[:1]
	}
	if err := checkSchema(file.Schema(), &schema); err != nil {
		return err
	}
	batches, left := make([]arrowipc.Batch, len(file.Blocks())), info.Rows
	for i := range batches {
		if batches[i], err = file.Batch(i); err != nil {
			return err
		}
		if want := min(left, entropyBatchRows); int64(batches[i].Rows) != want || want == 0 {
			return errs.New(errs.Corrupt, "batch %d has %d rows, want %d", i, batches[i].Rows, want)
		}
		left -= int64(batches[i].Rows)
	}
	if left != 0 {
		return errs.New(errs.Corrupt, "%d of %d rows are missing", left, info.Rows)
	}
	m.files, m.first = append(m.files, batches), append(m.first, m.rows)
	m.rows += info.Rows
	return nil
}

// check refuses what no writer makes; nil is fine.
func (e *Entropy) check(shards []FileInfo) error {
	if e == nil {
		return nil
	}
	if len(e.Files) != len(shards) {
		return errs.New(errs.Corrupt, "the manifest names %d entropy files for %d shards", len(e.Files), len(shards))
	}
	for i, f := range e.Files {
		if !plainName(f.File) || f.Bytes < 0 || f.Rows != shards[i].Rows {
			return errs.New(errs.Corrupt, "the manifest's entropy file %q does not fit its shard", f.File)
		}
	}
	return nil
}

// HasEntropy reports whether the dataset has entropy indexes that this build's
// decoder can use.
func (d *Dataset) HasEntropy() bool { return d.entropy != nil }

// AppendEntropy appends the entropy index of sample i, whose row in the index is
// s, to dst: what codec.Request.Index takes. It appends nothing where there is
// none, or where it cannot be read.
func (d *Dataset) AppendEntropy(dst []byte, i int64, s *Sample) []byte {
	return d.appendIndexed(dst, colEntropy, i, s)
}

// AppendParts does the same with what entropy.Parts reads.
func (d *Dataset) AppendParts(dst []byte, i int64, s *Sample) []byte {
	return d.appendIndexed(dst, colParts, i, s)
}

func (d *Dataset) appendIndexed(dst []byte, column int, i int64, s *Sample) []byte {
	m := d.entropy
	if m == nil || s.Format != codec.JPEG || d.closed.Load() || s.Shard >= len(m.first) {
		return dst
	}
	if d.manifest.Repeated {
		i %= m.rows
	}
	row := i - m.first[s.Shard]
	if row < 0 || row>>entropyBatchShift >= int64(len(m.files[s.Shard])) {
		return dst
	}
	return appendMapped(dst, &m.files[s.Shard][row>>entropyBatchShift], column, int(row&(entropyBatchRows-1)))
}

func appendMapped(dst []byte, b *arrowipc.Batch, column, row int) (out []byte) {
	var err error
	defer func() {
		if err != nil {
			out = dst
		}
	}()
	defer endFault(debug.SetPanicOnFault(true), &err)
	if row >= b.Rows || column >= len(b.Columns) {
		return dst
	}
	value, ok := b.Columns[column].Bytes(row)
	if !ok {
		return dst
	}
	return append(dst, value...)
}

func (m *entropyMaps) close() (err error) {
	if m == nil {
		return nil
	}
	for _, mapped := range m.mapped {
		err = first(err, unmap(mapped))
	}
	m.mapped, m.files = nil, nil
	return err
}
