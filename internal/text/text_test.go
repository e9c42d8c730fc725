package text

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"stoker/internal/arrowipc"
	"stoker/internal/errs"
	"stoker/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// read returns every row behind the first skip as text: its key and its values, or
// the kind of its error.
func read(t testing.TB, path string, skip int64, o ReadOptions) (lines []string, err error) {
	t.Helper()
	files, err := Find(path, o)
	if err != nil {
		return nil, err
	}
	r := files.Reader(skip)
	defer r.Close() //nolint:errcheck // of a test
	var c Chunk
	var rec Record
	for position := skip; ; {
		if err := r.Next(&c); err == io.EOF {
			return lines, nil
		} else if err != nil {
			return lines, err
		}
		for i := range c.Len() {
			if c.Position(i) != position {
				t.Fatalf("row %d has position %d", position, c.Position(i))
			}
			position++
			line := c.Key(i) + " "
			if err := c.Parse(i, &rec); err != nil {
				line += errs.KindOf(err).String()
			} else {
				for _, m := range rec {
					line += fmt.Sprintf("%s=%d:%s%v%v/%d ", m.Name, m.Kind, m.String(), m.Ints, m.Floats, m.Features)
				}
			}
			lines = append(lines, line)
		}
	}
}

const someJSON = "{\"text\": \"a\\u00e9\\ud83d\\ude00\\n\", \"label\": 1}\n\n  {\"text\": \"b\", \"x\": [1, [2]], \"f\": -1.5e3, \"t\": true, \"n\": null}\r\nnot json\n{\"text\": \"last\"}"

// sources returns one file of each format with a few rows.
func sources(t testing.TB) map[string]string {
	zipped := func(w io.WriteCloser, b *bytes.Buffer) []byte {
		if _, err := w.Write([]byte(someJSON)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	var gz, zst bytes.Buffer
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"jsonl":   writeFile(t, "a.jsonl", []byte(someJSON)),
		"gz":      writeFile(t, "a.jsonl.gz", zipped(gzip.NewWriter(&gz), &gz)),
		"zst":     writeFile(t, "a.jsonl.zst", zipped(z, &zst)),
		"csv":     writeFile(t, "a.csv", []byte("text,label\n\"a, \"\"b\"\"\n\",1\nshort\nlast,2\n")),
		"tsv":     writeFile(t, "a.tsv", []byte("text\tlabel\na b\t1\nc\t\n")),
		"parquet": writeFile(t, "a.parquet", parquetFile(t)),
		"arrow":   writeFile(t, "a.arrow", arrowFile(t)),
		"npy":     writeFile(t, "a.npy", npy("<i4", "(3, 2)", 24)),
		"bin":     writeFile(t, "a.bin", []byte{1, 0, 2, 0, 9, 0, 3, 0, 9, 0, 4, 0}),
	}
}

var sourceOptions = ReadOptions{IDs: true, Separator: 9}

type parquetRow struct {
	Text string      `parquet:"text"`
	IDs  []int32     `parquet:"ids,list"`
	Mel  [][]float32 `parquet:"mel,list"`
	Note *string     `parquet:"note,optional"`
}

func parquetFile(t testing.TB) []byte {
	var b bytes.Buffer
	note := "n"
	w := parquet.NewGenericWriter[parquetRow](&b, parquet.MaxRowsPerRowGroup(2))
	if _, err := w.Write([]parquetRow{{Text: "a", IDs: []int32{1, 2}}, {Text: "b", Note: &note}, {Text: "c", IDs: []int32{-3}}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func arrowFile(t testing.TB) []byte {
	schema := &arrowipc.Schema{Fields: []arrowipc.Field{{Name: "text", Type: arrowipc.Utf8, Nullable: true}, {Name: "n", Type: arrowipc.Int64},
		{Name: "mel", Type: arrowipc.List, Elem: arrowipc.Float32, Features: 2}}}
	var out bytes.Buffer
	w, err := arrowipc.NewWriter(&out, schema, 64)
	if err != nil {
		t.Fatal(err)
	}
	for batch := range 2 {
		b := arrowipc.NewBuilder(schema)
		for i := range 3 {
			if i == 1 {
				b.AppendNull(0)
			} else {
				b.AppendString(0, fmt.Sprint("text ", batch, i))
			}
			b.AppendInt(1, int64(i))
			b.AppendBytes(2, make([]byte, 8*i))
		}
		if _, err := w.WriteBatch(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func npy(descr, shape string, bytes int) []byte {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape)
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), 0)
	b = append(b, header...)
	for i := range bytes {
		b = append(b, byte(i/4*(1-min(i%4, 1))))
	}
	return b
}

func TestRowsOfEachFormat(t *testing.T) {
	want := map[string]string{
		"jsonl": "a.jsonl:1 text=1:aé😀\n[][]/0 label=2:1[][]/0 |a.jsonl:3 text=1:b[][]/0 x=6:[1, [2]][][]/0 f=3:-1500[][]/0 t=4:true[][]/0 n=0:[][]/0 |a.jsonl:4 corrupt|a.jsonl:5 text=1:last[][]/0 ",
		"csv":   "a.csv:2 text=5:a, \"b\"\n[][]/0 label=5:1[][]/0 |a.csv:4 invalid|a.csv:5 text=5:last[][]/0 label=5:2[][]/0 ",
		"tsv":   "a.tsv:2 text=5:a b[][]/0 label=5:1[][]/0 |a.tsv:3 text=5:c[][]/0 label=0:[][]/0 ",
		"parquet": "a.parquet:1 text=1:a[][]/0 ids=7:[1 2][]/0 mel=7:[][]/0 note=0:[][]/0 |a.parquet:2 text=1:b[][]/0 ids=7:[][]/0 mel=7:[][]/0 note=1:n[][]/0 |" +
			"a.parquet:3 text=1:c[][]/0 ids=7:[-3][]/0 mel=7:[][]/0 note=0:[][]/0 ",
		"npy": "a.npy:1 text=7:[0 1][]/0 |a.npy:2 text=7:[2 3][]/0 |a.npy:3 text=7:[4 5][]/0 ",
		"bin": "a.bin:1 text=7:[1 2 9][]/0 |a.bin:2 text=7:[3 9][]/0 |a.bin:3 text=7:[4][]/0 ",
	}
	for name, path := range sources(t) {
		got, err := read(t, path, 0, sourceOptions)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if w := want[name]; w != "" && strings.Join(got, "|") != w {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "|"), w)
		}
		if name == "arrow" && (len(got) != 6 || got[5] != "a.arrow:6 text=1:text 1 2[][]/0 n=2:2[][]/0 mel=7:[][0 0 0 0]/2 ") {
			t.Errorf("arrow: %q", got)
		}
	}
}

// TestSkippingIsReading says that a Reader behind n rows gives what is left of one
// that began at the first.
func TestSkippingIsReading(t *testing.T) {
	for name, path := range sources(t) {
		all, err := read(t, path, 0, sourceOptions)
		if err != nil {
			t.Fatal(err)
		}
		for skip := range len(all) + 2 {
			rest, err := read(t, path, int64(skip), sourceOptions)
			if err != nil || strings.Join(rest, "\n") != strings.Join(all[min(skip, len(all)):], "\n") {
				t.Errorf("%s behind %d rows: %v\n%q\nof %q", name, skip, err, rest, all)
			}
		}
	}
}

func TestFoldersOfText(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"pos/1.txt": "good", "neg/2.txt": "bad", "neg/sub/3.txt": "", "0.txt": "no class", ".hidden/4.txt": "x", "a.csv": "y"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Find(dir, ReadOptions{})
	if err != nil || fmt.Sprint(files.Classes) != "[neg pos]" || files.Len() != 4 || files.Left != 1 {
		t.Fatalf("%v %+v", err, files)
	}
	r := files.Reader(1)
	var c Chunk
	for _, want := range []struct {
		key   string
		class int64
	}{{"neg/2.txt", 0}, {"neg/sub/3.txt", 0}, {"pos/1.txt", 1}} {
		if err := r.Next(&c); err != nil || c.Key(0) != want.key || c.Class() != want.class {
			t.Errorf("%v: %s of class %d, want %+v", err, c.Key(0), c.Class(), want)
		}
	}
	if err := r.Next(&c); err != io.EOF {
		t.Error(err)
	}
}

// endless gives a line of n bytes and then a good one.
func longLine(t *testing.T, n int) string {
	path := filepath.Join(t.TempDir(), "long.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // of a test
	piece := bytes.Repeat([]byte("x"), 1<<20)
	fmt.Fprint(f, `{"text": "`)
	for range n >> 20 {
		if _, err := f.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprint(f, "\"}\n{\"text\": \"good\"}\n")
	return path
}

func TestALineOf50MBIsOneBadRow(t *testing.T) {
	path := longLine(t, 50<<20)
	for skip, want := range []string{"long.jsonl:1 unsupported|long.jsonl:2 text=1:good[][]/0 ", "long.jsonl:2 text=1:good[][]/0 "} {
		if got, err := read(t, path, int64(skip), ReadOptions{}); err != nil || strings.Join(got, "|") != want {
			t.Errorf("%v: %q", err, got)
		}
	}
}

func TestDamagedFilesAreErrors(t *testing.T) {
	gz := sources(t)["gz"]
	data, err := os.ReadFile(gz)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"cut.jsonl.gz": data[:len(data)-9], "no.jsonl.gz": []byte("{}"), "no.jsonl.zst": []byte("{}"),
		"no.parquet": []byte("PAR1 and no more"), "no.arrow": []byte("ARROW1"), "no.npy": []byte("NUMPY"), "empty.csv": nil,
		"quote.csv": []byte("a,b\n\"x,y\n"), "short.npy": npy("<i4", "(300, 2)", 24), "f.npy": npy(">f4", "(3,)", 12), "odd.bin": {1}} {
		if _, err := read(t, writeFile(t, name, content), 0, sourceOptions); err == nil || errs.KindOf(err) == errs.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestJSONIsReadAsByTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object := map[string]any{}
		for range rapid.IntRange(0, 6).Draw(t, "members") {
			object[rapid.String().Draw(t, "name")] = rapid.OneOf(
				rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Float64(), func(f float64) any { return f }),
				rapid.Map(rapid.Int64(), func(n int64) any { return n }), rapid.Just[any](nil), rapid.Just[any](true),
				rapid.Just[any]([]any{1, "x", map[string]any{"y": []any{}}})).Draw(t, "value")
		}
		line, err := json.Marshal(object)
		if err != nil {
			t.Skip(err)
		}
		compareJSON(t, line)
		if n := len(line); n > 0 {
			line[rapid.IntRange(0, n-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			compareJSON(t, line)
		}
	})
}

// compareJSON reads a line with both. Ours refuses what is not UTF-8 later, half
// surrogates, and names that stand twice.
func compareJSON(t interface {
	Helper()
	Fatalf(string, ...any)
}, line []byte) {
	t.Helper()
	var rec Record
	var names interner
	var scratch jsonScratch
	err := parseJSON(line, &rec, &names, &scratch)
	var want map[string]json.RawMessage
	if wantErr := json.Unmarshal(line, &want); wantErr != nil || want == nil {
		if err == nil {
			t.Fatalf("%q: read, but it is %v", line, wantErr)
		}
		return
	}
	if err != nil {
		text := err.Error()
		for _, ours := range []string{"surrogate", "twice", "does not fit", "deep", "escape"} {
			if strings.Contains(text, ours) {
				return
			}
		}
		t.Fatalf("%q: %v", line, err)
	}
	if !utf8.Valid(line) {
		return // package json changes what is not UTF-8
	}
	for _, m := range rec {
		var v any
		dec := json.NewDecoder(bytes.NewReader(want[m.Name]))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%q: %q: %v", line, m.Name, err)
		}
		same := true
		switch v := v.(type) {
		case string:
			same = m.Kind == Text && v == string(m.Text)
		case json.Number:
			f, _ := v.Float64()
			same = m.Kind == Int && fmt.Sprint(m.Int) == string(v) || m.Kind == Float && f == m.Float
		case bool:
			same = m.Kind == Bool && v == (m.Int != 0)
		case nil:
			same = m.Kind == Null
		default:
			same = m.Kind == JSON
		}
		if !same {
			t.Fatalf("%q: %q is %+v, want %v", line, m.Name, m.Value, v)
		}
	}
	if len(rec) != len(want) {
		t.Fatalf("%q: %d members, want %d", line, len(rec), len(want))
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"[1, -2,3]": "[1 -2 3][]/0", "[]": "[][]/0", "[1.5,2]": "[][1.5 2]/0", "[[1,2],[3,4]]": "[1 2 3 4][]/2", "[[1.5],[2]]": "[][1.5 2]/1", " [ 1 ] ": "[1][]/0",
		"": "-", "[1": "-", "[1,]": "-", "[[1],[2,3]]": "-", "[1,[2]]": "-", "[\"1\"]": "-", "[null]": "-", "{}": "-", "[1]x": "-", "[[]]": "-", "[1e999]": "-",
	} {
		var v Value
		got := "-"
		if err := ParseNumbers([]byte(in), &v); err == nil {
			got = fmt.Sprintf("%v%v/%d", v.Ints, v.Floats, v.Features)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	v := Value{Kind: Numbers, Floats: []float64{1, 1.5, math.NaN()}}
	if _, ok := v.Integer(0); !ok || v.Len() != 3 {
		t.Error("1.0 is whole")
	}
	if _, ok := v.Integer(1); ok {
		t.Error("1.5 is not whole")
	}
}

func TestTextThatIsNotUTF8IsNamed(t *testing.T) {
	if err := CheckText([]byte("é�")); err != nil {
		t.Error(err)
	}
	if err := CheckText([]byte("é\xff")); err == nil || !strings.Contains(err.Error(), "byte 2") {
		t.Error(err)
	}
}

// Fuzzing: whatever a file holds, reading ends, with rows or with an error that is
// not a bug's.

func fuzzFile(f *testing.F, name string, seeds ...[]byte) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := read(t, path, 0, sourceOptions)
		if err != nil && errs.KindOf(err) == errs.Internal && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, line := range strings.Split(someJSON, "\n") {
		f.Add([]byte(line))
	}
	f.Add([]byte(`{"text": "half a pair \ud83d\uexde and no number"}`)) // was read as U+FFFD
	f.Fuzz(func(t *testing.T, line []byte) { compareJSON(t, line) })
}

func FuzzCSV(f *testing.F) { fuzzFile(f, "a.csv", []byte("text,label\n\"a\nb\",1\n")) }

func FuzzNPY(f *testing.F) {
	fuzzFile(f, "a.npy", npy("<i4", "(3, 2)", 24), npy("<f8", "(3,)", 24))
}

func FuzzArrow(f *testing.F) { fuzzFile(f, "a.arrow", arrowFile(f)) }

func FuzzParquet(f *testing.F) { fuzzFile(f, "a.parquet", parquetFile(f)) }

// TestDamagedBytesAreErrors changes a few bytes of a good file of each format.
func TestDamagedBytesAreErrors(t *testing.T) {
	for name, path := range sources(t) {
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		rapid.Check(t, func(r *rapid.T) {
			data := bytes.Clone(good)
			for range rapid.IntRange(1, 4).Draw(r, "damages") {
				data[rapid.IntRange(0, len(data)-1).Draw(r, "at")] = rapid.Byte().Draw(r, "byte")
			}
			data = data[:rapid.IntRange(len(data)/2, len(data)).Draw(r, "length")]
			damaged := filepath.Join(dir, filepath.Base(path))
			if err := os.WriteFile(damaged, data, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := read(t, damaged, 0, sourceOptions); err != nil && errs.KindOf(err) == errs.Internal {
				r.Fatalf("%s: %v", name, err)
			}
		})
	}
}

// TestParquetFooterThatDoesNotFit: four bytes at the end of a file of kilobytes cost no
// gigabytes.
func TestParquetFooterThatDoesNotFit(t *testing.T) {
	good := parquetFile(t)
	for name, data := range map[string][]byte{
		"a length of 4 GB": append(append([]byte{}, good[:len(good)-8]...), "\xff\xff\xff\xf0PAR1"...),
		"one byte more":    append(binary.LittleEndian.AppendUint32(append([]byte{}, good[:len(good)-8]...), uint32(len(good)-7)), "PAR1"...),
		"seven bytes":      good[:7],
		"nothing":          nil,
	} {
		path := filepath.Join(t.TempDir(), "a.parquet")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := read(t, path, 0, sourceOptions)
		runtime.ReadMemStats(&after)
		if errs.KindOf(err) != errs.Corrupt || !strings.Contains(err.Error(), "no Parquet file") {
			t.Errorf("%s: %v", name, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%s: %d MB of memory", name, took>>20)
		}
	}
}
