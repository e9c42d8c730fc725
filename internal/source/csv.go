package source

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"stoker/internal/dataset"
	"stoker/internal/errs"
)

// maxRow is the most bytes that one row of a labels file may have. It bounds
// memory where a quote is never closed or a file has no line ends.
const maxRow = 16 << 20

var errRowTooLong = fmt.Errorf("a row is longer than %d MiB; is a quote or a line end missing?", maxRow>>20)

// readCSV reads a labels file in CSV (RFC 4180) with a header line. A byte order
// mark is allowed; empty cells are nulls.
func (s *Source) readCSV(r io.Reader, steps *steps) (*table, error) {
	t := &table{file: s.Labels}
	budget := &rowBudget{r: skipBOM(r)}
	budget.renew()
	in := csv.NewReader(budget)
	names, err := in.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errs.New(errs.Invalid, "is empty").At(t.file).WithHint("the first line names the columns, such as path,label")
		}
		return nil, t.csvError(err)
	}
	for i, name := range names {
		if !utf8.ValidString(name) {
			return nil, t.fail(1, strconv.Itoa(i+1), "is not UTF-8")
		}
	}
	if err := t.checkSize(len(names), 1); err != nil {
		return nil, err
	}
	h, err := t.header(names, 1)
	if err != nil {
		return nil, err
	}
	columns := t.csvColumns(s, names, h)
	in.ReuseRecord = true
	for {
		budget.renew()
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, t.csvError(err)
		}
		if err := steps.check(); err != nil {
			return nil, err
		}
		if err := t.checkSize(len(names), len(t.keys)+2); err != nil {
			return nil, err
		}
		if err := t.csvRow(s.Root, in, names, columns, h.path, row); err != nil {
			return nil, err
		}
	}
}

// csvColumns returns the column for each cell of a row: nil for the path and
// for columns without a name, which pandas writes for its row numbers.
func (t *table) csvColumns(s *Source, names []string, h header) []*column {
	columns := make([]*column, len(names))
	for i, name := range names {
		switch {
		case i == h.path:
		case i == h.label:
			t.label = newColumn(name)
			columns[i] = t.label
		case name == "":
			s.note("left out column %d of the labels file: it has no name", i+1)
		default:
			columns[i] = newColumn(name)
			t.columns = append(t.columns, columns[i])
		}
	}
	return columns
}

func (t *table) csvRow(root string, in *csv.Reader, names []string, columns []*column, path int, row []string) error {
	for i, value := range row {
		line, _ := in.FieldPos(i)
		if !utf8.ValidString(value) {
			return t.fail(line, names[i], "is not UTF-8").WithHint("save the labels file as UTF-8")
		}
		if len(value) > dataset.MaxTextBytes {
			return t.tooLong(line, names[i], len(value))
		}
		if i == path {
			if err := t.addPath(root, strings.Clone(value), line, names[i]); err != nil {
				return err
			}
		} else if columns[i] != nil {
			kind := plain
			if value == "" {
				kind = absent
			}
			columns[i].add(cell{kind, strings.Clone(value)}) // of CSV, all kinds agree
		}
	}
	return nil
}

// csvError puts the error of package csv in our words.
func (t *table) csvError(err error) error {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return errs.New(errs.Invalid, "%w", err).At(t.file)
	}
	column := ""
	if p.Column > 0 && !errors.Is(p.Err, csv.ErrFieldCount) {
		column = strconv.Itoa(p.Column)
	}
	hint := `a value with a comma, a quote or a line end stands in double quotes; a quote inside it is written twice`
	if errors.Is(p.Err, csv.ErrFieldCount) {
		hint = "each line needs as many values as the header has names; " + hint
	}
	return t.fail(p.Line, column, "%w", p.Err).WithHint("%s", hint)
}

// rowBudget gives up on a row that is too long.
type rowBudget struct {
	r    io.Reader
	left int
}

func (b *rowBudget) renew() { b.left = maxRow }

func (b *rowBudget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// skipBOM drops a UTF-8 byte order mark, which Excel writes.
func skipBOM(r io.Reader) io.Reader {
	b := bufio.NewReaderSize(r, 1<<16)
	if head, _ := b.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3) // peeked: cannot fail
	}
	return b
}

// place names a place in a labels file. Columns given by number are those of
// characters or header cells.
func place(line int, column string) string {
	if column == "" {
		return fmt.Sprintf("line %d", line)
	}
	if _, err := strconv.Atoi(column); err == nil {
		return fmt.Sprintf("line %d, column %s", line, column)
	}
	return fmt.Sprintf("line %d, column %q", line, column)
}

func quoteAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strconv.Quote(n)
	}
	return out
}
