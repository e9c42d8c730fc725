package source

import (
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"stoker/internal/errs"
)

// Extensions are those of picture files, in lower case. Contents decide the
// format later; the extension only tells pictures from other files.
var Extensions = []string{".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".ppm"}

// IsPicture says whether a file's name ends as a picture's does.
func IsPicture(name string) bool {
	return slices.Contains(Extensions, strings.ToLower(filepath.Ext(name)))
}

// walker lists the pictures below a folder in byte order of their keys. Links
// are followed, but each folder is entered once: a loop ends, and a folder that
// is reached twice is told instead of packed twice.
type walker struct {
	src     *Source
	exclude []os.FileInfo
	steps   *steps
	stop    error // why to go no further

	entered map[fileID]string // keys of the folders walked
	folders []string          // those right below the root
	hidden  int
	// datasets counts folders that Stoker packed.
	datasets int
	other    counted // files that are no pictures
}

// counted counts things and remembers the first.
type counted struct {
	n     int
	first string
}

func (c *counted) add(name string) {
	if c.n == 0 {
		c.first = name
	}
	c.n++
}

func newWalker(s *Source, exclude []string, steps *steps) *walker {
	w := &walker{src: s, steps: steps, entered: map[fileID]string{}}
	for _, path := range exclude {
		if info, err := os.Stat(path); err == nil {
			w.exclude = append(w.exclude, info)
		}
	}
	return w
}

// child is one entry of a folder, links resolved.
type child struct {
	name string
	info os.FileInfo
}

// sortName makes plain sorting of a folder's entries give byte order of whole
// keys: a folder sorts as its keys do, which continue with "/".
func (c child) sortName() string {
	if c.info.IsDir() {
		return c.name + "/"
	}
	return c.name
}

// folder appends the pictures of the folder with the given key ("" = root).
// parents are the identities of the folders above it and its own. The error is
// of reading this folder; the part that could be read was appended.
func (w *walker) folder(key string, parents []fileID) error {
	names, err := os.ReadDir(filepath.Join(w.src.Root, filepath.FromSlash(key)))
	for _, c := range w.children(key, names) {
		childKey := join(key, c.name)
		switch {
		case w.stop != nil:
			return nil
		case !utf8.ValidString(c.name):
			w.src.bad(childKey, "the name is not UTF-8; rename it")
		case c.info.IsDir() && w.isDataset(childKey):
			w.datasets++
		case c.info.IsDir():
			w.enter(childKey, c.info, parents)
		default:
			w.file(childKey, c)
		}
	}
	return err
}

// children resolves links and sorts.
func (w *walker) children(key string, names []os.DirEntry) []child {
	children := make([]child, 0, len(names))
	for _, d := range names {
		if w.stop = w.steps.next(); w.stop != nil {
			return nil
		}
		name := d.Name()
		if strings.HasPrefix(name, ".") {
			w.hidden++
			continue
		}
		if d.Type().IsRegular() && !IsPicture(name) { // most of what is left out; needs no stat
			w.other.add(join(key, name))
			continue
		}
		info, err := d.Info()
		link := err == nil && info.Mode()&os.ModeSymlink != 0
		if link {
			info, err = os.Stat(filepath.Join(w.src.Root, filepath.FromSlash(join(key, name))))
		}
		switch {
		case err != nil && link:
			w.src.bad(join(key, name), "this link leads nowhere: %v", errs.WithoutPath(err))
		case err != nil:
			w.src.bad(join(key, name), "%v", errs.WithoutPath(err))
		case !w.excluded(info):
			children = append(children, child{name, info})
		}
	}
	sort.Slice(children, func(i, j int) bool { return children[i].sortName() < children[j].sortName() })
	return children
}

// isDataset reports whether a folder is a dataset, finished or not: one that was
// packed into its own source is no class of it.
func (w *walker) isDataset(key string) bool {
	if !strings.HasSuffix(key, ".stk") && !strings.HasSuffix(key, ".stk.partial") {
		return false
	}
	dir := filepath.Join(w.src.Root, filepath.FromSlash(key))
	for _, name := range []string{"manifest.json", "journal"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

func (w *walker) excluded(info os.FileInfo) bool {
	for _, x := range w.exclude {
		if os.SameFile(x, info) {
			return true
		}
	}
	return false
}

// enter walks into a folder unless it was walked before.
func (w *walker) enter(key string, info os.FileInfo, parents []fileID) {
	id := idOf(info)
	for i, p := range parents {
		if p == id {
			above := "the source itself"
			if i > 0 {
				above = strings.Join(strings.Split(key, "/")[:i], "/")
			}
			w.src.bad(key, "this link leads back to %s, in which it lies: a loop", above)
			return
		}
	}
	if first, seen := w.entered[id]; seen {
		w.src.bad(key, "is the same folder as %s, whose pictures are listed already", first)
		return
	}
	w.entered[id] = key
	if !strings.Contains(key, "/") {
		w.folders = append(w.folders, key)
	}
	if err := w.folder(key, append(parents[:len(parents):len(parents)], id)); err != nil {
		w.src.bad(key, "cannot read this folder: %v", errs.WithoutPath(err))
	}
}

func (w *walker) file(key string, c child) {
	switch {
	case !IsPicture(c.name):
		w.other.add(key)
	case !c.info.Mode().IsRegular():
		w.src.bad(key, "is not a regular file")
	default:
		w.src.entries = append(w.src.entries, newEntry(key, c.info))
	}
}

func newEntry(key string, info os.FileInfo) Entry {
	return Entry{Key: key, Label: -1, Size: info.Size(), modified: info.ModTime().UnixNano()}
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "/" + name
}
