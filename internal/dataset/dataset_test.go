package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"stoker/internal/arrowipc"
	"stoker/internal/codec"
	"stoker/internal/errs"
	"stoker/internal/filetest"
)

// TestWhatIsWrittenIsRead writes rows of any shape in batches and shards of any
// size.
func TestWhatIsWrittenIsRead(t *testing.T) {
	tmp := filetest.FastDir(t)
	rapid.Check(t, func(t *rapid.T) {
		dir := filepath.Join(tmp, "t.stk")
		defer os.RemoveAll(dir) //nolint:errcheck // of a test
		fields := rapid.SliceOfNDistinct(rapid.SampledFrom(testFields), 0, 4, func(f Field) string { return f.Name }).Draw(t, "fields")
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *Row { return drawRow(t, fields) }), 1, 30).Draw(t, "rows")
		o := WriterOptions{Fields: fields, BatchRows: rapid.IntRange(1, 10).Draw(t, "batch"), ShardBytes: rapid.Int64Range(1, 64<<10).Draw(t, "shard"),
			open: (&budget{left: 1 << 40}).open}
		w, err := NewWriter(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if err := w.Append(r); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Commit(nil); err != nil {
			t.Fatal(err)
		}
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close() //nolint:errcheck // of a test
		for i, want := range rows {
			checkRow(t, d, int64(i), want)
			checkValues(t, d, int64(i), fields, want.Values)
		}
	})
}

func drawRow(t *rapid.T, fields []Field) *Row {
	r := &Row{
		Key: rapid.StringN(1, 10, 40).Draw(t, "key"), Label: rapid.Int64().Draw(t, "label"),
		Width: int(rapid.Int32().Draw(t, "width")), Height: int(rapid.Int32().Draw(t, "height")), Orientation: rapid.Uint8().Draw(t, "orientation"),
		Format: codec.Format(rapid.Uint8().Draw(t, "format")), Blob: rapid.SliceOfN(rapid.Byte(), 0, 500).Draw(t, "blob"),
	}
	r.CRC = CRC32C(r.Blob)
	for _, f := range fields {
		v := Value{Valid: rapid.Bool().Draw(t, "valid")}
		switch {
		case !v.Valid:
		case f.Type == Utf8:
			v.Text = rapid.StringN(0, 10, 40).Draw(t, "text")
		case f.Type == Int64:
			v.Int = rapid.Int64().Draw(t, "int")
		case f.Type == Float64:
			v.Float = rapid.Float64().Draw(t, "float")
		case f.Type == Bool:
			v.Bool = rapid.Bool().Draw(t, "bool")
		}
		r.Values = append(r.Values, v)
	}
	return r
}

// TestBodiesAndBuffersAreAligned walks every file with the layout of the format
// alone.
func TestBodiesAndBuffersAreAligned(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t.stk")
	m := writeTest(t, dir, 50, testOptions())
	for _, info := range append([]FileInfo{m.Index}, m.Shards...) {
		data, err := os.ReadFile(filepath.Join(dir, info.File))
		if err != nil {
			t.Fatal(err)
		}
		f, err := arrowipc.Open(data)
		if err != nil {
			t.Fatal(err)
		}
		align := int64(bodyAlign)
		if info.File == indexName {
			align = arrowipc.BufferAlign
		}
		for i, b := range f.Blocks() {
			if b.Body()%align != 0 {
				t.Errorf("%s: the body of batch %d begins at %d", info.File, i, b.Body())
			}
			batch, err := f.Batch(i)
			if err != nil {
				t.Fatal(err)
			}
			for c := range batch.Columns {
				if !batch.Columns[c].Type.Variable() {
					continue
				}
				// The first value lies where its buffer begins.
				if at, _, ok := batch.Columns[c].Span(0); !ok || at%arrowipc.BufferAlign != 0 {
					t.Errorf("%s: column %d of batch %d begins at %d", info.File, c, i, at)
				}
			}
		}
	}
}

// TestTextIsAViewOfTheMap proves that Column.Bytes copies nothing.
func TestTextIsAViewOfTheMap(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t.stk")
	writeTest(t, dir, 20, testOptions())
	d := openTest(t, dir)
	c, err := d.Column("caption")
	if err != nil {
		t.Fatal(err)
	}
	text, ok := c.Bytes(7)
	from := uintptr(unsafe.Pointer(unsafe.SliceData(d.mapped)))
	at := uintptr(unsafe.Pointer(unsafe.SliceData(text)))
	if !ok || at < from || at >= from+uintptr(len(d.mapped)) {
		t.Errorf("%q lies at %#x, the map at %#x", text, at, from)
	}
}

func TestNothingIsAllocatedPerSample(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t.stk")
	writeTest(t, dir, 20, testOptions())
	d := openTest(t, dir)
	score, err := d.Column("score")
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	if n := testing.AllocsPerRun(100, func() {
		s, err := d.Sample(3)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Read(&s, 3, buf); err != nil {
			t.Fatal(err)
		}
		score.Float64(3)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestManyReadersAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t.stk")
	const n = 60
	writeTest(t, dir, n, testOptions())
	d := openTest(t, dir)
	d.ExpectRandomReads()
	var readers sync.WaitGroup
	for start := range 8 {
		readers.Go(func() {
			var buf []byte
			for k := range int64(n) {
				i := (k + int64(start)*7) % n
				s, err := d.Sample(i)
				if err != nil {
					t.Error(err)
					return
				}
				if buf, err = d.Read(&s, i, buf); err != nil || !bytes.Equal(buf, testRow(int(i)).Blob) {
					t.Errorf("sample %d: %v", i, err)
				}
			}
		})
	}
	readers.Wait()
}

// TestFilesCutShortWhileOpenAreErrors truncates the mapped index under an open
// dataset: without the guard the process would end by SIGBUS.
func TestFilesCutShortWhileOpenAreErrors(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t.stk")
	writeTest(t, dir, 20, testOptions())
	d := openTest(t, dir)
	c, err := d.Column("views")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, indexName), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Sample(3); !errs.Is(err, errs.Corrupt) {
		t.Errorf("Sample gives %v", err)
	}
	if key := d.Key(3); key != "" {
		t.Errorf("Key gives %q", key)
	}
	if _, ok := c.Int64(3); ok {
		t.Error("Column.Int64 gives a value")
	}
	if c.Int64s(make([]int64, 1), []int64{3}, 0) {
		t.Error("Column.Int64s gives a value")
	}
}

func TestClosedDatasetSaysSo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t.stk")
	writeTest(t, dir, 5, testOptions())
	d := openTest(t, dir)
	s, err := d.Sample(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("the second Close gives %v", err)
	}
	for _, err := range []error{second(d.Sample(1)), second(d.Read(&s, 1, nil)), second(d.AppendKey(nil, 1))} {
		if err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("got %v, want that the dataset is closed", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestOpenExplainsWhatIsWrong(t *testing.T) {
	edit := func(change func(m map[string]any)) func(string) error {
		return func(dir string) error {
			path := filepath.Join(dir, manifestName)
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var m map[string]any
			if err := json.Unmarshal(data, &m); err != nil {
				return err
			}
			change(m)
			if data, err = json.Marshal(m); err != nil {
				return err
			}
			return os.WriteFile(path, data, 0o644)
		}
	}
	for name, test := range map[string]struct {
		damage func(dir string) error
		kind   errs.Kind
		text   string
	}{
		"no folder": {os.RemoveAll, errs.NotFound, "no such dataset"},
		"a file": {func(dir string) error {
			return first(os.RemoveAll(dir), os.WriteFile(dir, []byte("PK"), 0o644))
		}, errs.Invalid, "a file, not a dataset"},
		"no manifest":   {func(dir string) error { return os.Remove(filepath.Join(dir, manifestName)) }, errs.NotFound, "not a dataset"},
		"unfinished":    {func(dir string) error { return os.Rename(dir, dir+partialSuffix) }, errs.NotFound, "not finished"},
		"no JSON":       {func(dir string) error { return os.WriteFile(filepath.Join(dir, manifestName), []byte("{"), 0o644) }, errs.Corrupt, "JSON"},
		"later version": {edit(func(m map[string]any) { m["version"] = 2; m["fields"] = "other" }), errs.Unsupported, "format version 2"},
		"other format":  {edit(func(m map[string]any) { m["format"] = "other" }), errs.Corrupt, "other"},
		"way out":       {edit(func(m map[string]any) { m["index"].(map[string]any)["file"] = "../x" }), errs.Corrupt, "../x"},
		"more samples":  {edit(func(m map[string]any) { m["samples"] = 1 << 60 }), errs.Corrupt, "counts"},
		"other field":   {edit(func(m map[string]any) { m["fields"].([]any)[1].(map[string]any)["type"] = "int64" }), errs.Corrupt, "caption"},
		"lost shard":    {func(dir string) error { return os.Remove(filepath.Join(dir, shardName(0))) }, errs.Corrupt, "data-00000.arrow is missing"},
		"cut shard":     {func(dir string) error { return os.Truncate(filepath.Join(dir, shardName(0)), 5000) }, errs.Corrupt, "it has 5000 bytes"},
		"cut index":     {func(dir string) error { return os.Truncate(filepath.Join(dir, indexName), 100) }, errs.Corrupt, indexName},
		"link outwards": {func(dir string) error {
			return first(os.Remove(filepath.Join(dir, indexName)), os.Symlink("/etc/passwd", filepath.Join(dir, indexName)))
		}, errs.Corrupt, "escapes"},
	} {
		dir := filepath.Join(t.TempDir(), "t.stk")
		writeTest(t, dir, 5, testOptions())
		if err := test.damage(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); !errs.Is(err, test.kind) || !strings.Contains(err.Error(), test.text) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: got %v (%v), want %v with %q", name, err, errs.KindOf(err), test.kind, test.text)
		}
	}
}

func TestUnknownManifestMembersAreIgnored(t *testing.T) {
	if _, err := parseManifest([]byte(`{"format": "stoker-dataset", "version": 1, "index": {"file": "index.arrow"}, "fields": [{"name": "key", "type": "utf8"}], "later": 1}`)); err != nil {
		t.Error(err)
	}
}

func TestFingerprintKnowsWhatTrainingSeesOnly(t *testing.T) {
	tmp := t.TempDir()
	count := 0
	fingerprint := func(n int, o WriterOptions, change func(i int, r *Row)) string {
		count++
		w, err := NewWriter(filepath.Join(tmp, fmt.Sprint(count)), o)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			r := testRow(i)
			if change != nil {
				change(i, r)
			}
			if err := w.Append(r); err != nil {
				t.Fatal(err)
			}
		}
		m, err := w.Commit(nil)
		if err != nil {
			t.Fatal(err)
		}
		return m.Fingerprint
	}
	want := fingerprint(20, testOptions(), nil)
	o := testOptions()
	o.CreatedBy, o.BatchRows, o.ShardBytes, o.Options = "other", 7, 0, map[string]int{"quality": 3}
	if got := fingerprint(20, o, nil); got != want {
		t.Error("it depends on the files' layout")
	}
	for name, change := range map[string]func(r *Row){
		"key": func(r *Row) { r.Key += "x" }, "label": func(r *Row) { r.Label++ }, "blob": func(r *Row) { r.CRC++ },
		"value": func(r *Row) { r.Values[2] = Value{Valid: true, Int: 99} }, "width": func(r *Row) { r.Width++ },
	} {
		if fingerprint(20, testOptions(), func(i int, r *Row) {
			if i == 13 {
				change(r)
			}
		}) == want {
			t.Errorf("it does not depend on the %s", name)
		}
	}
	o = testOptions()
	o.Classes = []string{"cat", "wolf"}
	if fingerprint(20, o, nil) == want {
		t.Error("it does not depend on the classes")
	}
}
