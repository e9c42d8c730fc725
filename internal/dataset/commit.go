package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"

	"stoker/internal/arrowipc"
	"stoker/internal/errs"
)

// errNoExchange says that the system cannot swap two folders in one step.
var errNoExchange = errors.New("no exchange of folders")

// Commit completes the files, forces them to the disk and moves the dataset to
// its place in one step; bad are further lines for the ledger, behind those that
// AppendBad recorded. It ends the Writer, whether it succeeds or not; after an
// error the next NewWriter on the same target finds everything that was written.
// Errors beside those of writing: Invalid (no samples; the target appeared
// meanwhile).
func (w *Writer) Commit(bad []BadRow) (*Manifest, error) {
	m, err := w.commit(bad)
	if err = first(err, w.Close()); err != nil {
		return nil, err
	}
	return m, nil
}

func (w *Writer) commit(bad []BadRow) (*Manifest, error) {
	if err := w.usable(); err != nil {
		return nil, err
	}
	if w.rows == 0 {
		return nil, errs.New(errs.Invalid, "no samples: nothing to write").At(w.target)
	}
	if err := w.finishRows(); err != nil {
		return nil, err
	}
	bad = append(append(append([]BadRow{}, w.bad...), w.newBad...), bad...)
	m := &Manifest{Format: formatName, Version: FormatVersion, CreatedBy: w.head.CreatedBy, Kind: w.head.Kind,
		Classes: w.head.Classes, Shards: w.finished, Options: w.head.Options, Bad: int64(len(bad)),
		Sequence: w.head.Sequence, Tokens: w.head.Tokens, Entropy: w.entropy}
	data := filepath.Join(w.partial, dataName)
	if err := writeIndex(data, m, w.layout, w.open); err != nil {
		return nil, err
	}
	if m.Tokens != nil && m.Tokens.File != "" {
		if _, err := writeFile(filepath.Join(data, m.Tokens.File), w.tokenFile, w.open); err != nil {
			return nil, err
		}
	}
	if err := writeLedger(data, bad, w.open); err != nil {
		return nil, err
	}
	if err := writeManifest(data, m, w.open); err != nil {
		return nil, err
	}
	if err := w.record(journalEntry{Commit: m.Fingerprint}); err != nil {
		return nil, err
	}
	if err := w.Checkpoint(); err != nil {
		return nil, err
	}
	return m, w.move(data)
}

// finishRows writes what is left of the last batch and completes its shard.
func (w *Writer) finishRows() error {
	if err := w.flush(); err != nil || w.shard == nil {
		return err
	}
	return w.finishShard()
}

// writeIndex makes the index from the shards' own scalar columns: one way for
// undisturbed and for interrupted runs, and no memory that grows with them.
func writeIndex(dir string, m *Manifest, l *layout, open openFunc) error {
	path := filepath.Join(dir, indexName)
	f, err := open(path, 0)
	if err != nil {
		return writeError(err, path, 0)
	}
	w, err := newIndexWriter(&output{file: f, path: path}, m, l)
	if err != nil {
		return first(err, f.Close())
	}
	if err := indexShards(w, dir, m.Shards); err != nil {
		return first(err, f.Close())
	}
	return w.finish(m)
}

func indexShards(w *indexWriter, dir string, shards []FileInfo) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return ioError(err, dir)
	}
	defer root.Close() //nolint:errcheck // only read
	for i, info := range shards {
		if err := indexShard(w, root, i, info); err != nil {
			return place(err, filepath.Join(dir, info.File))
		}
	}
	return nil
}

// indexShard adds the rows of one shard to the index.
func indexShard(w *indexWriter, root *os.Root, number int, info FileInfo) (err error) {
	mapped, err := openMap(root, info)
	if err != nil {
		return err
	}
	defer func() { err = first(err, unmap(mapped)) }()
	defer endFault(debug.SetPanicOnFault(true), &err)
	file, err := arrowipc.Open(mapped)
	if err != nil {
		return err
	}
	if err := checkSchema(file.Schema(), w.shardSchema()); err != nil {
		return err
	}
	for i := range file.Blocks() {
		batch, err := file.Batch(i)
		if err != nil {
			return err
		}
		row := indexRow{layout: w.layout}
		for r := range batch.Rows {
			if !row.readShard(number, batch.Columns, r) {
				return errs.New(errs.Corrupt, "row %d of record batch %d is damaged", r, i)
			}
			if err := w.add(&row); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeLedger(dir string, bad []BadRow, open openFunc) error {
	if len(bad) == 0 {
		return nil
	}
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	enc.SetEscapeHTML(false)
	for _, b := range bad {
		if err := enc.Encode(b); err != nil {
			return errs.New(errs.Internal, "%w", err)
		}
	}
	_, err := writeFile(filepath.Join(dir, ledgerName), lines.Bytes(), open)
	return err
}

func writeManifest(dir string, m *Manifest, open openFunc) error {
	data, err := m.encode()
	if err != nil {
		return errs.New(errs.Internal, "%w", err)
	}
	if _, err := writeFile(filepath.Join(dir, manifestName), data, open); err != nil {
		return err
	}
	return syncDir(dir)
}

// writeFile writes a whole file and forces it to the disk.
func writeFile(path string, data []byte, open openFunc) (FileInfo, error) {
	f, err := open(path, 0)
	if err != nil {
		return FileInfo{}, writeError(err, path, len(data))
	}
	out := &output{file: f, path: path}
	if _, err := out.Write(data); err != nil {
		return FileInfo{}, first(err, f.Close())
	}
	return out.finish()
}

// move puts the finished folder in its place and removes what is left.
func (w *Writer) move(data string) error {
	if err := w.replace(data); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(w.target)); err != nil {
		return err
	}
	return removePartial(w.partial)
}

// replace gives the folder data the target's name. Where there is a dataset
// already the two are swapped; only on systems that cannot swap is there a moment
// without either, and the next NewWriter puts that right.
func (w *Writer) replace(data string) error {
	err := renameNew(data, w.target)
	if err == nil {
		return nil
	}
	if _, statErr := os.Lstat(w.target); statErr != nil {
		return ioError(err, w.target)
	}
	if err := checkTarget(w.target, w.overwrite); err != nil {
		return err
	}
	err = w.exchange(data, w.target)
	if errors.Is(err, errNoExchange) {
		old := filepath.Join(w.partial, "old")
		if err = os.Rename(w.target, old); err == nil {
			err = os.Rename(data, w.target)
		}
	}
	return ioError(err, w.target)
}
