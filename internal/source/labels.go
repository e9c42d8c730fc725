package source

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"stoker/internal/dataset"
	"stoker/internal/errs"
)

// LabelsFiles are the names under which a labels file is found in a source.
var LabelsFiles = []string{"labels.csv", "labels.jsonl", "metadata.csv", "metadata.jsonl"}

// The names of the columns that mean something, in order of preference; upper
// and lower case are the same. Other columns become fields.
var (
	pathColumns  = []string{"path", "file_name", "file", "filename"}
	labelColumns = []string{"label", "class"}
)

// findLabels returns the labels file of a source, or "".
func findLabels(o Options) (string, error) {
	if o.Labels != "" {
		return o.Labels, nil
	}
	var found []string
	for _, name := range LabelsFiles {
		if _, err := os.Stat(filepath.Join(o.Root, name)); err == nil {
			found = append(found, name)
		} else if !errors.Is(err, os.ErrNotExist) {
			return "", errs.New(errs.KindOfFile(err, errs.Invalid), "cannot read the labels file: %w", errs.WithoutPath(err)).At(filepath.Join(o.Root, name))
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return filepath.Join(o.Root, found[0]), nil
	}
	return "", errs.New(errs.Invalid, "more than one labels file: %s", strings.Join(found, ", ")).At(o.Root).
		WithHint("say which with --labels %s", filepath.Join(o.Root, found[0]))
}

// The most that a labels file may hold. Both are far beyond real ones; they bound
// time and memory where a file is no labels file at all, or where each of a
// million rows names a column of its own.
const (
	maxColumns = 1000
	maxCells   = 1 << 27
)

// table is a labels file while it is read.
type table struct {
	file    string // for messages
	keys    []string
	lines   []int32 // of each row, for messages; files beyond 2 billion lines name a wrong one
	label   *column // nil = none
	columns []*column
}

// fail returns an error with its place in the labels file. column is a name or
// a number; "" names the line alone.
func (t *table) fail(line int, column, format string, args ...any) *errs.Error {
	e := errs.New(errs.Invalid, format, args...).At(t.file)
	e.Msg = place(line, column) + ": " + e.Msg
	return e
}

// addPath appends the key of a row. Paths are relative to the root, or absolute
// and inside it.
func (t *table) addPath(root, value string, line int, column string) *errs.Error {
	if value == "" {
		return t.fail(line, column, "no path")
	}
	p := filepath.ToSlash(value)
	if filepath.IsAbs(value) {
		absolute, err := filepath.Abs(root)
		if err != nil {
			return t.fail(line, column, "%w", err)
		}
		inside, err := filepath.Rel(absolute, value)
		if err != nil {
			return t.fail(line, column, "%w", err)
		}
		p = filepath.ToSlash(inside)
	}
	key := path.Clean(p)
	if len(key) > dataset.MaxTextBytes {
		return t.tooLong(line, column, len(key))
	}
	if key == ".." || strings.HasPrefix(key, "../") {
		return t.fail(line, column, "%s lies outside the source", Printable(value)).
			WithHint("pack the folder that holds all pictures; paths are relative to it")
	}
	t.keys = append(t.keys, key)
	t.lines = append(t.lines, int32(line))
	return nil
}

func (t *table) tooLong(line int, column string, n int) *errs.Error {
	return t.fail(line, column, "has %d bytes; a value may have %d", n, dataset.MaxTextBytes)
}

// checkSize refuses a table that grows too large.
func (t *table) checkSize(columns, line int) error {
	if columns > maxColumns {
		return t.fail(line, "", "more than %d columns", maxColumns).WithHint("is this a labels file? it needs a path, and may have a label and some fields")
	}
	if cells := columns * (len(t.keys) + 1); cells > maxCells {
		return t.fail(line, "", "more than %d values", maxCells).WithHint("leave out columns that training does not need")
	}
	return nil
}

// scanLabels reads a source with a labels file.
func (s *Source) scanLabels(steps *steps) error {
	f, err := os.Open(s.Labels)
	if err != nil {
		return errs.New(errs.KindOfFile(err, errs.Invalid), "cannot read the labels file: %w", errs.WithoutPath(err)).At(s.Labels)
	}
	defer f.Close()
	var t *table
	switch ext := strings.ToLower(filepath.Ext(s.Labels)); ext {
	case ".csv":
		t, err = s.readCSV(f, steps)
	case ".jsonl", ".ndjson":
		t, err = s.readJSONL(f, steps)
	default:
		return errs.New(errs.Unsupported, "a labels file ends in .csv or .jsonl, not in %q", ext).At(s.Labels)
	}
	if err != nil {
		return err
	}
	return s.adopt(t, steps)
}

// adopt makes the rows of a labels file the source's entries.
func (s *Source) adopt(t *table, steps *steps) error {
	if len(t.keys) == 0 {
		return errs.New(errs.NotFound, "names no pictures").At(t.file).
			WithHint("after the header, write one line for each picture: its path relative to the folder, its label, ...")
	}
	if err := t.checkDuplicates(); err != nil {
		return err
	}
	s.Layout = LabelsFile
	labels := make([]int64, len(t.keys))
	for i := range labels {
		labels[i] = -1
	}
	if t.label != nil {
		t.label.pad(len(t.keys))
		numbers, classes, row, ok := t.label.labels()
		if !ok {
			return t.fail(int(t.lines[row]), t.label.name, "%s is no class: labels are whole numbers or names", t.label.cells[row]).
				WithHint("a column with another name becomes a field of its own, also with fractions")
		}
		labels, s.Classes = numbers, classes
		if n := int64(len(t.keys) - t.label.values); n > 0 {
			s.note("%s no label; it is -1 there", plural(int(n), "row has", "rows have"))
		}
	}
	kept, err := s.stat(t, labels, steps)
	if err != nil {
		return err
	}
	for _, c := range t.columns {
		c.pad(len(t.keys))
		c.keep(kept)
		c.finish()
		s.columns = append(s.columns, c)
		s.Fields = append(s.Fields, c.field)
	}
	return nil
}

// stat makes entries of the rows whose files exist, and returns which rows they
// are, or nil for all.
func (s *Source) stat(t *table, labels []int64, steps *steps) ([]int, error) {
	s.entries = make([]Entry, 0, len(t.keys))
	kept := make([]int, 0, len(t.keys))
	for i, key := range t.keys {
		if err := steps.next(); err != nil {
			return nil, err
		}
		info, err := os.Stat(filepath.Join(s.Root, filepath.FromSlash(key)))
		where := place(int(t.lines[i]), "") + " of " + filepath.Base(t.file)
		switch {
		case err != nil && strings.Contains(key, `\`):
			s.bad(key, "%s: %v; write paths with / instead of \\", where, errs.WithoutPath(err))
		case err != nil:
			s.bad(key, "%s: %v", where, errs.WithoutPath(err))
		case !info.Mode().IsRegular():
			s.bad(key, "%s: is not a file", where)
		default:
			e := newEntry(key, info)
			e.Label = labels[i]
			s.entries = append(s.entries, e)
			kept = append(kept, i)
		}
	}
	if len(kept) == len(t.keys) {
		return nil, nil
	}
	return kept, nil
}

// checkDuplicates refuses two rows of one path: they could differ in label.
func (t *table) checkDuplicates() error {
	order := make([]int32, len(t.keys)) // sorted, not a map of all keys: 4 bytes a row
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		if c := strings.Compare(t.keys[a], t.keys[b]); c != 0 {
			return c
		}
		return int(a - b)
	})
	for i := 1; i < len(order); i++ {
		if a, b := order[i-1], order[i]; t.keys[a] == t.keys[b] {
			return t.fail(int(t.lines[b]), "", "%s stands already in line %d", Printable(t.keys[b]), t.lines[a]).
				WithHint("keep one line for each picture")
		}
	}
	return nil
}

// header gives each column of a labels file its role.
type header struct {
	path, label int // indices of columns; label -1 = none
}

func (t *table) header(names []string, line int) (header, error) {
	h := header{path: indexOfAny(names, pathColumns), label: indexOfAny(names, labelColumns)}
	if h.path < 0 {
		return h, t.fail(line, "", "no column with the paths; found %s", strings.Join(quoteAll(names), ", ")).
			WithHint("name the column of the paths %s; a comma separates columns", strings.Join(pathColumns, ", "))
	}
	for i, name := range names {
		if i == h.path || i == h.label {
			continue
		}
		if err := t.checkName(name, names[:i], line); err != nil {
			return h, err
		}
	}
	return h, nil
}

// checkName refuses field names that a dataset cannot have.
func (t *table) checkName(name string, before []string, line int) error {
	if slices.Contains(before, name) && name != "" {
		return t.fail(line, name, "two columns have this name").WithHint("give each column a name of its own")
	}
	if dataset.ReservedField(name) {
		return t.fail(line, name, "every dataset has a field of this name already").WithHint("rename the column, say to source_%s", name)
	}
	return nil
}

// indexOfAny returns the index in names of the first of wanted that is there, or -1.
func indexOfAny(names, wanted []string) int {
	for _, w := range wanted {
		if i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(strings.TrimSpace(n), w) }); i >= 0 {
			return i
		}
	}
	return -1
}

// distinct returns the different texts of a column, sorted by bytes.
func (c *column) distinct() []string {
	seen := map[string]bool{}
	for i, s := range c.cells {
		if !c.isNull[i] {
			seen[s] = true
		}
	}
	names := make([]string, 0, len(seen))
	for s := range seen {
		names = append(names, s)
	}
	sort.Strings(names)
	return names
}

// keep drops all rows but the given; nil keeps all.
func (c *column) keep(rows []int) {
	if rows == nil {
		return
	}
	c.values = 0
	for to, from := range rows {
		c.cells[to], c.isNull[to] = c.cells[from], c.isNull[from]
		if !c.isNull[to] {
			c.values++
		}
	}
	c.cells, c.isNull = c.cells[:len(rows)], c.isNull[:len(rows)]
}
