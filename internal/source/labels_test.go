package source_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/source"
)

func valid(v dataset.Value) dataset.Value { v.Valid = true; return v }

func TestCSVLabelsAndTypedFields(t *testing.T) {
	root := tree(t, "b.jpg", "a.jpg", "sub/c.jpg", "labels.csv = \ufeffFile_Name,n,f,b,s,zip,LABEL\r\n"+
		"b.jpg,1,0.5,true,\"x, \"\"y\"\"\r\nz\",01234,dog\n"+
		"./a.jpg,,nan,False,,00001,cat\n"+
		"sub//c.jpg,-9223372036854775808,1e3,TRUE,é,1,\n")
	s := scan(t, source.Options{Root: root})
	if got, want := list(s), "b.jpg=1 a.jpg=0 sub/c.jpg=-"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if want := []string{"cat", "dog"}; !reflect.DeepEqual(s.Classes, want) || s.Layout != source.LabelsFile {
		t.Errorf("classes %q, layout %v", s.Classes, s.Layout)
	}
	var fields []string
	for _, f := range s.Fields {
		fields = append(fields, f.Name+":"+string(f.Type))
	}
	if got, want := strings.Join(fields, " "), "n:int64 f:float64 b:bool s:utf8 zip:utf8"; got != want {
		t.Fatalf("fields %s, want %s", got, want)
	}
	want := []dataset.Value{valid(dataset.Value{Int: 1}), valid(dataset.Value{Float: 0.5}), valid(dataset.Value{Bool: true}),
		valid(dataset.Value{Text: "x, \"y\"\nz"}), valid(dataset.Value{Text: "01234"})}
	if got := values(s, 0); !reflect.DeepEqual(got, want) {
		t.Errorf("row 0: %+v", got)
	}
	row1 := values(s, 1)
	if row1[0].Valid || !math.IsNaN(row1[1].Float) || row1[2].Bool || row1[3].Valid {
		t.Errorf("row 1: %+v", row1)
	}
	if got := values(s, 2)[0].Int; got != math.MinInt64 {
		t.Errorf("row 2: n = %d", got)
	}
	if notes := strings.Join(s.Notes, ";"); !strings.Contains(notes, "1 row has no label") {
		t.Errorf("notes %s", notes)
	}
}

func TestJSONLLabelsAndTypedFields(t *testing.T) {
	root := tree(t, "a.jpg", "b.jpg", "c.jpg", `metadata.jsonl = {"file_name": "c.jpg", "label": 7, "score": 1, "tags": ["x", {"y": 1}]}

{"label": 3, "file_name": "a.jpg", "score": 2.5, "late": true, "name": "\u00e9"}
{"file_name": "b.jpg", "label": null, "score": null, "name": "12"}
`)
	s := scan(t, source.Options{Root: root})
	if got := list(s); got != "c.jpg=7 a.jpg=3 b.jpg=-" || s.Classes != nil {
		t.Errorf("%s, classes %q", got, s.Classes)
	}
	var fields []string
	for _, f := range s.Fields {
		fields = append(fields, f.Name+":"+string(f.Type))
	}
	if got, want := strings.Join(fields, " "), "score:float64 tags:utf8 late:bool name:utf8"; got != want {
		t.Fatalf("fields %s, want %s", got, want)
	}
	if got := values(s, 0); got[0].Float != 1 || got[1].Text != `["x",{"y":1}]` || got[2].Valid || got[3].Valid {
		t.Errorf("row 0: %+v", got)
	}
	if got := values(s, 2); got[0].Valid || got[3].Text != "12" {
		t.Errorf("row 2: %+v", got)
	}
}

func TestLabelsThatAreNumbers(t *testing.T) {
	f := func(column, want string, classes ...string) {
		t.Helper()
		root := tree(t, "a.jpg", "b.jpg", "labels.csv = path,class\na.jpg,"+strings.ReplaceAll(column, " ", "\nb.jpg,"))
		s := scan(t, source.Options{Root: root})
		if got := list(s); got != want || !reflect.DeepEqual(s.Classes, classes) {
			t.Errorf("%s: got %s %q, want %s %q", column, got, s.Classes, want, classes)
		}
	}
	f("3 5", "a.jpg=3 b.jpg=5")
	f("3.0 5.0", "a.jpg=3 b.jpg=5")
	f("3.0 ", "a.jpg=3 b.jpg=-")
	f("003 005", "a.jpg=0 b.jpg=1", "003", "005")
	f("3 cat", "a.jpg=0 b.jpg=1", "3", "cat")
}

func TestLabelsFileElsewhere(t *testing.T) {
	root := tree(t, "x/a.jpg", "x/b.jpg")
	abs := filepath.Join(root, "x", "b.jpg")
	file := filepath.Join(tree(t, "l.csv = ,path,label\n0,a.jpg,1\n1,"+abs+",2\n"), "l.csv")
	s := scan(t, source.Options{Root: filepath.Join(root, "x"), Labels: file})
	if got := list(s); got != "a.jpg=1 b.jpg=2" {
		t.Error(got)
	}
	if notes := strings.Join(s.Notes, ";"); !strings.Contains(notes, "column 1 of the labels file: it has no name") {
		t.Errorf("notes %s", notes)
	}
}

func TestMissingFilesAreBadAndKeepTheOthersValues(t *testing.T) {
	root := tree(t, "b.jpg", "d/", "labels.csv = path,n\na.jpg,1\nb.jpg,2\nd,3\nx\\y.jpg,4\n")
	s := scan(t, source.Options{Root: root})
	wantBad(t, s, "a.jpg", "line 2 of labels.csv: no such file", "d", "line 4 of labels.csv: is not a file",
		`x\y.jpg`, "write paths with /")
	if got := values(s, 0); s.Len() != 1 || got[0].Int != 2 {
		t.Errorf("%s: %+v", list(s), got)
	}
}

// TestLabelsErrorsNameThePlace goes through what can be wrong in a labels file.
func TestLabelsErrorsNameThePlace(t *testing.T) {
	f := func(name, text string, parts ...string) {
		t.Helper()
		root := tree(t, "a.jpg", "b.jpg", name+" = "+text)
		_, err := source.Scan(t.Context(), source.Options{Root: root, Labels: filepath.Join(root, name)})
		kind := errs.Invalid
		if parts[0] == "unsupported" {
			kind, parts = errs.Unsupported, parts[1:]
		}
		wantErr(t, err, kind, append(parts, name)...)
	}
	f("l.csv", "", "is empty", "path,label")
	f("l.csv", "picture;label\na.jpg;1\n", `line 1: no column with the paths; found "picture;label"`, "a comma separates")
	f("l.csv", "path,label\na.jpg\n", "line 2: wrong number of fields")
	f("l.csv", "path,label\na.jpg,1\nb.jpg,\"2\n", "line 3", "quote")
	f("l.csv", "path,label\na.jpg,x\"y\n", "line 2, column 8", "quote")
	f("l.csv", "path,label\na.jpg,1\n,2\n", `line 3, column "path": no path`)
	f("l.csv", "path,label\na.jpg,1\nb.jpg,1\n./a.jpg,2\n", "line 4: a.jpg stands already in line 2")
	f("l.csv", "path,s,s\na.jpg,1,2\n", `line 1, column "s": two columns`)
	f("l.csv", "path,width\na.jpg,1\n", `line 1, column "width"`, "source_width")
	f("l.csv", "path,s\na.jpg,\xff\n", `line 2, column "s": is not UTF-8`)
	f("l.csv", "path,\xff\na.jpg,1\n", "line 1, column 2: is not UTF-8")
	f("l.csv", "path,s\n../a.jpg,1\n", `line 2, column "path": ../a.jpg lies outside`)
	f("l.csv", "path,s\n/etc/passwd,1\n", `line 2, column "path": /etc/passwd lies outside`)
	f("l.csv", "path,label\na.jpg,1\nb.jpg,1.5\n", `line 3, column "label": 1.5 is no class`)
	f("l.csv", "path,s\na.jpg,"+strings.Repeat("x", dataset.MaxTextBytes+1), `line 2, column "s": has 32768 bytes`)
	f("l.csv", "path,s\na.jpg,\""+strings.Repeat(strings.Repeat("x", 1023)+"\n", 17<<10), "longer than 16 MiB")
	f("l.jsonl", "[1]\n", "line 1: is not a JSON object")
	f("l.jsonl", `{"path": "a.jpg"}`+"\n"+`{"path": "b.jpg", }`, "line 2, column 18: invalid character")
	f("l.jsonl", `{"path": "a.jpg"`, "line 1: the object is cut off")
	f("l.jsonl", `{"path": "a.jpg"} {}`, "line 1: more text")
	f("l.jsonl", `{"path": "a.jpg", "path": "b.jpg"}`, `line 1: "path" stands twice`)
	f("l.jsonl", `{"label": 1}`, "line 1: no column with the paths")
	f("l.jsonl", `{"path": "a.jpg"}`+"\n"+`{"label": 1}`, `line 2, column "path": no path`)
	f("l.jsonl", `{"path": 3}`, `line 1, column "path": the path is a number`)
	f("l.jsonl", `{"path": "a.jpg", "n": 1}`+"\n"+`{"path": "b.jpg", "n": "x"}`, `line 2, column "n": is text, and was a number`)
	f("l.jsonl", `{"path": "a.jpg", "n": 1e999}`, "line 1: 1e999 does not fit")
	f("l.jsonl", `{"path": "a.jpg"}`+"\n"+`{"path": "b.jpg", "key": 1}`, `line 2, column "key"`)
	f("l.jsonl", "{\"path\": \"\xff\"}", "line 1: is not UTF-8")
	f("l.jsonl", `{"path": "`+strings.Repeat("x", 17<<20), "after row 0: a row is longer than 16 MiB")
	f("l.csv", "path"+strings.Repeat(",x", 1<<20)+"\n", "line 1: more than 1000 columns")
	f("l.jsonl", "{"+strings.Repeat(`"x":1,`, 1<<20)+"}", `line 1: "x" stands twice`)
	var members, rows strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&members, `"x%d":1,`, i)
		fmt.Fprintf(&rows, "{\"path\": \"a%d.jpg\", \"x%d\": 1}\n", i, i)
	}
	f("l.jsonl", "{"+members.String()+`"path": "a.jpg"}`, "line 1: more than 1000 columns")
	f("l.jsonl", rows.String(), "line 1002: more than 1000 columns")
	f("l.txt", "a.jpg", "unsupported", `ends in .csv or .jsonl, not in ".txt"`)
}

func TestWhichLabelsFile(t *testing.T) {
	root := tree(t, "a.jpg", "labels.csv = path\n", "metadata.jsonl = ")
	_, err := source.Scan(t.Context(), source.Options{Root: root})
	wantErr(t, err, errs.Invalid, "labels.csv, metadata.jsonl", "--labels")
	_, err = source.Scan(t.Context(), source.Options{Root: root, Labels: filepath.Join(root, "labels.csv")})
	wantErr(t, err, errs.NotFound, "names no pictures")
	_, err = source.Scan(t.Context(), source.Options{Root: root, Labels: filepath.Join(root, "absent.csv")})
	wantErr(t, err, errs.NotFound, "absent.csv", "cannot read the labels file")
}

// fuzzLabels scans a folder with the labels file and checks what must hold
// whatever it says: no crash, and entries, values and fields that fit together.
func fuzzLabels(f *testing.F, name string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	root := f.TempDir()
	for _, p := range []string{"a.jpg", "b.jpg"} {
		if err := os.WriteFile(filepath.Join(root, p), nil, 0o644); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file := filepath.Join(t.TempDir(), name)
		check(t, os.WriteFile(file, text, 0o644))
		s, err := source.Scan(t.Context(), source.Options{Root: root, Labels: file})
		if err != nil {
			if k := errs.KindOf(err); k == errs.Internal {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		for i := range s.Len() {
			if got := len(s.Values(i, nil)); got != len(s.Fields) {
				t.Fatalf("%d values, %d fields", got, len(s.Fields))
			}
			if l := s.Entry(i).Label; len(s.Classes) > 0 && l >= int64(len(s.Classes)) {
				t.Fatalf("label %d of %d classes", l, len(s.Classes))
			}
		}
		s.Fingerprints()
	})
}

func FuzzCSV(f *testing.F) {
	fuzzLabels(f, "l.csv", "path,label,n\na.jpg,cat,1\nb.jpg,,\n", "\ufefffile,class\r\n\"a.jpg\",\"3\"\r\n", "path\na.jpg\nc.jpg\n", ",path\n0,a.jpg\n")
}

func FuzzJSONL(f *testing.F) {
	fuzzLabels(f, "l.jsonl", `{"path": "a.jpg", "label": "cat", "n": 1.5}`+"\n"+`{"path": "b.jpg", "x": [1]}`, `{"file": "a.jpg", "class": 3, "b": true, "z": null}`)
}
