// Package source lists what `stoker pack` packs: the pictures of a folder in a
// fixed order, with their labels and further fields.
//
// A source is one of three layouts, found by looking:
//
//	photos/n01440764/a.jpg   class folders: the first folder below the root is the class
//	photos/a.jpg             flat: no labels, -1 each
//	photos/labels.csv        a labels file: its rows, in its order, with its columns
//
// Scanning reads names, sizes and the labels file, never a picture. What cannot
// be packed is no error here: it stands in Source.Bad with its reason, and the
// caller's policy decides. Errors are for what leaves nothing to pack or no
// single reading of what the user means.
//
// Memory is 40 bytes and the key for a file, and its fields: a million files of
// ImageNet's names keep 75 MB (BenchmarkScan). No goroutines.
package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"stoker/internal/dataset"
	"stoker/internal/errs"
)

// Layout is the way in which a source says its labels.
type Layout int

// The layouts.
const (
	Flat Layout = iota
	ClassFolders
	LabelsFile
)

func (l Layout) String() string {
	return [...]string{"flat folder", "class folders", "labels file"}[l]
}

// Options says what to scan.
type Options struct {
	Root       string   // the folder
	Labels     string   // labels file; "" = one of LabelsFiles in Root, where there is one
	Limit      int64    // only the first pictures of the order; 0 = all
	AllowEmpty bool     // class folders without a picture keep their number
	Exclude    []string // files and folders to leave out unseen, such as the output

	Found func(files int) // called now and then with the number of names seen; may be nil
}

// Source is a scanned source. It is not changed after Scan, so any goroutine
// may read it.
type Source struct {
	Root    string
	Layout  Layout
	Labels  string           // path of the labels file, or ""
	Classes []string         // class names; the label is the index. Empty where labels are numbers or absent
	Fields  []dataset.Field  // further columns of the labels file
	Bad     []dataset.BadRow // what cannot be packed, in the order of the source
	Notes   []string         // sentences for the user: what was left out or looks odd

	entries []Entry
	columns []*column
	bytes   int64
}

// Entry is one picture.
type Entry struct {
	Key      string // path relative to the root, with "/"
	Label    int64  // -1 = none
	Size     int64  // bytes, when scanned
	modified int64  // nanoseconds since 1970, when scanned
}

// Len returns the number of pictures.
func (s *Source) Len() int { return len(s.entries) }

// Bytes returns the size of all pictures.
func (s *Source) Bytes() int64 { return s.bytes }

// Entry returns picture i.
func (s *Source) Entry(i int) Entry { return s.entries[i] }

// Path returns where the file of picture i is.
func (s *Source) Path(i int) string {
	return filepath.Join(s.Root, filepath.FromSlash(s.entries[i].Key))
}

// Values appends the further fields of picture i to dst, in the order of Fields.
func (s *Source) Values(i int, dst []dataset.Value) []dataset.Value {
	for _, c := range s.columns {
		dst = append(dst, c.value(i))
	}
	return dst
}

// Scan lists the pictures of a source. Errors: NotFound and Invalid, with what
// was found and what is looked for; Permission; Canceled soon after ctx ends.
func Scan(ctx context.Context, o Options) (*Source, error) {
	if err := checkRoot(o.Root); err != nil {
		return nil, err
	}
	labels, err := findLabels(o)
	if err != nil {
		return nil, err
	}
	s := &Source{Root: o.Root, Labels: labels}
	steps := &steps{ctx: ctx, found: o.Found}
	if labels != "" {
		err = s.scanLabels(steps)
	} else {
		err = s.scanFolder(o, steps)
	}
	if err != nil {
		return nil, err
	}
	s.noteCaseClashes()
	s.limit(o.Limit)
	for i := range s.entries {
		s.bytes += s.entries[i].Size
	}
	return s, nil
}

// steps counts what a scan has seen. It lives as long as the scan.
type steps struct {
	ctx   context.Context
	found func(int)
	n     int
}

// next counts one name. Now and then it tells, and checks.
func (s *steps) next() error {
	s.n++
	if s.n%1024 != 0 {
		return nil
	}
	if s.found != nil {
		s.found(s.n)
	}
	return s.check()
}

// check tells whether to go on.
func (s *steps) check() error {
	if s.ctx.Err() != nil {
		return errs.New(errs.Canceled, "stopped while listing files, after %d", s.n)
	}
	return nil
}

func checkRoot(root string) error {
	info, err := os.Stat(root)
	switch {
	case err != nil:
		return errs.New(errs.KindOfFile(err, errs.Invalid), "cannot read the source: %w", errs.WithoutPath(err)).At(root).
			WithHint("%s", errs.Beside(root, "give the folder that holds the pictures"))
	case !info.IsDir():
		return errs.New(errs.Invalid, "is not a folder").At(root).
			WithHint("unpack archives first; a labels file goes to --labels, beside the folder of its pictures")
	}
	return nil
}

func (s *Source) limit(n int64) {
	if n > 0 && n < int64(len(s.entries)) {
		s.entries = s.entries[:n]
	}
}

// bad lists a file or folder that cannot be packed. path is relative to the root.
func (s *Source) bad(path, format string, args ...any) {
	s.Bad = append(s.Bad, dataset.BadRow{Path: Printable(path), Reason: fmt.Sprintf(format, args...)})
}

func (s *Source) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

// Printable returns a path fit for a terminal and for JSON: bytes that are not
// UTF-8 and control characters are escaped as in a Go string.
func Printable(path string) string {
	if utf8.ValidString(path) && !strings.ContainsFunc(path, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return path
	}
	q := strconv.Quote(path)
	return q[1 : len(q)-1]
}
