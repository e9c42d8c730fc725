package source_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/source"
)

// tree makes files below a new folder. Names with a trailing slash are folders,
// "a -> b" is a link, "a = text" a file with that text; others hold a few bytes.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		if link, target, ok := strings.Cut(name, " -> "); ok {
			check(t, os.MkdirAll(filepath.Dir(filepath.Join(root, link)), 0o755))
			check(t, os.Symlink(target, filepath.Join(root, link)))
			continue
		}
		name, text, ok := strings.Cut(name, " = ")
		if !ok {
			text = "bytes"
		}
		path := filepath.Join(root, name)
		if strings.HasSuffix(name, "/") {
			check(t, os.MkdirAll(path, 0o755))
			continue
		}
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return root
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func scan(t *testing.T, o source.Options) *source.Source {
	t.Helper()
	s, err := source.Scan(t.Context(), o)
	check(t, err)
	return s
}

// list writes the entries as "key=label".
func list(s *source.Source) string {
	var out []string
	for i := range s.Len() {
		e := s.Entry(i)
		out = append(out, e.Key+"="+itoa(e.Label))
	}
	return strings.Join(out, " ")
}

func itoa(n int64) string {
	if n < 0 {
		return "-"
	}
	return string(rune('0' + n))
}

func wantErr(t *testing.T, err error, kind errs.Kind, parts ...string) {
	t.Helper()
	if !errs.Is(err, kind) {
		t.Fatalf("error %v, want one of kind %v", err, kind)
	}
	whole := err.Error() + " | " + errs.HintOf(err)
	for _, p := range parts {
		if !strings.Contains(whole, p) {
			t.Errorf("%q lacks %q", whole, p)
		}
	}
}

func wantBad(t *testing.T, s *source.Source, want ...string) {
	t.Helper()
	if len(s.Bad) != len(want)/2 {
		t.Fatalf("bad: %v, want %q", s.Bad, want)
	}
	for i, b := range s.Bad {
		if b.Path != want[2*i] || !strings.Contains(b.Reason, want[2*i+1]) {
			t.Errorf("bad %q: %q, want %q: %q", b.Path, b.Reason, want[2*i], want[2*i+1])
		}
	}
}

func TestClassFolders(t *testing.T) {
	root := tree(t, "b/2.jpg", "b/1.PNG", "a/deep/er/x.webp", "a/y.jpeg", "a-b/z.gif",
		"b/notes.txt", "README.md", ".git/x.jpg", "b/._1.PNG")
	s := scan(t, source.Options{Root: root})
	// Byte order of whole keys: "a-b/" before "a/", as '-' is before '/'. Classes are sorted by their names.
	if got, want := list(s), "a-b/z.gif=1 a/deep/er/x.webp=0 a/y.jpeg=0 b/1.PNG=2 b/2.jpg=2"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if want := []string{"a", "a-b", "b"}; !reflect.DeepEqual(s.Classes, want) || s.Layout != source.ClassFolders {
		t.Errorf("classes %q, layout %v", s.Classes, s.Layout)
	}
	notes := strings.Join(s.Notes, "; ")
	if !strings.Contains(notes, "2 files that are no pictures (such as README.md)") || !strings.Contains(notes, "2 hidden") {
		t.Errorf("notes: %s", notes)
	}
	if s.Bytes() != 25 {
		t.Errorf("%d bytes, want 25", s.Bytes())
	}
}

func TestFlatFolder(t *testing.T) {
	s := scan(t, source.Options{Root: tree(t, "b.jpg", "a.jpg", "sub/readme.txt"), Limit: 1})
	if got := list(s); got != "a.jpg=-" || s.Layout != source.Flat || s.Classes != nil {
		t.Errorf("%s %v %q", got, s.Layout, s.Classes)
	}
}

func TestEmptyClass(t *testing.T) {
	root := tree(t, "a/x.jpg", "b/", "c/readme.txt", "d/y.jpg")
	_, err := source.Scan(t.Context(), source.Options{Root: root})
	wantErr(t, err, errs.Invalid, "2 class folders have no pictures: b, c", "--allow-empty")
	s := scan(t, source.Options{Root: root, AllowEmpty: true})
	if got := list(s); got != "a/x.jpg=0 d/y.jpg=3" {
		t.Error(got)
	}
}

func TestPicturesBesideClassFolders(t *testing.T) {
	s := scan(t, source.Options{Root: tree(t, "a/x.jpg", "stray.jpg")})
	wantBad(t, s, "stray.jpg", "no class")
	if got := list(s); got != "a/x.jpg=0" {
		t.Error(got)
	}
}

func TestNothingToPack(t *testing.T) {
	f := func(kind errs.Kind, root string, parts ...string) {
		t.Helper()
		_, err := source.Scan(t.Context(), source.Options{Root: root})
		wantErr(t, err, kind, parts...)
	}
	f(errs.NotFound, tree(t), "found nothing at all", ".jpg", "labels.csv")
	f(errs.NotFound, tree(t, "a/b.txt", "c.tar"), "2 other files (such as c.tar)")
	f(errs.NotFound, tree(t, "a.txt", "\xff.jpg"), "1 other file (such as a.txt), and 1 that cannot be used", `\xff.jpg: the name is not UTF-8`)
	f(errs.NotFound, tree(t, "a/"), "1 folder without pictures")
	f(errs.NotFound, filepath.Join(t.TempDir(), "absent"), "no such file")
	f(errs.Invalid, filepath.Join(tree(t, "x.zip"), "x.zip"), "is not a folder", "unpack")
}

func TestLinks(t *testing.T) {
	s := scan(t, source.Options{Root: tree(t,
		"a/x.jpg", "a/again -> ../a", "a/up -> ..", "a/self.jpg -> self.jpg", "a/gone.jpg -> nowhere.jpg",
		"b -> a", "c/y.jpg -> ../a/x.jpg", "d/z.jpg")})
	if got := list(s); got != "a/x.jpg=0 c/y.jpg=1 d/z.jpg=2" {
		t.Error(got)
	}
	wantBad(t, s, "a/gone.jpg", "leads nowhere", "a/self.jpg", "leads nowhere: too many", "a/again", "leads back to a, ",
		"a/up", "leads back to the source itself", "b", "same folder as a,")
}

// TestLinksCannotExplode: 30 folders that each link twice to the next are 2^30
// paths.
func TestLinksCannotExplode(t *testing.T) {
	var names []string
	for i := range 30 {
		next := string(rune('A' + i + 1))
		names = append(names, "d/"+string(rune('A'+i))+"/1 -> ../"+next, "d/"+string(rune('A'+i))+"/2 -> ../"+next)
	}
	s := scan(t, source.Options{Root: tree(t, append(names, "d/_/x.jpg")...)})
	if s.Len() != 1 || len(s.Bad) > 60 {
		t.Errorf("%d pictures, %d bad", s.Len(), len(s.Bad))
	}
}

func TestNamesThatAreNotUTF8(t *testing.T) {
	root := tree(t, "a/x.jpg", "a/\xff.jpg", "\xfe/y.jpg")
	s := scan(t, source.Options{Root: root})
	wantBad(t, s, `a/\xff.jpg`, "not UTF-8", `\xfe`, "not UTF-8")
}

func TestUnreadableFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	root := tree(t, "a/x.jpg", "b/y.jpg")
	check(t, os.Chmod(filepath.Join(root, "b"), 0))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(root, "b"), 0o755) })
	s := scan(t, source.Options{Root: root, AllowEmpty: true})
	wantBad(t, s, "b", "permission denied")
}

func TestCaseOnlyDifferencesAreTold(t *testing.T) {
	s := scan(t, source.Options{Root: tree(t, "a/x.jpg", "a/X.JPG", "a/x.JPG")})
	if s.Len() != 3 || !strings.Contains(strings.Join(s.Notes, ";"), "2 names differ from others only in upper and lower case") {
		t.Errorf("%d pictures, notes %q", s.Len(), s.Notes)
	}
}

func TestExcludedFolderIsNotSeen(t *testing.T) {
	root := tree(t, "a/x.jpg", "out.stk.partial/data.arrow", "out.stk.partial/y.jpg")
	s := scan(t, source.Options{Root: root, Exclude: []string{filepath.Join(root, "out.stk.partial"), filepath.Join(root, "absent")}})
	if got := list(s); got != "a/x.jpg=0" || len(s.Classes) != 1 {
		t.Errorf("%s, classes %q", got, s.Classes)
	}
}

func TestDatasetsInTheSourceAreNoClasses(t *testing.T) {
	root := tree(t, "a/x.jpg", "old.stk/manifest.json", "new.stk.partial/journal", "b.stk/y.jpg")
	s := scan(t, source.Options{Root: root})
	if got := list(s); got != "a/x.jpg=0 b.stk/y.jpg=1" || !strings.Contains(strings.Join(s.Notes, ";"), "2 datasets that lie in the source") {
		t.Errorf("%s, notes %q", got, s.Notes)
	}
}

func TestOrderIsThatOfKeys(t *testing.T) {
	s := scan(t, source.Options{Root: tree(t, "a/x.jpg", "a.jpg/y.jpg", "a-b/z.jpg", "a0/w.jpg")})
	for i := 1; i < s.Len(); i++ {
		if s.Entry(i-1).Key >= s.Entry(i).Key {
			t.Errorf("%s stands before %s", s.Entry(i-1).Key, s.Entry(i).Key)
		}
	}
}

func TestFingerprintsSeeEveryChange(t *testing.T) {
	root := tree(t, "a/x.jpg", "b/y.jpg")
	var before []uint64
	f := func(what string) {
		t.Helper()
		now := scan(t, source.Options{Root: root}).Fingerprints()
		if before != nil && (now[0] == before[0] || now[1] != before[1]) {
			t.Errorf("%s: %x, before %x; want the first to change and the second not", what, now, before)
		}
		before = now
	}
	f("start")
	check(t, os.WriteFile(filepath.Join(root, "a/x.jpg"), []byte("longer bytes"), 0o644))
	f("another size")
	info, err := os.Stat(filepath.Join(root, "a/x.jpg"))
	check(t, err)
	check(t, os.Chtimes(filepath.Join(root, "a/x.jpg"), info.ModTime(), info.ModTime().Add(1)))
	f("another time")
	check(t, os.Rename(filepath.Join(root, "a/x.jpg"), filepath.Join(root, "a/w.jpg")))
	f("another name")
	label := func(cells string) uint64 {
		check(t, os.WriteFile(filepath.Join(root, "labels.csv"), []byte("path,label,n,s\nb/y.jpg,"+cells), 0o644))
		return scan(t, source.Options{Root: root}).Fingerprints()[0]
	}
	seen := map[uint64]string{}
	for _, cells := range []string{"1,1,x", "2,1,x", "1,2,x", "1,,x", "1,1,y", "1,1,", "1,0,", "1,,"} {
		h := label(cells)
		if other, ok := seen[h]; ok {
			t.Errorf("%q has the fingerprint of %q", cells, other)
		}
		seen[h] = cells
	}
}

func TestScanStopsWhenAsked(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var names, rows []string
	for i := range 1100 {
		names = append(names, fmt.Sprintf("%d.jpg", i))
		rows = append(rows, fmt.Sprintf("%d.jpg", i))
	}
	f := func(root string, want int) {
		t.Helper()
		seen := 0
		_, err := source.Scan(ctx, source.Options{Root: root, Found: func(n int) { seen = n }})
		wantErr(t, err, errs.Canceled, "stopped while listing")
		if seen != want {
			t.Errorf("told of %d files, want %d", seen, want)
		}
	}
	f(tree(t, names...), 1024)
	f(tree(t, append(names, "labels.csv = path\n"+strings.Join(rows, "\n"))...), 0)
}

func values(s *source.Source, i int) []dataset.Value { return s.Values(i, nil) }
