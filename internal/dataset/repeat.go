package dataset

import (
	"io"
	"os"
	"path/filepath"
	"strconv"

	"stoker/internal/errs"
)

// Repeat writes the dataset dst whose index repeats the rows of src until there
// are as many samples as wanted: a large dataset for benchmarks in little room.
// From the second round on keys end in "#1", "#2", ... The shards are hard links
// to those of src, or copies where the two lie on different disks.
func Repeat(src, dst string, samples int64) error {
	d, err := Open(src)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only read
	if d.manifest.Repeated || d.Len() == 0 || samples < d.Len() {
		return errs.New(errs.Invalid, "cannot make %d samples by repeating a dataset of %d (repeated already: %v)",
			samples, d.Len(), d.manifest.Repeated).At(src)
	}
	if err := checkTarget(dst, false); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dst), filepath.Base(dst)+".repeat-*")
	if err != nil {
		return ioError(err, dst)
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // gone where all went well
	if err := d.repeatInto(tmp, samples); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil { //nolint:gosec // datasets are for all to read
		return ioError(err, tmp)
	}
	return ioError(renameNew(tmp, dst), dst)
}

// repeatInto writes the files of the repeated dataset.
func (d *Dataset) repeatInto(dir string, samples int64) error {
	m := *d.manifest
	m.Repeated = true
	for _, s := range m.Shards {
		if err := linkOrCopy(filepath.Join(d.dir, s.File), filepath.Join(dir, s.File)); err != nil {
			return err
		}
	}
	if m.Entropy != nil {
		for _, f := range m.Entropy.Files {
			if err := linkOrCopy(filepath.Join(d.dir, f.File), filepath.Join(dir, f.File)); err != nil {
				return err
			}
		}
	}
	if t := m.Tokens; t != nil && t.File != "" {
		if err := linkOrCopy(filepath.Join(d.dir, t.File), filepath.Join(dir, t.File)); err != nil {
			return err
		}
	}
	path := filepath.Join(dir, indexName)
	f, err := openFile(path, 0)
	if err != nil {
		return writeError(err, path, 0)
	}
	w, err := newIndexWriter(&output{file: f, path: path}, &m, d.layout)
	if err != nil {
		return first(err, f.Close())
	}
	if err := d.repeatRows(w, samples); err != nil {
		return first(err, f.Close())
	}
	if err := w.finish(&m); err != nil {
		return err
	}
	m.Bad = 0
	return writeManifest(dir, &m, openFile)
}

func (d *Dataset) repeatRows(w *indexWriter, samples int64) error {
	row := indexRow{layout: d.layout}
	var key []byte
	for i := range samples {
		b, r, err := d.row(i % d.Len())
		if err != nil {
			return err
		}
		if !row.readIndex(b.Columns, r) {
			return d.badRow(i%d.Len(), "a key outside the file")
		}
		key = appendRepeatedKey(key[:0], row.key, i/d.Len())
		row.key = key
		if err := w.add(&row); err != nil {
			return err
		}
	}
	return nil
}

// appendRepeatedKey appends the key that a sample has in the given round.
func appendRepeatedKey(dst, key []byte, round int64) []byte {
	dst = append(dst, key...)
	if round == 0 {
		return dst
	}
	return strconv.AppendInt(append(dst, '#'), round, 10)
}

func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return ioError(err, from)
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := os.Create(to)
	if err != nil {
		return writeError(err, to, 0)
	}
	n, err := io.Copy(out, in)
	stat, statErr := in.Stat()
	need := 0
	if statErr == nil {
		need = int(stat.Size() - n)
	}
	return writeError(first(err, out.Close()), to, need)
}
