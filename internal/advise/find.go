package advise

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"stoker/internal/errs"
	"stoker/internal/run/sampler"
	"stoker/internal/source"
	"stoker/internal/text"
)

// data are what a run reads: a folder of pictures, or a file or folder of text.
type data struct {
	path  string
	texts bool
}

// find decides which data the run reads: what the user says; what its loader names
// as its root; directories in which it was seen to have files open; arguments that
// name data.
func find(o Options) (data, error) {
	if o.Data != "" {
		d, ok := look(absolute(o.Dir, o.Data))
		if !ok {
			return d, errs.New(errs.NotFound, "neither pictures nor text are found there").At(o.Data)
		}
		return d, nil
	}
	for _, path := range candidates(o) {
		if d, ok := look(absolute(o.Dir, path)); ok {
			return d, nil
		}
	}
	return data{}, errs.New(errs.NotFound, "which data the run reads is not known").WithHint("name them: --data PATH")
}

// candidates lists paths that may be the run's data, likeliest first.
func candidates(o Options) []string {
	var list []string
	uses := map[string]int64{}
	for _, r := range o.Evidence.Reports {
		if l := r.Training(); l != nil && l.Root != "" {
			list = append(list, l.Root)
		}
		for _, f := range r.Files {
			uses[f.Dir] += f.Seen
		}
	}
	list = append(list, roots(uses)...)
	for _, arg := range o.Evidence.Argv {
		_, value, ok := strings.Cut(arg, "=")
		if ok && strings.HasPrefix(arg, "-") {
			arg = value
		}
		list = append(list, arg)
	}
	return list
}

// roots turns directories of open files into roots, most used first: the parents of
// class folders, where several of them were seen, before the folders themselves.
func roots(uses map[string]int64) []string {
	parents := map[string]int64{}
	children := map[string]int{}
	for dir, n := range uses {
		parents[filepath.Dir(dir)] += n
		children[filepath.Dir(dir)]++
	}
	var list []string
	byUse := func(m map[string]int64) func(a, b string) int {
		return func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), strings.Compare(a, b)) }
	}
	for dir := range parents {
		if children[dir] > 1 && dir != "/" {
			list = append(list, dir)
		}
	}
	slices.SortFunc(list, byUse(parents))
	var own []string
	for dir := range uses {
		own = append(own, dir)
	}
	slices.SortFunc(own, byUse(uses))
	return append(list, own...)
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) || path == "" {
		return path
	}
	return filepath.Join(dir, path)
}

// look tells what lies at a path, from its first entries.
func look(path string) (data, bool) {
	info, err := os.Stat(path)
	switch {
	case err != nil || path == "" || filepath.Clean(path) == "/":
		return data{}, false
	case info.Mode().IsRegular():
		return data{path, true}, text.Known(path)
	case !info.IsDir():
		return data{}, false
	}
	for _, depth := range []int{0, 1, 2} {
		for _, name := range entries(path, depth) {
			switch {
			case source.IsPicture(name):
				return data{path, false}, true
			case depth == 0 && text.Known(name):
				return data{path, true}, true
			}
		}
	}
	return data{}, false
}

// few bounds how many entries of a directory are looked at.
const few = 64

// entries lists some paths below dir: those in it, or in its first directories.
func entries(dir string, depth int) []string {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close() //nolint:errcheck // only read
	list, _ := f.ReadDir(few)
	var paths []string
	for _, e := range list {
		path := filepath.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case depth == 0 && !e.IsDir():
			paths = append(paths, path)
		case depth > 0 && e.IsDir() && len(paths) < few:
			paths = append(paths, entries(path, depth-1)...)
		}
	}
	return paths
}

// command packs all of it.
func (d data) command() string {
	out, _, _ := strings.Cut(filepath.Base(strings.TrimSuffix(d.path, "/")), ".")
	line := "stoker pack " + d.path + " -o " + cmp.Or(out, "data") + ".stk"
	if !d.texts {
		return line
	}
	switch field, numbers, _ := longestField(d.path); {
	case numbers:
		return line + " --sequence " + field
	case field != "":
		return line + " --text " + field + " --tokenizer words"
	}
	return line + " --tokenizer words"
}

// loader is the training's, as the sampler saw it; nil unknown.
func loader(reports []sampler.Report) *sampler.Loader {
	for _, r := range sampler.Main(reports) {
		if l := r.Training(); l != nil {
			return l
		}
	}
	return nil
}
