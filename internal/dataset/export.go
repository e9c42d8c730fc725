package dataset

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"stoker/internal/codec"
	"stoker/internal/errs"
	"stoker/jpeg"
)

// labelsName is the file that Export writes beside the samples where their
// folders do not tell everything; `stoker pack` finds it by this name.
const labelsName = "labels.csv"

// Exported says what Export wrote.
type Exported struct {
	Samples int64  `json:"samples"`
	Bytes   int64  `json:"bytes"`
	Labels  string `json:"labels,omitempty"` // path of the labels file; "" where none was needed
}

// Export writes every sample of d to a file of its own below out, named by its
// key, byte for byte as stored, each checked with its checksum. out must not exist
// or be empty. Where the dataset has further fields, or classes that are not the
// samples' folders, it also writes labels.csv (path, label, further fields; a null
// is an empty cell). progress, where not nil, is told of samples and bytes
// written, from several goroutines.
//
// Keys that would leave out or that no file can have are an error of kind Invalid
// before anything is written. Files are written by as many goroutines as there
// are CPUs. After an error, also of kind Canceled, out holds what was written
// until then.
func Export(ctx context.Context, d *Dataset, out string, progress func(samples, bytes int64)) (*Exported, error) {
	labels, err := d.checkKeys()
	if err != nil {
		return nil, err
	}
	return exportTo(out, progress, func(root *os.Root, progress func(samples, bytes int64)) (*Exported, error) {
		e := &exporter{d: d, root: root, progress: progress}
		if err := e.all(ctx); err != nil {
			return nil, stopped(err)
		}
		done := &Exported{Samples: d.Len(), Bytes: e.bytes}
		if !labels {
			return done, nil
		}
		done.Labels = filepath.Join(out, labelsName)
		return done, e.labels()
	})
}

// exportTo makes the folder of an export and has it filled.
func exportTo(out string, progress func(samples, bytes int64), fill func(*os.Root, func(samples, bytes int64)) (*Exported, error)) (*Exported, error) {
	root, err := makeExport(out)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // everything below it was closed with a check
	if progress == nil {
		progress = func(_, _ int64) {}
	}
	return fill(root, progress)
}

// checkKeys refuses keys that cannot be files below a folder, and reports
// whether the folders of the keys leave out a label or a further field.
func (d *Dataset) checkKeys() (labels bool, err error) {
	labels = len(d.manifest.Further()) > 0
	var key []byte
	for i := range d.Len() {
		if key, err = d.AppendKey(key[:0], i); err != nil {
			return false, err
		}
		s, err := d.Sample(i)
		if err != nil {
			return false, err
		}
		name := string(key)
		if !safeKey(name) {
			return false, errs.New(errs.Invalid, "sample %d has the key %q, which is no path below a folder: nothing was written", i, name).
				At(d.dir).WithHint("a dataset from elsewhere may be hostile; `stoker inspect` shows what is in it")
		}
		folder, _, inFolder := strings.Cut(name, "/")
		if s.Label >= 0 && (!inFolder || folder != d.class(s.Label)) {
			labels = true
		}
	}
	return labels, nil
}

// safeKey reports whether a key is a clean relative path that stays below its
// folder.
func safeKey(key string) bool {
	return filepath.IsLocal(filepath.FromSlash(key)) && path.Clean(key) == key && key != "." && !strings.ContainsRune(key, 0)
}

// class returns the name of a label, or its number where it has none.
func (d *Dataset) class(label int64) string {
	if label >= 0 && label < int64(len(d.manifest.Classes)) {
		return d.manifest.Classes[label]
	}
	return strconv.FormatInt(label, 10)
}

// makeExport makes the folder and opens it such that no file can be written
// outside it, even through links.
func makeExport(out string) (*os.Root, error) {
	if err := os.Mkdir(out, 0o777); err != nil && !os.IsExist(err) {
		return nil, ioError(err, out)
	}
	entries, err := os.ReadDir(out)
	if err != nil {
		return nil, ioError(err, out)
	}
	if len(entries) > 0 {
		return nil, errs.New(errs.Invalid, "the folder is not empty").At(out).WithHint("export into a new folder")
	}
	root, err := os.OpenRoot(out)
	return root, ioError(err, out)
}

type exporter struct {
	d        *Dataset
	root     *os.Root
	progress func(samples, bytes int64)
	folders  sync.Map // made already

	mu    sync.Mutex
	bytes int64 // guarded by mu
}

// all writes every sample, in runs of neighbours, which lie together in a shard.
func (e *exporter) all(ctx context.Context) error {
	const run = 64
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for start := int64(0); start < e.d.Len() && running.Err() == nil; start += run {
		group.Go(func() error { return e.run(running, start, min(start+run, e.d.Len())) })
	}
	return first(group.Wait(), ctx.Err())
}

func (e *exporter) run(ctx context.Context, from, to int64) error {
	var blob []byte
	for i := from; i < to && ctx.Err() == nil; i++ {
		s, err := e.d.Sample(i)
		if err != nil {
			return err
		}
		if blob, err = e.d.Read(&s, i, blob); err != nil {
			return err
		}
		file := blob
		if s.Format == codec.JPEG && jpeg.IsRecoded(blob) {
			if file, err = jpeg.Restore(blob); err != nil {
				return errs.New(errs.Corrupt, "cannot be made a JPEG again: %w", err).At(e.d.dir).InShard(e.d.manifest.Shards[s.Shard].File, s.Offset, e.d.Key(i))
			}
		}
		if err := e.write(e.d.Key(i), file); err != nil {
			return err
		}
		e.mu.Lock()
		e.bytes += int64(len(blob))
		e.mu.Unlock()
		e.progress(1, int64(len(blob)))
	}
	return nil
}

// write makes one file, which must not exist: two samples with one key are an
// error, never one file.
func (e *exporter) write(key string, blob []byte) error {
	if dir := path.Dir(key); dir != "." {
		if _, made := e.folders.Load(dir); !made {
			if err := e.root.MkdirAll(dir, 0o777); err != nil {
				return e.failed(err, key, 0)
			}
			e.folders.Store(dir, true)
		}
	}
	f, err := e.root.OpenFile(key, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return e.failed(err, key, len(blob))
	}
	_, err = f.Write(blob)
	return e.failed(first(err, f.Close()), key, len(blob))
}

func (e *exporter) failed(err error, key string, need int) error {
	if err == nil {
		return nil
	}
	name := filepath.Join(e.root.Name(), key)
	if os.IsExist(err) || errors.Is(err, syscall.ENOTDIR) {
		return errs.New(errs.Invalid, "another sample has this key, or one that differs in upper and lower case only, or is its folder: %w", err).At(name)
	}
	err = writeError(err, name, need)
	if errs.Is(err, errs.Exhausted) {
		return errs.New(errs.Exhausted, "%w", err).WithHint("make room, empty the folder and export again")
	}
	return err
}

// labels writes labels.csv.
func (e *exporter) labels() (err error) {
	f, err := e.root.OpenFile(labelsName, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return e.failed(err, labelsName, 0)
	}
	defer func() { err = first(err, e.failed(f.Close(), labelsName, 0)) }()
	buffered := bufio.NewWriterSize(f, 1<<20)
	w := csv.NewWriter(buffered)
	further := e.d.manifest.Further()
	record := []string{"path", "label"}
	columns := make([]Column, len(further))
	for i, field := range further {
		record = append(record, field.Name)
		if columns[i], err = e.d.Column(field.Name); err != nil {
			return err
		}
	}
	_ = w.Write(record) // errors stay with the writer
	for i := range e.d.Len() {
		s, err := e.d.Sample(i)
		if err != nil {
			return err
		}
		record = append(record[:0], e.d.Key(i), "")
		if s.Label >= 0 {
			record[1] = e.d.class(s.Label)
		}
		for _, c := range columns {
			record = append(record, c.Text(i))
		}
		_ = w.Write(record)
	}
	w.Flush()
	return e.failed(first(w.Error(), buffered.Flush()), labelsName, buffered.Buffered())
}
