// Package text reads what `stoker pack --text` packs: rows of named values from
// JSON lines, CSV, Parquet and Arrow files, files of text in folders, and streams
// of numbers.
//
//	files, err := text.Find("reviews.jsonl.gz", nil)
//	reader := files.Reader(skip)
//	for reader.Next(&chunk) == nil { // io.EOF at the end
//		for i := range chunk.Len() {
//			err := chunk.Parse(i, &record)
//
// A Reader frames rows, which is cheap, and hands them out in chunks; Parse makes
// values of them and may run in many goroutines, each with its own chunk. Rows are
// numbered in the order of the source, so a Reader can go on behind any of them.
//
// A row that cannot be read is an error of Parse, and the rows behind it are read
// all the same; an error of Next is one of the file. Memory is that of a few rows,
// and a row longer than MaxRowBytes is skipped without being held. The package
// starts no goroutine.
package text

import (
	"io"
	"strconv"
	"sync/atomic"
	"unicode/utf8"

	"stoker/internal/errs"
)

// Kind is the type of a Value.
type Kind uint8

// The kinds.
const (
	Null    Kind = iota
	Text         // Value.Text, UTF-8
	Int          // Value.Int
	Float        // Value.Float
	Bool         // Value.Int is 0 or 1
	Plain        // text of a CSV cell, which may mean a number; an empty cell is Null
	JSON         // a JSON object or array, as its text
	Numbers      // Value.Ints or Value.Floats
)

var kindNames = [...]string{"nothing", "text", "a number", "a number", "true or false", "text", "an object or a list", "a list of numbers"}

func (k Kind) String() string { return kindNames[k] }

// Value is one value of a row. Its slices are valid until the chunk is used again.
type Value struct {
	Kind     Kind
	Text     []byte
	Int      int64
	Float    float64
	Ints     []int64 // of Numbers; nil where they are Floats
	Floats   []float64
	Features int // of Numbers: numbers in each element; 0 = elements are single numbers
}

// String returns the value as CSV would hold it.
func (v *Value) String() string {
	switch v.Kind {
	case Int:
		return strconv.FormatInt(v.Int, 10)
	case Float:
		return strconv.FormatFloat(v.Float, 'g', -1, 64)
	case Bool:
		return strconv.FormatBool(v.Int != 0)
	}
	return string(v.Text)
}

// Member is a value with the name of its column.
type Member struct {
	Name string
	Value
}

// Record is a row: its values in the order of the source.
type Record []Member

// Get returns the value of that name; nil where there is none.
func (r Record) Get(name string) *Value {
	for i := range r {
		if r[i].Name == name {
			return &r[i].Value
		}
	}
	return nil
}

// Limits of rows and chunks.
const (
	// MaxRowBytes is the most bytes that a row of a text format may have.
	MaxRowBytes = 16 << 20

	chunkBytes = 256 << 10
	chunkRows  = 512
)

// Chunk is a few successive rows of one file.
type Chunk struct {
	file  *file
	first int64 // position of the first row in the source, from 0
	rows  []row
	bytes []byte      // of raw rows
	names interner    // of members
	json  jsonScratch // of Parse
	cost  int         // bytes that the rows hold
}

// row is one row before Parse.
type row struct {
	number   int64 // of its line or row in the file, from 1
	from, to int   // in Chunk.bytes
	record   Record
	err      error // why it cannot be read
}

// Len returns the number of rows.
func (c *Chunk) Len() int { return len(c.rows) }

// Bytes returns about how much memory the rows take.
func (c *Chunk) Bytes() int { return c.cost + 128*len(c.rows) }

// Position returns how many rows of the source stand before row i of the chunk.
func (c *Chunk) Position(i int) int64 { return c.first + int64(i) }

// Key returns a name of row i, unique in the source: the file's name, a colon and
// the number of its line; of a file that is one row, its name.
func (c *Chunk) Key(i int) string {
	if c.file.whole {
		return c.file.key
	}
	return c.file.key + ":" + strconv.FormatInt(c.rows[i].number, 10)
}

// Class returns the class that the folder of the chunk's file stands for, or -1.
func (c *Chunk) Class() int64 { return c.file.class }

// Parse makes values of row i. They are valid until the next Parse of the chunk.
// Errors, all about this row: Corrupt, Invalid, Unsupported.
func (c *Chunk) Parse(i int, rec *Record) error {
	r := &c.rows[i]
	if r.err != nil {
		return r.err
	}
	if r.record != nil {
		*rec = r.record
		return nil
	}
	return parseJSON(c.bytes[r.from:r.to], rec, &c.names, &c.json)
}

func (c *Chunk) reset(f *file, first int64) {
	c.file, c.first, c.rows, c.bytes, c.cost = f, first, c.rows[:0], c.bytes[:0], 0
	if cap(c.bytes) > 4*chunkBytes { // gives back the memory of a long row
		c.bytes = nil
	}
}

func (c *Chunk) full() bool { return c.cost >= chunkBytes || len(c.rows) >= chunkRows }

// add appends a row that was parsed already.
func (c *Chunk) add(number int64, rec Record, err error) {
	c.rows = append(c.rows, row{number: number, record: rec, err: err})
	for i := range rec {
		v := &rec[i].Value
		c.cost += 64 + len(v.Text) + 8*len(v.Ints) + 8*len(v.Floats)
	}
}

// addRaw appends a row of JSON. The bytes are copied.
func (c *Chunk) addRaw(number int64, line []byte) {
	from := len(c.bytes)
	c.bytes = append(c.bytes, line...)
	c.rows = append(c.rows, row{number: number, from: from, to: len(c.bytes)})
	c.cost += len(line)
}

// interner keeps one string for each name of a column.
type interner map[string]string

func (n *interner) get(name []byte) string {
	if s, ok := (*n)[string(name)]; ok {
		return s
	}
	if *n == nil || len(*n) > 1<<12 { // names without end are no columns
		*n = interner{}
	}
	s := string(name)
	(*n)[s] = s
	return s
}

// rows reads the rows of one open file.
type rows interface {
	// next appends rows to the chunk until it is full, and at least one. It returns
	// io.EOF where there is none left.
	next(c *Chunk) error
	// skip leaves out up to n rows and returns how many it found.
	skip(n int64) (int64, error)
	close() error
}

// Reader reads the rows of all files in order.
type Reader struct {
	files    *Files
	at       int          // next file to be opened
	open     rows         // nil between files
	position int64        // rows handed out or skipped
	skip     int64        // rows still to be left out
	count    atomic.Int64 // bytes of the files read
}

// Reader begins to read behind the first skip rows.
func (f *Files) Reader(skip int64) *Reader { return &Reader{files: f, skip: skip} }

// Next puts the next rows into the chunk. It returns io.EOF behind the last one.
func (r *Reader) Next(c *Chunk) error {
	for {
		if r.open == nil {
			if r.at == len(r.files.files) {
				return io.EOF
			}
			f := &r.files.files[r.at]
			var err error
			if r.open, err = r.files.openRows(f, &r.count); err != nil {
				return placed(err, r.files.path(f))
			}
			r.at++
		}
		f := &r.files.files[r.at-1]
		err := r.leaveOut()
		if err == nil {
			c.reset(f, r.position)
			err = r.open.next(c)
		}
		if err == nil || err == io.EOF && len(c.rows) > 0 {
			r.position += int64(len(c.rows))
			return nil
		}
		if closeErr := r.Close(); err == io.EOF {
			err = closeErr
		}
		if err != nil {
			return placed(err, r.files.path(f))
		}
	}
}

// leaveOut skips rows of the open file.
func (r *Reader) leaveOut() error {
	if r.skip == 0 {
		return nil
	}
	n, err := r.open.skip(r.skip)
	r.skip -= n
	r.position += n
	return err
}

// Bytes returns how many bytes of the files were read.
func (r *Reader) Bytes() int64 { return r.count.Load() }

// Close closes the open file.
func (r *Reader) Close() error {
	if r.open == nil {
		return nil
	}
	err := r.open.close()
	r.open = nil
	return err
}

// placed gives an error its file, and a kind where it has none.
func placed(err error, path string) error {
	if err == nil {
		return nil
	}
	e, ok := err.(*errs.Error) //nolint:errorlint // ours are not wrapped here
	if !ok {
		e = errs.New(errs.KindOfFile(err, errs.Corrupt), "cannot be read: %w", err)
	}
	if e.Path == "" {
		e = e.At(path)
	}
	return e
}

// CheckText says why a text cannot be packed, or nil.
func CheckText(b []byte) error {
	if utf8.Valid(b) {
		return nil
	}
	at := 0
	for at < len(b) {
		r, n := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	return errs.New(errs.Invalid, "the text is not UTF-8: byte %d is 0x%02x", at, b[at])
}
