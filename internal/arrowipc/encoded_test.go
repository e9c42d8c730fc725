package arrowipc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"stoker/internal/errs"
)

// foreign are files that pyarrow 21 wrote: 40 rows of a text, a class and a number
// in dictionaries, an int64 and a list, compressed or as a stream.
func foreign(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "*.*"))
	if err != nil || len(paths) != 3 {
		t.Fatal(paths, err)
	}
	files := map[string][]byte{}
	for _, path := range paths {
		if files[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// rowsOf reads a stream whole and returns its rows as text.
func rowsOf(data []byte) (rows []string, err error) {
	s, err := NewStream(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	for {
		b, err := s.Next()
		if err != nil {
			return rows, err
		}
		for r := range b.Rows {
			row := ""
			for i, f := range s.Schema().Fields {
				c := &b.Columns[i]
				switch {
				case c.Null(r):
					row += "- "
				case f.Type.Variable():
					value, ok := c.Bytes(r)
					row += fmt.Sprintf("%.20q/%d %t ", value, len(value), ok)
				default:
					row += fmt.Sprint(c.Int(r), " ")
				}
			}
			rows = append(rows, row)
		}
	}
}

func TestCompressedFilesAndDictionariesOfOthersAreRead(t *testing.T) {
	for name, data := range foreign(t) {
		rows, err := rowsOf(data)
		if !errors.Is(err, io.EOF) || len(rows) != 40 {
			t.Fatalf("%s: %d rows, then %v", name, len(rows), err)
		}
		for i, row := range rows {
			text := fmt.Sprintf("row %d of a text that repeats itself, repeats itself, repeats itself", i)
			text = fmt.Sprintf("%.20q/%d true ", text, len(text))
			kind := []string{`"good"/4 true `, `"bad"/3 true `, `"so so"/5 true `}[i%3]
			if i == 3 {
				text = "- "
			}
			if i == 5 {
				kind = "- "
			}
			var list bytes.Buffer
			for range i % 4 {
				list.Write([]byte{0, 0, 0, 0})
			}
			want := fmt.Sprint(text, kind, i%7, " ", i, " ")
			if len(row) < len(want) || row[:len(want)] != want {
				t.Errorf("%s: row %d is %s, want %s", name, i, row, want)
			}
			if tail := fmt.Sprintf("/%d true ", list.Len()); row[len(row)-len(tail):] != tail {
				t.Errorf("%s: row %d ends with %s, want %s", name, i, row, tail)
			}
		}
		if _, err := Open(data); name != "plain.arrows" && !errs.Is(err, errs.Unsupported) {
			t.Errorf("%s: a dataset's reader says %v", name, err)
		}
	}
}

// A damaged stream is an error or other values, never a panic or endless memory.
func FuzzStream(f *testing.F) {
	for _, data := range foreign(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := rowsOf(data)
		if err == nil || errs.KindOf(err) == errs.Internal && !errors.Is(err, io.EOF) {
			t.Fatal(len(rows), err)
		}
	})
}
