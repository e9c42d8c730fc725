package dataset

import (
	"bytes"
	"os"

	"stoker/internal/arrowipc"
	"stoker/internal/errs"
)

// Listing is what a dataset is made of whose samples lie in files of their own,
// such as the pictures of a folder. Only their names are known, not yet what is
// in them.
type Listing struct {
	Dir     string // for messages
	Classes []string
	Fields  []Field // further ones: name and type
	Rows    int64
	Row     func(i int64, r *ListedRow)
}

// ListedRow is one sample of a Listing.
type ListedRow struct {
	Key    string
	Label  int64
	Length int64 // bytes of the file
	Values []Value
}

// FromListing makes a dataset of a listing: its index, in memory that the system
// may take back, and no shards. Width, height, orientation, format and checksum
// of its samples are zero, and Read must not be called: who made the listing knows
// where the samples are.
func FromListing(l Listing) (*Dataset, error) {
	f, err := os.CreateTemp("", "stoker-index-*")
	if err != nil {
		return nil, ioError(err, os.TempDir())
	}
	defer f.Close() //nolint:errcheck // its map stays
	if err := os.Remove(f.Name()); err != nil {
		return nil, ioError(err, f.Name())
	}
	d := &Dataset{dir: l.Dir, shards: make([]shardHandle, 1)}
	d.manifest = &Manifest{Format: formatName, Version: FormatVersion, Kind: KindImages, Classes: l.Classes, Fields: l.Fields,
		Shards: []FileInfo{{Rows: l.Rows, Bytes: MaxBlobBytes}}}
	if d.layout, err = newLayout(KindImages, nil, l.Fields); err != nil {
		return nil, err
	}
	if err := l.writeIndex(f, d.manifest, d.layout); err != nil {
		return nil, err
	}
	if d.mapped, err = mapFile(f, d.manifest.Index.Bytes); err == nil {
		err = d.readIndex()
	}
	if err != nil {
		return nil, first(ioError(err, l.Dir), unmap(d.mapped))
	}
	return d, nil
}

// unnamed is a file that is neither synced nor closed when it is complete.
type unnamed struct{ *os.File }

func (unnamed) Sync() error  { return nil }
func (unnamed) Close() error { return nil }

// listedRows is how many rows' further values are held at a time.
const listedRows = 4096

func (l *Listing) writeIndex(f *os.File, m *Manifest, layout *layout) error {
	w, err := newIndexWriter(&output{file: unnamed{f}, path: f.Name()}, m, layout)
	if err != nil {
		return err
	}
	rows := make([]ListedRow, listedRows)
	for begin := int64(0); begin < l.Rows; begin += listedRows {
		part := rows[:min(listedRows, l.Rows-begin)]
		for i := range part {
			part[i].Values = part[i].Values[:0]
			l.Row(begin+int64(i), &part[i])
		}
		further, err := furtherColumns(layout.further, part)
		if err != nil {
			return err
		}
		for i := range part {
			r := &part[i]
			if r.Length < 0 || r.Length > MaxBlobBytes {
				return errs.New(errs.Unsupported, "%s has %d bytes; a sample may have %d", r.Key, r.Length, MaxBlobBytes).At(l.Dir)
			}
			if err := checkText("the name "+r.Key, r.Key); err != nil {
				return err
			}
			if err := w.add(&indexRow{layout: layout, key: []byte(r.Key), label: r.Label, length: r.Length, further: further, at: i}); err != nil {
				return err
			}
		}
	}
	return w.finish(m)
}

// furtherColumns puts values into Arrow columns.
func furtherColumns(fields []Field, rows []ListedRow) ([]arrowipc.Column, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	schema := &arrowipc.Schema{Fields: appendFurther(nil, fields)}
	b := arrowipc.NewBuilder(schema)
	for i := range rows {
		for c, f := range fields {
			appendValue(b, c, f.Type, &rows[i].Values[c])
		}
	}
	var out bytes.Buffer
	w, err := arrowipc.NewWriter(&out, schema, arrowipc.BufferAlign)
	if err == nil {
		_, err = w.WriteBatch(b)
	}
	if err == nil {
		err = w.Finish()
	}
	if err != nil {
		return nil, err
	}
	file, err := arrowipc.Open(out.Bytes())
	if err != nil {
		return nil, err
	}
	batch, err := file.Batch(0)
	return batch.Columns, err
}
