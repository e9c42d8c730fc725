// Package ckpt notices the checkpoint files that a run writes, without the
// script's help: by names that training scripts give them, in directories in
// which the run's processes were seen to write or that stand in its arguments.
// It polls modification times; nothing is opened.
package ckpt

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stoker/internal/run/rx"
)

// name matches what training scripts call their checkpoints; a directory counts
// as one file whose time is that of its newest entry.
var name = rx.New(`(?i)(\.(pt|pth|ckpt|safetensors|keras|h5|hdf5|npz|pdparams|msgpack|pkl|bin|tar)|\.(index|meta))$|^checkpoint[-_]?\d+|^(ckpt|epoch|step|iter|global_step|state)[-_=]?\d+`)

// weak endings are also common for data: they count only together with a word
// that says checkpoint.
var (
	weak = rx.New(`(?i)\.(pkl|bin|tar|npz|h5|hdf5|msgpack|meta)$`)
	says = rx.New(`(?i)ckpt|check|model|weight|epoch|step|iter|state|last|best|snapshot|save|param`)
)

// temporary names are files still being written.
var temporary = rx.New(`(?i)(\.tmp|\.temp|\.part|\.incomplete|\.lock|~)$|^\.`)

// Looks reports whether a file or directory of this name would be a checkpoint.
func Looks(base string, dir bool) bool {
	if temporary().MatchString(base) || !name().MatchString(base) {
		return false
	}
	if weak().MatchString(base) {
		return says().MatchString(base)
	}
	if !dir && !strings.Contains(base, ".") {
		return false // "checkpoint-500" is a directory
	}
	return true
}

const (
	// depth and entries bound the search below the working directory.
	depth   = 4
	entries = 5000
	// Settled is how long a file must be unchanged before it counts as whole.
	Settled = 2 * time.Second
	// searchEvery is how often new directories are searched for, at most; at the
	// start of a run it is done more often.
	searchEvery = time.Minute
	// early allows for clocks: a file's time is that of the kernel's last tick.
	early = 100 * time.Millisecond
)

// Found is a checkpoint.
type Found struct {
	Path string
	Time time.Time // of its last change
}

// Tracker follows one run's checkpoints. Not safe for concurrent use.
type Tracker struct {
	since    time.Time
	roots    []string
	dirs     map[string]time.Time // known places of checkpoints and their time when last read
	searched time.Time
	newest   Found
	growing  bool
}

// New follows a run that began at since in dir with these arguments.
func New(since time.Time, dir string, argv []string) *Tracker {
	t := &Tracker{since: since.Add(-early), roots: []string{dir}, dirs: map[string]time.Time{}}
	for _, arg := range argv {
		if _, value, ok := strings.Cut(arg, "="); ok {
			arg = value
		}
		if !strings.ContainsAny(arg, "/_-.") && len(arg) < 2 || strings.HasPrefix(arg, "-") {
			continue
		}
		path := arg
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() && path != "/" {
			t.roots = append(t.roots, path)
		}
	}
	return t
}

// Opened tells which files the run's processes have open now: the directories
// of those that look like checkpoints are watched from then on.
func (t *Tracker) Opened(files []string) {
	for _, f := range files {
		if base := filepath.Base(f); Looks(strings.TrimSuffix(base, ".tmp"), false) {
			t.add(filepath.Dir(f))
		}
	}
}

// Told adds a path that the script itself printed.
func (t *Tracker) Told(path, dir string) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if info, err := os.Stat(path); err == nil && (info.IsDir() || Looks(filepath.Base(path), false)) {
		t.add(filepath.Dir(path))
	}
}

// maxDirs bounds the directories looked at every time.
const maxDirs = 64

func (t *Tracker) add(dir string) {
	if _, known := t.dirs[dir]; !known && len(t.dirs) < maxDirs {
		t.dirs[dir] = time.Time{}
	}
}

// Scan looks once. It returns the newest whole checkpoint of the run and whether
// one is being written right now.
func (t *Tracker) Scan(now time.Time) (newest Found, growing bool) {
	if wait := min(searchEvery, now.Sub(t.since)/4); now.Sub(t.searched) >= wait {
		t.searched = now
		left := entries
		for _, root := range t.roots {
			t.search(root, depth, &left)
		}
	}
	t.growing = false
	for dir, last := range t.dirs {
		info, err := os.Stat(dir)
		if err != nil {
			continue
		}
		// A file that grows does not change its directory: one that changed
		// lately is read again a while.
		if info.ModTime().Equal(last) && now.Sub(last) > searchEvery {
			continue
		}
		t.dirs[dir] = info.ModTime()
		t.read(dir, now)
	}
	return t.newest, t.growing
}

// search looks for directories that hold checkpoints of this run.
func (t *Tracker) search(dir string, depth int, left *int) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	if *left -= len(list); *left < 0 {
		return
	}
	for _, e := range list {
		if Looks(e.Name(), e.IsDir()) {
			if info, err := e.Info(); err == nil && !info.ModTime().Before(t.since) {
				t.add(dir)
			}
		} else if e.IsDir() && depth > 1 && !skipped(e.Name()) {
			t.search(filepath.Join(dir, e.Name()), depth-1, left)
		}
	}
}

// skipped are directories in which no run saves and that are large.
func skipped(base string) bool {
	switch base {
	case ".git", "node_modules", "__pycache__", "site-packages", "wandb", "data", "datasets", "train", "val", "images":
		return true
	}
	return strings.HasPrefix(base, ".")
}

func (t *Tracker) read(dir string, now time.Time) {
	list, err := os.ReadDir(dir)
	if err != nil || len(list) > entries {
		return
	}
	for _, e := range list {
		if !Looks(e.Name(), e.IsDir()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		at := changed(path, e)
		switch {
		case at.Before(t.since):
		case now.Sub(at) < Settled:
			t.growing = true
		case at.After(t.newest.Time):
			t.newest = Found{path, at}
		}
	}
}

// changed is the time of the last change of a file, or of a directory's newest
// entry.
func changed(path string, e fs.DirEntry) time.Time {
	info, err := e.Info()
	if err != nil {
		return time.Time{}
	}
	at := info.ModTime()
	if e.IsDir() {
		inside, _ := os.ReadDir(path)
		for _, f := range inside[:min(len(inside), 100)] {
			if info, err := f.Info(); err == nil && info.ModTime().After(at) {
				at = info.ModTime()
			}
		}
	}
	return at
}
