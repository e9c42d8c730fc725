package errs

import (
	"os"
	"path/filepath"
)

// lookedAt bounds how many names of a folder are compared with a missing one.
const lookedAt = 1000

// Beside returns the hint for a path that does not exist: the file or folder in
// the same place whose name is most like its own, "did you mean PATH?", or
// otherwise.
func Beside(path, otherwise string) string {
	parent, name := filepath.Split(filepath.Clean(path))
	f, err := os.Open(filepath.Clean(parent)) // "" is the working directory
	if err != nil {
		return otherwise
	}
	defer f.Close()
	names, _ := f.Readdirnames(lookedAt) // an unreadable folder has no hints
	near := Nearest(name, names)
	if near == "" {
		return otherwise
	}
	return "did you mean " + parent + near + "?"
}
