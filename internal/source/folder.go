package source

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"stoker/internal/errs"
)

// scanFolder reads a source without a labels file: class folders or flat.
func (s *Source) scanFolder(o Options, steps *steps) error {
	root, err := os.Stat(o.Root)
	if err != nil {
		return errs.New(errs.KindOfFile(err, errs.Invalid), "cannot read the source: %w", errs.WithoutPath(err)).At(o.Root)
	}
	w := newWalker(s, o.Exclude, steps)
	err = w.folder("", []fileID{idOf(root)})
	if w.stop != nil {
		return w.stop
	}
	if err != nil {
		return errs.New(errs.KindOfFile(err, errs.Invalid), "cannot read the folder: %w", errs.WithoutPath(err)).At(o.Root)
	}
	w.note()
	if len(s.entries) == 0 {
		return w.nothingFound()
	}
	return s.classify(w.folders, o.AllowEmpty)
}

// classify numbers the classes. As in torchvision's ImageFolder, classes are
// the folders right below the root, sorted, and one without a picture is an
// error unless allowed, because leaving it out would shift all later numbers.
func (s *Source) classify(folders []string, allowEmpty bool) error {
	pictures := make(map[string]int, len(folders))
	flat := 0
	for i := range s.entries {
		if class, _, nested := strings.Cut(s.entries[i].Key, "/"); nested {
			pictures[class]++
		} else {
			flat++
		}
	}
	if len(pictures) == 0 {
		return nil // flat: labels are -1 already
	}
	s.Layout = ClassFolders
	for _, b := range s.Bad { // a class whose pictures are all bad is not empty
		if class, _, nested := strings.Cut(b.Path, "/"); nested {
			pictures[class]++
		}
	}
	if empty := without(folders, pictures); len(empty) > 0 && !allowEmpty {
		return errs.New(errs.Invalid, "%s no pictures: %s", plural(len(empty), "class folder has", "class folders have"), firstOf(empty)).
			At(s.Root).WithHint("remove them, or number them all the same with --allow-empty")
	}
	s.Classes = append([]string(nil), folders...)
	sort.Strings(s.Classes)
	if flat > 0 {
		s.dropUnclassed()
	}
	number := make(map[string]int64, len(s.Classes))
	for i, c := range s.Classes {
		number[c] = int64(i)
	}
	for i := range s.entries {
		class, _, _ := strings.Cut(s.entries[i].Key, "/")
		s.entries[i].Label = number[class]
	}
	return nil
}

// dropUnclassed lists pictures that lie beside the class folders as bad:
// torchvision drops them silently.
func (s *Source) dropUnclassed() {
	kept := s.entries[:0]
	for _, e := range s.entries {
		if strings.Contains(e.Key, "/") {
			kept = append(kept, e)
		} else {
			s.bad(e.Key, "lies beside the class folders, so it has no class")
		}
	}
	s.entries = kept
}

func without(folders []string, pictures map[string]int) []string {
	var empty []string
	for _, f := range folders {
		if pictures[f] == 0 {
			empty = append(empty, f)
		}
	}
	return empty
}

// note says what the walk left out.
func (w *walker) note() {
	if w.other.n > 0 {
		w.src.note("left out %s (such as %s)", plural(w.other.n, "file that is no picture", "files that are no pictures"), Printable(w.other.first))
	}
	if w.datasets > 0 {
		w.src.note("left out %s", plural(w.datasets, "dataset that lies in the source", "datasets that lie in the source"))
	}
	if w.hidden > 0 {
		w.src.note("left out %s", plural(w.hidden, "hidden file or folder", "hidden files and folders"))
	}
}

func (w *walker) nothingFound() error {
	saw := "nothing at all"
	if w.other.n > 0 {
		saw = plural(w.other.n, "other file", "other files") + " (such as " + Printable(w.other.first) + ")"
	} else if w.hidden > 0 {
		saw = plural(w.hidden, "hidden file or folder", "hidden files and folders")
	} else if len(w.folders) > 0 {
		saw = plural(len(w.folders), "folder without pictures", "folders without pictures")
	}
	if n := len(w.src.Bad); n > 0 {
		saw += fmt.Sprintf(", and %s (%s: %s)", plural(n, "that cannot be used", "that cannot be used"), w.src.Bad[0].Path, w.src.Bad[0].Reason)
	}
	return errs.New(errs.NotFound, "holds no pictures; found %s", saw).At(w.src.Root).
		WithHint("looked for %s in class folders or right below, and for %s",
			strings.Join(Extensions, " "), strings.Join(LabelsFiles, ", "))
}
