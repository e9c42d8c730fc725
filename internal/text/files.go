package text

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync/atomic"

	"stoker/internal/errs"
)

// Files is a source: one file, or the files of a folder, in order.
type Files struct {
	Root    string   // as given
	Format  string   // "JSON lines", "text files", ...
	Classes []string // folders right below the root, where each file is one row
	DType   string   // of numbers, where the files say it
	Left    int      // files of other formats, left out
	Options ReadOptions

	files []file
	bytes int64
	dir   bool
}

// ReadOptions says how to read what does not say it itself.
type ReadOptions struct {
	IDs       bool  // arrays hold token ids
	Separator int64 // of streams of ids: a row ends behind this id; -1 = none
	Chunk     int64 // of streams of ids without separator: ids of a row
}

type file struct {
	key      string // path relative to the root, with "/"; the base name of a single file
	size     int64
	modified int64
	class    int64
	whole    bool // the file is one row
	format   *fileFormat
}

// fileFormat is a kind of files.
type fileFormat struct {
	name  string
	ext   []string // in lower case, without that of compression
	whole bool     // a file is one row
	open  func(f *Files, x *file, src *os.File, count *atomic.Int64, ext string) (rows, error)
}

var formats = []*fileFormat{
	{name: "JSON lines", ext: []string{".jsonl", ".ndjson", ".json"}, open: openJSONL},
	{name: "CSV", ext: []string{".csv", ".tsv"}, open: openCSV},
	{name: "Parquet", ext: []string{".parquet"}, open: openParquet},
	{name: "Arrow", ext: []string{".arrow", ".arrows", ".feather", ".ipc"}, open: openArrow},
	{name: "text files", ext: []string{".txt", ".md"}, whole: true, open: openWhole},
	{name: "arrays", ext: []string{".npy"}, whole: true, open: openNPY},
	{name: "token ids", ext: []string{".bin"}, whole: true, open: openIDs},
}

// FieldName is the name under which formats without columns give their rows: the
// content of a text file, or the numbers of an array.
const FieldName = "text"

// formatOf finds the format of a file by its name.
func formatOf(name string) (f *fileFormat, ext string) {
	name = strings.ToLower(name)
	for _, c := range []string{".gz", ".zst"} {
		name = strings.TrimSuffix(name, c)
	}
	ext = filepath.Ext(name)
	for _, f := range formats {
		if slices.Contains(f.ext, ext) {
			return f, ext
		}
	}
	return nil, ext
}

// Known reports whether a file's name is that of a format that this package reads.
func Known(name string) bool {
	f, _ := formatOf(name)
	return f != nil
}

// Find lists the files of a source: of a folder, all below it that are not hidden,
// of the one format that most of its files have. exclude are paths to be left out,
// such as the output. Errors: NotFound, Invalid, Permission.
func Find(root string, o ReadOptions, exclude ...string) (*Files, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, errs.New(errs.KindOfFile(err, errs.Corrupt), "cannot read the source: %w", errs.WithoutPath(err)).At(root).
			WithHint("%s", errs.Beside(root, "give a file, or a folder of files, of a format that `stoker pack --help` lists"))
	}
	f := &Files{Root: root, dir: info.IsDir(), Options: o}
	if !f.dir {
		return f, f.single(info)
	}
	if err := f.walk(exclude); err != nil {
		return nil, err
	}
	return f, f.settle()
}

func (f *Files) single(info os.FileInfo) error {
	format, ext := formatOf(f.Root)
	if format == nil {
		return errs.New(errs.Unsupported, "a file %q is of no kind that Stoker packs", ext).At(f.Root).WithHint("it packs %s", allFormats())
	}
	f.Format, f.bytes = format.name, info.Size()
	f.files = []file{{key: filepath.Base(f.Root), size: info.Size(), modified: info.ModTime().UnixNano(), class: -1, whole: format.whole, format: format}}
	return nil
}

func allFormats() string {
	var all []string
	for _, f := range formats {
		all = append(all, f.ext...)
	}
	return strings.Join(all, " ") + ", also .gz and .zst of those that are text"
}

// walk lists the files of all formats in byte order of their keys.
func (f *Files) walk(exclude []string) error {
	var out []os.FileInfo
	for _, path := range exclude {
		if info, err := os.Stat(path); err == nil {
			out = append(out, info)
		}
	}
	err := filepath.WalkDir(f.Root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return errs.New(errs.KindOfFile(err, errs.Corrupt), "cannot be read: %w", errs.WithoutPath(err)).At(path)
		}
		if path != f.Root && strings.HasPrefix(d.Name(), ".") {
			return skipIf(d.IsDir())
		}
		info, err := os.Stat(path) // follows links
		if err != nil || slices.ContainsFunc(out, func(o os.FileInfo) bool { return os.SameFile(o, info) }) {
			return skipIf(d.IsDir())
		}
		if !info.Mode().IsRegular() {
			return nil
		}
		format, _ := formatOf(path)
		if format == nil {
			f.Left++
			return nil
		}
		key, err := filepath.Rel(f.Root, path)
		if err != nil {
			return errs.New(errs.Internal, "%w", err)
		}
		f.files = append(f.files, file{key: filepath.ToSlash(key), size: info.Size(), modified: info.ModTime().UnixNano(),
			class: -1, whole: format.whole, format: format})
		return nil
	})
	sort.Slice(f.files, func(i, j int) bool { return f.files[i].key < f.files[j].key })
	return err
}

func skipIf(dir bool) error {
	if dir {
		return filepath.SkipDir
	}
	return nil
}

// settle keeps the files of the commonest format, and numbers the classes where
// each file is a row.
func (f *Files) settle() error {
	count := map[*fileFormat]int{}
	var best *fileFormat
	for i := range f.files {
		of := f.files[i].format
		count[of]++
		if best == nil || count[of] > count[best] || count[of] == count[best] && of.name < best.name {
			best = of
		}
	}
	if best == nil {
		return errs.New(errs.NotFound, "holds no files of text").At(f.Root).WithHint("looked for %s", allFormats())
	}
	all := f.files
	f.files = slices.DeleteFunc(f.files, func(x file) bool { return x.format != best })
	f.Left += len(all) - len(f.files)
	f.Format = best.name
	for i := range f.files {
		f.bytes += f.files[i].size
	}
	if best.whole {
		f.classify()
	}
	return nil
}

// classify numbers the folders right below the root, sorted. Files beside them
// have no class.
func (f *Files) classify() {
	for i := range f.files {
		if class, _, nested := strings.Cut(f.files[i].key, "/"); nested && !slices.Contains(f.Classes, class) {
			f.Classes = append(f.Classes, class)
		}
	}
	sort.Strings(f.Classes)
	for i := range f.files {
		class, _, nested := strings.Cut(f.files[i].key, "/")
		if n, found := slices.BinarySearch(f.Classes, class); nested && found {
			f.files[i].class = int64(n)
		}
	}
}

// Len returns the number of files.
func (f *Files) Len() int { return len(f.files) }

// Bytes returns the size of all files.
func (f *Files) Bytes() int64 { return f.bytes }

// Columned reports whether the rows have named values; the others have one, FieldName.
func (f *Files) Columned() bool { return !f.files[0].format.whole }

// Fingerprint identifies the source: names, sizes and times of its files, and how
// they are read.
func (f *Files) Fingerprint() string {
	h := sha256.New()
	root, err := filepath.Abs(f.Root)
	if err != nil {
		root = f.Root
	}
	fmt.Fprintf(h, "%q %q %+v\n", root, f.Format, f.Options)
	for i := range f.files {
		fmt.Fprintf(h, "%q %d %d\n", f.files[i].key, f.files[i].size, f.files[i].modified)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (f *Files) path(x *file) string {
	if !f.dir {
		return f.Root
	}
	return filepath.Join(f.Root, filepath.FromSlash(x.key))
}

// openRows opens one file; count is told of the bytes read.
func (f *Files) openRows(x *file, count *atomic.Int64) (rows, error) {
	path := f.path(x)
	src, err := os.Open(path)
	if err != nil {
		return nil, errs.New(errs.KindOfFile(err, errs.Corrupt), "cannot be read: %w", errs.WithoutPath(err)).At(path)
	}
	_, ext := formatOf(path)
	r, err := x.format.open(f, x, src, count, ext)
	if err != nil {
		_ = src.Close()
		return nil, err
	}
	return r, nil
}
