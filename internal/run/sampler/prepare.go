package sampler

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"stoker/internal/errs"
)

//go:embed py/sitecustomize.py py/_stoker_probe/*.py
var python embed.FS

// controlFile is where orders to the processes of a run stand, sharedFile what
// they share during a delay test.
const (
	controlFile = "control.json"
	sharedFile  = "delay"
)

// Prepare writes the Python part into dir (rundir.Dir.Probe()), which it creates,
// and removes what an earlier attempt of the run reported there.
func Prepare(dir string) error {
	fail := func(err error) error {
		return errs.New(errs.Permission, "put the sampler in: %w", err).At(dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err)
	}
	old, err := os.ReadDir(dir)
	if err != nil {
		return fail(err)
	}
	for _, e := range old {
		if _, report := reportPID(e.Name()); report || e.Name() == controlFile || e.Name() == sharedFile {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fail(err)
			}
		}
	}
	err = fs.WalkDir(python, "py", func(name string, e fs.DirEntry, err error) error {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err != nil || e.IsDir() {
			return errors.Join(err, os.MkdirAll(to, 0o700))
		}
		text, err := python.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o600)
	})
	if err != nil {
		return fail(err)
	}
	return nil
}

// Paths are the path lists that must begin with the sampler, and Env what else it
// needs in the environment of the command. errs.Unsupported where the directory's
// name cannot stand in a path list.
func Paths(dir string) (paths, env []string, err error) {
	if strings.ContainsRune(dir, os.PathListSeparator) || !filepath.IsAbs(dir) {
		return nil, nil, errs.New(errs.Unsupported, "the sampler cannot be put in: %q cannot stand in PYTHONPATH", dir).
			WithHint("set STOKER_STATE_DIR to a directory without %q in its name", string(os.PathListSeparator))
	}
	return []string{"PYTHONPATH=" + path.Join(dir, "py")}, []string{"STOKER_PROBE=" + dir}, nil
}
