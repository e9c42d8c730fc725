package text

import (
	"encoding/csv"
	"errors"
	"io"
	"os"
	"sync/atomic"

	"stoker/internal/errs"
)

// table reads a CSV or TSV file with a header line (RFC 4180).
type table struct {
	*stream
	in     *csv.Reader
	budget *rowBudget
	names  []string
}

func openCSV(_ *Files, _ *file, src *os.File, count *atomic.Int64, ext string) (rows, error) {
	s, err := openStream(src, count)
	if err != nil {
		return nil, err
	}
	t := &table{stream: s, budget: &rowBudget{r: s.Reader, left: MaxRowBytes}}
	t.in = csv.NewReader(t.budget)
	if ext == ".tsv" {
		t.in.Comma = '\t'
	}
	names, err := t.in.Read()
	if err == io.EOF {
		return nil, errs.New(errs.Invalid, "is empty").WithHint("the first line names the columns, such as text,label")
	}
	if err != nil {
		return nil, t.fatal(err)
	}
	for _, name := range names {
		if err := CheckText([]byte(name)); err != nil {
			return nil, errs.New(errs.Invalid, "the header: %w", err)
		}
	}
	t.names = names
	return t, nil
}

func (t *table) next(c *Chunk) error {
	for !c.full() {
		cells, line, bad, err := t.read()
		if err != nil {
			return err
		}
		if bad != nil {
			c.add(line, nil, bad)
			continue
		}
		rec := make(Record, len(cells))
		for i, cell := range cells {
			rec[i] = Member{t.names[i], Value{Kind: Plain, Text: []byte(cell)}}
			if cell == "" {
				rec[i].Kind = Null
			}
		}
		c.add(line, rec, nil)
	}
	return nil
}

// read returns the next row; bad says why it is none.
func (t *table) read() (cells []string, line int64, bad, err error) {
	t.budget.left = MaxRowBytes
	cells, err = t.in.Read()
	var p *csv.ParseError
	switch {
	case err == nil:
		at, _ := t.in.FieldPos(0)
		return cells, int64(at), nil, nil
	case errors.As(err, &p) && errors.Is(p.Err, csv.ErrFieldCount):
		return nil, int64(p.StartLine), errs.New(errs.Invalid, "the row has %d values, the header %d", len(cells), len(t.names)), nil
	}
	return nil, 0, nil, t.fatal(err)
}

// fatal explains an error behind which no row can be found again.
func (t *table) fatal(err error) error {
	var p *csv.ParseError
	switch {
	case err == io.EOF:
		return err
	case errors.Is(err, errLongRow):
		return errs.New(errs.Unsupported, "%w; is a quote or a line end missing?", errLongRow)
	case errors.As(err, &p):
		return errs.New(errs.Corrupt, "line %d, column %d: %w", p.Line, p.Column, p.Err).
			WithHint(`a value with a separator, a quote or a line end stands in double quotes; a quote inside it is written twice`)
	}
	return damaged(err)
}

func (t *table) skip(n int64) (found int64, err error) {
	for found < n {
		if _, _, _, err := t.read(); err == io.EOF {
			return found, nil
		} else if err != nil {
			return found, err
		}
		found++
	}
	return found, nil
}

func (t *table) close() error { return t.stream.close() }

// rowBudget gives up on a row that is too long.
type rowBudget struct {
	r    io.Reader
	left int
}

func (b *rowBudget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongRow
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
