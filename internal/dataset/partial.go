package dataset

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"stoker/internal/errs"
)

// An unfinished dataset NAME.stk lies in the folder NAME.stk.partial beside it:
//
//	lock      held (flock) by the process that writes; holds its number
//	journal   what was done, see journal.go
//	data/     the files; becomes NAME.stk
const (
	partialSuffix = ".partial"
	lockName      = "lock"
	dataName      = "data"
)

// lockPartial makes the folder of an unfinished dataset and takes its lock.
func lockPartial(partial string) (*os.File, error) {
	path := filepath.Join(partial, lockName)
	for range 100 { // a few suffice unless something is odd
		if err := os.Mkdir(partial, 0o777); err != nil && !os.IsExist(err) {
			return nil, place(ioError(err, partial), partial)
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			if os.IsNotExist(err) { // another process just finished and removed the folder
				continue
			}
			return nil, ioError(err, path)
		}
		taken, err := lockFile(f)
		if err != nil {
			_ = f.Close()
			return nil, ioError(err, path)
		}
		if !taken {
			defer f.Close() //nolint:errcheck // only read
			return nil, errs.New(errs.Transient, "another process (%s) is writing this dataset", lockHolder(path)).
				At(strings.TrimSuffix(partial, partialSuffix)).WithHint("wait until it is done, or stop it; what it wrote is kept")
		}
		if sameFile(f, path) {
			return f, writeHolder(f)
		}
		_ = f.Close() // the lock of a folder that was removed meanwhile
	}
	return nil, errs.New(errs.Transient, "the lock cannot be taken: others make and remove it all the time, or %s is a broken link", partial).At(path)
}

// sameFile reports whether path still names the open file.
func sameFile(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

func lockHolder(path string) string {
	data, err := os.ReadFile(path)
	if pid := strings.TrimSpace(string(data)); err == nil && pid != "" {
		return "pid " + pid
	}
	return "unknown pid"
}

// clearPartial empties the folder of an unfinished dataset but for its lock.
func clearPartial(partial string) error {
	for _, name := range []string{dataName, journalName} {
		path := filepath.Join(partial, name)
		if err := os.RemoveAll(path); err != nil {
			return ioError(err, path)
		}
	}
	return nil
}

// removePartial removes the folder of an unfinished dataset, whose lock the
// caller holds.
func removePartial(partial string) error {
	if err := clearPartial(partial); err != nil {
		return err
	}
	if err := os.RemoveAll(partial); err != nil {
		return ioError(err, partial)
	}
	return nil
}

// CheckTarget says whether NewWriter would write a dataset to the path, before a
// caller does long work for it: Invalid where something else has the name, or a
// dataset has it and overwrite is not set.
func CheckTarget(target string, overwrite bool) error {
	err := checkTarget(target, overwrite)
	if err != nil {
		return first(removeWaste(filepath.Clean(target)), err)
	}
	return nil
}

func checkTarget(target string, overwrite bool) error {
	entries, err := os.ReadDir(target)
	switch {
	case os.IsNotExist(err):
		return nil
	case errors.Is(err, syscall.ENOTDIR):
		return errs.New(errs.Invalid, "there is a file of that name").At(target).
			WithHint("choose another name, or remove it yourself")
	case err != nil:
		return ioError(err, target)
	case !overwrite:
		return errs.New(errs.Invalid, "there is something of that name already").At(target).
			WithHint("choose another name, or --overwrite to replace a dataset")
	case len(entries) == 0:
		return nil
	}
	if _, err := ReadManifest(target); errs.Is(err, errs.NotFound) {
		return errs.New(errs.Invalid, "will not be overwritten: it is not a dataset").At(target).
			WithHint("choose another name, or remove it yourself")
	}
	return nil
}
