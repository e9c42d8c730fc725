package arrowipc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"stoker/internal/errs"
)

var allTypes = []Type{Bool, Uint8, Uint16, Int32, Uint32, Int64, Float64, Utf8, Binary, Float32, List}

// cell is a value of any type.
type cell struct {
	null  bool
	int   int64
	float float64
	bytes string
}

func schemaOf(types []Type) *Schema {
	s := &Schema{}
	for i, t := range types {
		f := Field{Name: fmt.Sprintf("column %d", i), Type: t, Nullable: true}
		if t == List {
			f.Elem, f.Features = []Type{Uint16, Int32, Float64}[i%3], []int{0, 1, 3}[i/2%3]
		}
		s.Fields = append(s.Fields, f)
	}
	return s
}

func appendCell(b *Builder, column int, t Type, c cell) {
	switch {
	case c.null:
		b.AppendNull(column)
	case t == Bool:
		b.AppendBool(column, c.int != 0)
	case t == Float64, t == Float32:
		b.AppendFloat(column, c.float)
	case t == Utf8:
		b.AppendString(column, c.bytes)
	case t == Binary, t == List:
		b.AppendBytes(column, []byte(c.bytes))
	default:
		b.AppendInt(column, c.int)
	}
}

// readCell is the inverse of appendCell, with ok = false for damaged offsets.
func readCell(c *Column, i int) (got cell, ok bool) {
	if c.Null(i) {
		return cell{null: true}, true
	}
	switch {
	case c.Type == Float64, c.Type == Float32:
		return cell{float: c.Float(i)}, true
	case c.Type.Variable():
		v, ok := c.Bytes(i)
		return cell{bytes: string(v)}, ok
	}
	return cell{int: c.Int(i)}, true
}

func drawCell(t *rapid.T, f *Field) cell {
	c := cell{null: rapid.IntRange(0, 4).Draw(t, "null") == 0}
	if c.null {
		return c
	}
	switch f.Type {
	case Bool:
		c.int = rapid.Int64Range(0, 1).Draw(t, "bool")
	case Uint8:
		c.int = int64(rapid.Uint8().Draw(t, "uint8"))
	case Uint16:
		c.int = int64(rapid.Uint16().Draw(t, "uint16"))
	case Int32:
		c.int = int64(rapid.Int32().Draw(t, "int32"))
	case Uint32:
		c.int = int64(rapid.Uint32().Draw(t, "uint32"))
	case Int64:
		c.int = rapid.Int64().Draw(t, "int64")
	case Float64:
		c.float = rapid.Float64().Draw(t, "float64")
	case Float32:
		c.float = float64(rapid.Float32().Draw(t, "float32"))
	case List:
		n := rapid.IntRange(0, 9).Draw(t, "elements") * f.unit()
		c.bytes = string(rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "list"))
	case Utf8:
		c.bytes = rapid.StringN(0, 20, 60).Draw(t, "utf8")
	case Binary:
		c.bytes = string(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "binary"))
	}
	return c
}

// drawFile writes a file of random shape and returns its cells by batch, row and
// column.
func drawFile(t *rapid.T, align int) (schema *Schema, cells [][][]cell, data []byte) {
	schema = schemaOf(rapid.SliceOfN(rapid.SampledFrom(allTypes), 1, 6).Draw(t, "types"))
	var out bytes.Buffer
	w, err := NewWriter(&out, schema, align)
	if err != nil {
		t.Fatal(err)
	}
	b := NewBuilder(schema)
	cells = make([][][]cell, rapid.IntRange(0, 4).Draw(t, "batches"))
	for i := range cells {
		b.Reset()
		cells[i] = make([][]cell, rapid.IntRange(1, 20).Draw(t, "rows"))
		for r := range cells[i] {
			for c, f := range schema.Fields {
				cells[i][r] = append(cells[i][r], drawCell(t, &schema.Fields[c]))
				appendCell(b, c, f.Type, cells[i][r][c])
			}
		}
		want := w.BatchEnd(b)
		block, err := w.WriteBatch(b)
		if err != nil || block.End() != want {
			t.Fatalf("the batch ends at %d (%v), BatchEnd said %d", block.End(), err, want)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return schema, cells, out.Bytes()
}

func checkCells(t *rapid.T, f *File, cells [][][]cell) {
	for i := range cells {
		batch, err := f.Batch(i)
		if err != nil {
			t.Fatal(err)
		}
		if batch.Rows != len(cells[i]) {
			t.Fatalf("batch %d has %d rows, want %d", i, batch.Rows, len(cells[i]))
		}
		for r, row := range cells[i] {
			for c := range row {
				if got, ok := readCell(&batch.Columns[c], r); !ok || got != row[c] {
					t.Fatalf("batch %d row %d column %d: got %+v, want %+v", i, r, c, got, row[c])
				}
			}
		}
	}
}

func TestWhatIsWrittenIsReadAndAligned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		align := rapid.SampledFrom([]int{64, 512, 4096}).Draw(t, "align")
		schema, cells, data := drawFile(t, align)
		f, err := Open(data)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(f.Schema()) != fmt.Sprint(schema) || len(f.Blocks()) != len(cells) {
			t.Fatalf("got %v and %d batches, want %v and %d", f.Schema(), len(f.Blocks()), schema, len(cells))
		}
		checkCells(t, f, cells)
		for i, block := range f.Blocks() {
			if block.Body()%int64(align) != 0 || block.BodyLen%BufferAlign != 0 {
				t.Fatalf("the body of batch %d: %+v", i, block)
			}
			batch, err := f.Batch(i)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range batch.Columns {
				if c.start%BufferAlign != 0 {
					t.Fatalf("values at byte %d", c.start)
				}
			}
		}
	})
}

// TestCutFileKeepsItsCompleteBatches checks every possible length of a file
// without footer.
func TestCutFileKeepsItsCompleteBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		schema, cells, data := drawFile(t, 64)
		whole, err := Open(data)
		if err != nil {
			t.Fatal(err)
		}
		n := rapid.IntRange(0, len(data)-1).Draw(t, "length")
		if _, err := Open(data[:n]); !errs.Is(err, errs.Corrupt) {
			t.Fatalf("opening %d of %d bytes gives %v", n, len(data), err)
		}
		want := 0
		for _, b := range whole.Blocks() {
			if b.End() <= int64(n) {
				want++
			}
		}
		f, err := Recover(data[:n])
		if int64(n) < SchemaEnd(schema) {
			if err == nil {
				t.Fatal("a file without a whole schema was recovered")
			}
			return
		}
		if err != nil || len(f.Blocks()) != want {
			t.Fatalf("%v: not the %d complete batches", err, want)
		}
		checkCells(t, f, cells[:want])
	})
}

func TestResumedFileIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		schema, cells, data := drawFile(t, 4096)
		whole, err := Open(data)
		if err != nil {
			t.Fatal(err)
		}
		n := rapid.IntRange(0, len(cells)).Draw(t, "batches kept")
		end := SchemaEnd(schema)
		if n > 0 {
			end = whole.Blocks()[n-1].End()
		}
		out := bytes.NewBuffer(bytes.Clone(data[:end]))
		w := ResumeWriter(out, schema, 4096, append([]Block{}, whole.Blocks()[:n]...))
		b := NewBuilder(schema)
		for _, rows := range cells[n:] {
			b.Reset()
			for _, row := range rows {
				for c := range row {
					appendCell(b, c, schema.Fields[c].Type, row[c])
				}
			}
			if _, err := w.WriteBatch(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Finish(); err != nil || !bytes.Equal(out.Bytes(), data) {
			t.Fatalf("the resumed file differs (%v)", err)
		}
	})
}

// TestBytesFromEightOnAreAStream checks what readers of streams rely on: an
// end-of-stream marker behind the last batch.
func TestBytesFromEightOnAreAStream(t *testing.T) {
	var out bytes.Buffer
	schema := schemaOf([]Type{Int32})
	w, err := NewWriter(&out, schema, 64)
	if err != nil {
		t.Fatal(err)
	}
	b := NewBuilder(schema)
	b.AppendInt(0, 5)
	block, err := w.WriteBatch(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	eos := out.Bytes()[block.End():][:8]
	if binary.LittleEndian.Uint32(eos) != continuation || binary.LittleEndian.Uint32(eos[4:]) != 0 {
		t.Errorf("behind the last batch stands % x, want the end-of-stream marker", eos)
	}
}

// readAll touches everything that a file offers.
func readAll(f *File) {
	for i := range f.Blocks() {
		batch, err := f.Batch(i)
		if err != nil {
			continue
		}
		for c := range batch.Columns {
			for r := range min(batch.Rows, 1000) {
				readCell(&batch.Columns[c], r)
			}
		}
	}
}

func checkHostile(t fataler, data []byte) {
	for _, open := range []func([]byte) (*File, error){Open, Recover} {
		f, err := open(data)
		if err == nil {
			readAll(f)
		} else if !errs.Is(err, errs.Corrupt) && !errs.Is(err, errs.Unsupported) {
			t.Fatalf("an error of kind %v: %v", errs.KindOf(err), err)
		}
	}
}

type fataler interface {
	Fatalf(format string, args ...any)
}

func TestDamagedFilesAreErrorsNotPanics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, _, data := drawFile(t, 64)
		for range rapid.IntRange(1, 8).Draw(t, "damages") {
			at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
			data[at] = rapid.Byte().Draw(t, "byte")
		}
		checkHostile(t, data)
	})
}

func FuzzOpen(f *testing.F) {
	schema := schemaOf(allTypes)
	var out bytes.Buffer
	w, err := NewWriter(&out, schema, 64)
	if err != nil {
		f.Fatal(err)
	}
	b := NewBuilder(schema)
	for i := range 3 {
		for c, t := range allTypes {
			appendCell(b, c, t, cell{null: i == c, int: 1, float: 2, bytes: "three"})
		}
	}
	if _, err := w.WriteBatch(b); err != nil {
		f.Fatal(err)
	}
	if err := w.Finish(); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) { checkHostile(t, data) })
}

func BenchmarkBatch(b *testing.B) {
	schema := schemaOf(allTypes)
	var out bytes.Buffer
	w, _ := NewWriter(&out, schema, 64)
	rows := NewBuilder(schema)
	for i := range 64 {
		for c, t := range allTypes {
			appendCell(rows, c, t, cell{int: int64(i), bytes: "three"})
		}
	}
	for range 100 {
		if _, err := w.WriteBatch(rows); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		b.Fatal(err)
	}
	f, err := Open(out.Bytes())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := f.Batch(50); err != nil {
			b.Fatal(err)
		}
	}
}
