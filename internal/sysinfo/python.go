package sysinfo

import (
	"os"
	"path/filepath"
)

// ActivePython is the interpreter of the active virtual or conda environment, ""
// where none is active or it has none.
func ActivePython() string {
	for _, env := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		dir := os.Getenv(env)
		if dir == "" {
			continue
		}
		path := filepath.Join(dir, "bin", "python")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}
