package text

import (
	"encoding/binary"
	"io"
	"os"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"stoker/internal/errs"
)

// parquetRows reads a Parquet file, a row group at a time.
type parquetRows struct {
	src    *os.File
	groups []parquet.RowGroup
	leaves []leaf
	open   parquet.Rows // nil between row groups
	buf    []parquet.Row
	number int64
}

// leaf is a column of values.
type leaf struct {
	name     string
	field    int // its field, counted from 0; several leaves may make one
	kind     Kind
	depth    int // 0 = a value, 1 = a list, 2 = a list of lists
	optional bool
	most     int // definition level of a value
	unsigned bool
}

const parquetBatch = 64

// countedAt counts the bytes read from a file.
type countedAt struct {
	r     io.ReaderAt
	count *atomic.Int64
}

func (c countedAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(p, off)
	c.count.Add(int64(n))
	return n, err
}

// guard turns a panic of the library over a damaged file into an error.
func guard(err *error) {
	if r := recover(); r != nil {
		*err = errs.New(errs.Corrupt, "the Parquet file is damaged: %v", r)
	}
}

func openParquet(_ *Files, x *file, src *os.File, count *atomic.Int64, _ string) (_ rows, err error) {
	defer guard(&err)
	if err := checkFooter(src, x.size); err != nil {
		return nil, err
	}
	f, err := parquet.OpenFile(countedAt{src, count}, x.size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, errs.New(errs.Corrupt, "no Parquet file: %w", err)
	}
	p := &parquetRows{src: src, groups: f.RowGroups(), buf: make([]parquet.Row, parquetBatch)}
	field, before := -1, ""
	for _, path := range f.Schema().Columns() {
		if len(p.leaves) == 0 || path[0] != before {
			field, before = field+1, path[0]
		}
		column, _ := f.Schema().Lookup(path...)
		p.leaves = append(p.leaves, leafOf(path, field, &column))
	}
	return p, nil
}

// parquetEnd is the length of the footer and a magic number, which end the file.
const parquetEnd = 8

// checkFooter sees to it that the footer fits into the file: the library takes as
// much memory as the footer is said to be long, up to 4 GB.
func checkFooter(src io.ReaderAt, size int64) error {
	var end [parquetEnd]byte
	if _, err := src.ReadAt(end[:], max(size-parquetEnd, 0)); err != nil {
		return errs.New(errs.Corrupt, "no Parquet file: it has %d bytes", size)
	}
	if n := int64(binary.LittleEndian.Uint32(end[:])); n > size-parquetEnd {
		return errs.New(errs.Corrupt, "no Parquet file, or cut off: its footer of %d bytes does not fit into %d", n, size).
			WithHint("fetch the file again from where it came, or write it anew")
	}
	return nil
}

// leafOf says what a column is to us. What is neither a value nor a list of numbers
// has kind JSON, which nobody packs.
func leafOf(path []string, field int, c *parquet.LeafColumn) leaf {
	l := leaf{name: path[0], field: field, kind: JSON, depth: c.MaxRepetitionLevel, optional: c.Node.Optional(), most: c.MaxDefinitionLevel}
	t := c.Node.Type()
	var logical any
	if lt := t.LogicalType(); lt != nil {
		logical = lt.Value
	}
	switch t.Kind() {
	case parquet.Boolean:
		l.kind = Bool
	case parquet.Int32, parquet.Int64:
		l.kind = Int
		integer, _ := logical.(*format.IntType)
		l.unsigned = integer != nil && !integer.IsSigned
	case parquet.Float, parquet.Double:
		l.kind = Float
	case parquet.ByteArray:
		switch logical.(type) {
		case nil, *format.StringType, *format.EnumType, *format.JsonType:
			l.kind = Text
		}
	}
	// Lists are wrapped as list.element; three names in all for each level.
	plain := len(path) == 1 || l.depth == 1 && len(path) <= 3 || l.depth == 2 && len(path) <= 5
	if !plain || l.depth > 2 || l.depth == 0 && len(path) > 1 || l.depth > 0 && l.kind != Int && l.kind != Float {
		l.kind, l.depth = JSON, 0
	}
	return l
}

func (p *parquetRows) next(c *Chunk) (err error) {
	defer guard(&err)
	for !c.full() {
		if p.open == nil {
			if len(p.groups) == 0 {
				return io.EOF
			}
			p.open = p.groups[0].Rows()
			p.groups = p.groups[1:]
		}
		n, err := p.open.ReadRows(p.buf)
		for _, row := range p.buf[:n] {
			p.number++
			rec, bad := p.record(row)
			c.add(p.number, rec, bad)
		}
		if err == io.EOF || err == nil && n == 0 {
			err = p.open.Close()
			p.open = nil
		}
		if err != nil {
			return errs.New(errs.Corrupt, "cannot be read on behind row %d: %w", p.number, err)
		}
	}
	return nil
}

// record makes the values of a row, copied.
func (p *parquetRows) record(row parquet.Row) (rec Record, bad error) {
	row.Range(func(i int, values []parquet.Value) bool {
		l := &p.leaves[i]
		if len(rec) > l.field { // a further leaf of a nested field
			rec[l.field].Value = Value{Kind: JSON}
			return true
		}
		m := Member{Name: l.name}
		switch {
		case l.kind == JSON:
			m.Kind = JSON
		case l.depth > 0:
			bad = l.list(values, &m.Value)
		case len(values) > 0 && !values[0].IsNull():
			l.value(values[0], &m.Value)
		}
		rec = append(rec, m)
		return bad == nil
	})
	if bad != nil {
		return nil, bad
	}
	return rec, nil
}

func (l *leaf) value(x parquet.Value, v *Value) {
	v.Kind = l.kind
	switch l.kind {
	case Bool:
		if x.Boolean() {
			v.Int = 1
		}
	case Int:
		v.Int = l.integer(x)
	case Float:
		v.Float = float(x)
	default:
		v.Text = append([]byte{}, x.ByteArray()...)
	}
}

func (l *leaf) integer(x parquet.Value) int64 {
	switch {
	case x.Kind() != parquet.Int32:
		return x.Int64()
	case l.unsigned:
		return int64(x.Uint32())
	}
	return int64(x.Int32())
}

func float(x parquet.Value) float64 {
	if x.Kind() == parquet.Float {
		return float64(x.Float())
	}
	return x.Double()
}

// list reads a list, or a list of lists of one length.
func (l *leaf) list(values []parquet.Value, v *Value) error {
	v.Kind = Numbers
	if l.kind == Int {
		v.Ints = []int64{}
	}
	inner, lists := 0, 0
	for i, x := range values {
		if x.IsNull() {
			if l.optional && x.DefinitionLevel() == l.most-1 {
				return errs.New(errs.Invalid, "%q: element %d is null", l.name, i)
			}
			if l.depth == 2 && (len(values) > 1 || x.DefinitionLevel() > 1) {
				return errs.New(errs.Invalid, "%q: element %d is an empty list", l.name, i)
			}
			continue // the list is empty or null
		}
		if l.depth == 2 && x.RepetitionLevel() < 2 {
			if lists > 1 && inner != v.Features || lists == 1 && inner == 0 {
				return errs.New(errs.Invalid, "%q: element %d has %d numbers, the first has %d", l.name, lists-1, inner, v.Features)
			}
			lists, inner = lists+1, 0
		}
		inner++
		if lists == 1 {
			v.Features = inner
		}
		if l.kind == Int {
			v.Ints = append(v.Ints, l.integer(x))
		} else {
			v.Floats = append(v.Floats, float(x))
		}
	}
	if lists > 1 && inner != v.Features {
		return errs.New(errs.Invalid, "%q: element %d has %d numbers, the first has %d", l.name, lists-1, inner, v.Features)
	}
	return nil
}

func (p *parquetRows) skip(n int64) (found int64, err error) {
	defer guard(&err)
	for found < n && (p.open != nil || len(p.groups) > 0) {
		if p.open == nil && p.groups[0].NumRows() <= n-found {
			found += p.groups[0].NumRows()
			p.groups = p.groups[1:]
			continue
		}
		if p.open == nil {
			p.open = p.groups[0].Rows()
			if err := p.open.SeekToRow(n - found); err != nil {
				return found, errs.New(errs.Corrupt, "row %d cannot be found: %w", n, err)
			}
			p.groups = p.groups[1:]
			found = n
			break
		}
		return found, errs.New(errs.Internal, "rows are skipped before the first is read")
	}
	p.number += found
	return found, nil
}

func (p *parquetRows) close() error {
	if p.open != nil {
		_ = p.open.Close() // only read
	}
	return p.src.Close()
}
