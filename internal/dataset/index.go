package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"math"

	"stoker/internal/arrowipc"
	"stoker/internal/errs"
)

// indexRow is one row of the index before it is written. Its further values are
// row at of the columns.
type indexRow struct {
	*layout
	key                        []byte
	label                      int64
	width, height              int64
	orientation, format        int64
	shard, offset, length, crc int64 // they hide methods of the layout
	tokens                     int64
	further                    []arrowipc.Column
	at                         int
}

// readCommon fills the members that index and shards have in common from row i
// of a batch. ok is false where the key is damaged.
func (r *indexRow) readCommon(c []arrowipc.Column, i int) (ok bool) {
	r.key, ok = c[colKey].Bytes(i)
	r.label = c[colLabel].Int(i)
	if r.sequence == nil {
		r.width, r.height = c[colWidth].Int(i), c[colHeight].Int(i)
		r.orientation, r.format = c[colOrientation].Int(i), c[colFormat].Int(i)
	}
	r.at = i
	return ok
}

// readShard fills r from row i of a shard's batch.
func (r *indexRow) readShard(shard int, c []arrowipc.Column, i int) (ok bool) {
	ok = r.readCommon(c, i)
	r.crc = c[r.shardCRC()].Int(i)
	r.further = c[r.shardFurther():][:len(r.layout.further)]
	r.shard = int64(shard)
	var found bool
	r.offset, r.length, found = c[len(c)-1].Span(i)
	if r.sequence != nil && found {
		r.tokens, found = r.tokensOf(r.length)
	}
	return ok && found
}

// readIndex fills r from row i of an index batch.
func (r *indexRow) readIndex(c []arrowipc.Column, i int) (ok bool) {
	ok = r.readCommon(c, i)
	l := r.layout
	r.shard, r.offset = c[l.shard()].Int(i), c[l.offset()].Int(i)
	r.length, r.crc = c[l.length()].Int(i), c[l.indexCRC()].Int(i)
	if l.sequence != nil {
		r.tokens = c[l.tokens()].Int(i)
	}
	r.further = c[l.indexFurther():]
	return ok
}

// indexWriter writes index.arrow and computes what the manifest says about the
// rows: the fingerprint and the fields' facts.
type indexWriter struct {
	*layout
	out    *output
	arrow  *arrowipc.Writer
	rows   *arrowipc.Builder
	hash   hash.Hash
	record []byte // scratch for the hash
	fields []Field
	count  int64
}

// newIndexWriter begins the index in the file out. Kind, classes, sequence and
// tokens of the manifest are a part of the fingerprint.
func newIndexWriter(out *output, m *Manifest, l *layout) (*indexWriter, error) {
	schema := l.index()
	arrow, err := arrowipc.NewWriter(out, schema, arrowipc.BufferAlign)
	if err != nil {
		return nil, err
	}
	w := &indexWriter{layout: l, out: out, arrow: arrow, rows: arrowipc.NewBuilder(schema), hash: sha256.New()}
	w.fields = append(w.fields, Field{Name: "key", Type: Utf8})
	for _, f := range l.further {
		w.fields = append(w.fields, Field{Name: f.Name, Type: f.Type})
	}
	head, err := json.Marshal(struct {
		Fingerprint int
		Kind        string
		Classes     []string
		Fields      []Field
		Sequence    *Sequence `json:",omitempty"`
		Tokens      *Tokens   `json:",omitempty"`
	}{1, m.Kind, m.Classes, w.fields, m.Sequence.withoutText(), m.Tokens})
	if err != nil {
		return nil, errs.New(errs.Internal, "%w", err)
	}
	w.hash.Write(head)
	return w, nil
}

// add appends one row.
func (w *indexWriter) add(r *indexRow) error {
	b := w.rows
	b.AppendBytes(colKey, r.key)
	b.AppendInt(colLabel, r.label)
	if w.sequence != nil {
		b.AppendInt(w.tokens(), r.tokens)
	} else {
		b.AppendInt(colWidth, r.width)
		b.AppendInt(colHeight, r.height)
		b.AppendInt(colOrientation, r.orientation)
		b.AppendInt(colFormat, r.format)
	}
	b.AppendInt(w.shard(), r.shard)
	b.AppendInt(w.offset(), r.offset)
	b.AppendInt(w.length(), r.length)
	b.AppendInt(w.indexCRC(), r.crc)
	w.fields[0].MaxBytes = max(w.fields[0].MaxBytes, len(r.key))

	le := binary.LittleEndian
	rec := le.AppendUint32(w.record[:0], uint32(len(r.key)))
	rec = append(rec, r.key...)
	if w.sequence != nil {
		for _, v := range [...]int64{r.label, r.tokens, r.length, r.crc} {
			rec = le.AppendUint64(rec, uint64(v))
		}
	} else {
		for _, v := range [...]int64{r.label, r.width, r.height, r.orientation, r.format, r.length, r.crc} {
			rec = le.AppendUint64(rec, uint64(v))
		}
	}
	for i := range r.further {
		var err error
		if rec, err = w.addValue(rec, i, &r.further[i], r.at); err != nil {
			return err
		}
	}
	w.hash.Write(rec)
	w.record = rec
	w.count++
	if b.Rows() < indexBatchRows {
		return nil
	}
	return w.flush()
}

// addValue appends further value i to the row, and to the record to be hashed.
func (w *indexWriter) addValue(rec []byte, i int, c *arrowipc.Column, at int) ([]byte, error) {
	column, field := w.indexFurther()+i, &w.fields[1+i]
	if c.Null(at) {
		w.rows.AppendNull(column)
		field.Nulls++
		return append(rec, 0), nil
	}
	rec = append(rec, 1)
	le := binary.LittleEndian
	switch field.Type {
	case Float64:
		v := c.Float(at)
		w.rows.AppendFloat(column, v)
		return le.AppendUint64(rec, math.Float64bits(v)), nil
	case Utf8:
		v, ok := c.Bytes(at)
		if !ok || len(v) > MaxTextBytes {
			return rec, errs.New(errs.Corrupt, "the value of field %q in row %d is damaged", field.Name, w.count)
		}
		w.rows.AppendBytes(column, v)
		field.MaxBytes = max(field.MaxBytes, len(v))
		return append(le.AppendUint32(rec, uint32(len(v))), v...), nil
	case Bool:
		v := c.Int(at)
		w.rows.AppendBool(column, v != 0)
		return append(rec, byte(v)), nil
	default:
		v := c.Int(at)
		w.rows.AppendInt(column, v)
		return le.AppendUint64(rec, uint64(v)), nil
	}
}

func (w *indexWriter) flush() error {
	if w.rows.Rows() == 0 {
		return nil
	}
	_, err := w.arrow.WriteBatch(w.rows)
	w.rows.Reset()
	return err
}

// finish completes the file and fills in what the manifest says of it.
func (w *indexWriter) finish(m *Manifest) error {
	err := w.flush()
	if err == nil {
		err = w.arrow.Finish()
	}
	info, syncErr := w.out.finish()
	if err == nil {
		err = syncErr
	}
	m.Index, m.Fields, m.Samples = info, w.fields, w.count
	m.Fingerprint = hex.EncodeToString(w.hash.Sum(nil))
	return err
}

// difference names the first column in which two rows differ, or "".
func (r *indexRow) difference(o *indexRow) string {
	switch {
	case !bytes.Equal(r.key, o.key):
		return "key"
	case r.label != o.label:
		return "label"
	case r.width != o.width || r.height != o.height:
		return "size in pixels"
	case r.orientation != o.orientation:
		return "orientation"
	case r.format != o.format:
		return "format"
	case r.shard != o.shard || r.offset != o.offset || r.length != o.length:
		return "place"
	case r.crc != o.crc:
		return "checksum"
	case r.tokens != o.tokens:
		return "number of tokens"
	}
	for i := range r.further {
		if !sameCell(&r.further[i], r.at, &o.further[i], o.at) {
			return fmt.Sprintf("further field %d", i)
		}
	}
	return ""
}

// sameCell compares two values of columns of one type.
func sameCell(a *arrowipc.Column, i int, b *arrowipc.Column, j int) bool {
	if a.Null(i) || b.Null(j) {
		return a.Null(i) == b.Null(j)
	}
	switch {
	case a.Type == arrowipc.Float64:
		return math.Float64bits(a.Float(i)) == math.Float64bits(b.Float(j))
	case a.Type.Variable():
		x, okX := a.Bytes(i)
		y, okY := b.Bytes(j)
		return okX && okY && bytes.Equal(x, y)
	}
	return a.Int(i) == b.Int(j)
}
