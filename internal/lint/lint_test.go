// Package lint checks rules of this repository that no linter knows, each with
// the reason and what to do instead.
package lint_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

type listed struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
	CgoFiles   []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Imports,GoFiles,CgoFiles", "stoker/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// layers lists the packages from the bottom up: a package imports lower layers,
// and its own only where named in sameLayer. ARCHITECTURE.md has the picture.
var layers = [][]string{
	{"jpeg", "internal/errs", "internal/tensor", "internal/rng", "internal/pillowtest", "internal/filetest", "internal/leaktest"},
	{"internal/pixel", "internal/arrowipc", "internal/shm", "internal/sysinfo", "internal/progress", "internal/worth", "internal/settings"},
	{"internal/codec", "internal/entropy"},
	{"internal/dataset", "internal/plan", "internal/transform"},
	{"internal/source", "internal/inplace", "internal/text", "internal/tokenize", "internal/stats", "internal/batching", "internal/run"},
	{"internal/pack", "internal/textpack", "internal/engine"},
	{"internal/wire"},
	{"internal/daemon", "internal/bench", "internal/calibrate", "internal/advise"},
	{"cmd/stoker"},
}

// sameLayer are the imports allowed within a layer, with the reason.
var sameLayer = map[string][]string{
	"internal/advise":  {"internal/bench"}, // its short form of pipelines
	"internal/run":     {"internal/run"},   // a tree of its own, ordered in its doc.go
	"jpeg":             {"jpeg"},
	"internal/inplace": {"internal/source"}, // a folder in place is listed as one to pack is
}

// room returns the entry of layers that a package belongs to, and its layer.
func room(path string) (string, int) {
	path = strings.TrimPrefix(path, "stoker/")
	for level, names := range layers {
		for _, name := range names {
			if path == name || strings.HasPrefix(path, name+"/") {
				return name, level
			}
		}
	}
	return "", -1
}

func TestImportsPointDownwards(t *testing.T) {
	for _, p := range packages(t) {
		from, level := room(p.ImportPath)
		if p.ImportPath == "stoker/internal/lint" {
			continue
		}
		if level < 0 {
			t.Errorf("%s has no layer: give it one in internal/lint and in ARCHITECTURE.md", p.ImportPath)
			continue
		}
		for _, path := range p.Imports {
			if !strings.HasPrefix(path, "stoker/") {
				continue
			}
			to, below := room(path)
			if below < level || from == to || slices.Contains(sameLayer[from], to) {
				continue
			}
			t.Errorf("%s imports %s, which is not below it: move what both need further down", p.ImportPath, path)
		}
	}
}

// forbidden imports, by what the package's room starts with; "" is every room.
var forbidden = []struct{ room, path, instead string }{
	{"", "C", "there is no cgo: one static binary builds without a C compiler"},
	{"internal", "github.com/spf13/cobra", "flags are read in cmd/stoker only"},
	{"internal", "log", "return errors; only cmd prints"},
	{"internal/codec", "net", "decoders see bytes, not networks"},
	{"jpeg", "stoker/", "stoker/jpeg is for others to use as well: it stands alone"},
}

// excused imports, with the reason.
var excused = map[string]string{
	"stoker/internal/run/notify log": "its library takes a logger, which it is given to be silenced",
}

func TestForbiddenImports(t *testing.T) {
	for _, p := range packages(t) {
		name, _ := room(p.ImportPath)
		for _, path := range p.Imports {
			for _, f := range forbidden {
				inside := path == f.path || strings.HasSuffix(f.path, "/") && strings.HasPrefix(path, f.path)
				if excused[p.ImportPath+" "+path] != "" {
					continue
				}
				if inside && strings.HasPrefix(name, f.room) && !strings.HasPrefix(path, "stoker/"+name) {
					t.Errorf("%s imports %s: %s", p.ImportPath, path, f.instead)
				}
			}
		}
		if len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo in %s", p.ImportPath, filepath.Join(p.Dir, p.CgoFiles[0]))
		}
	}
}
