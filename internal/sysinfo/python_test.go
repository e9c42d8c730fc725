package sysinfo

import (
	"os"
	"path/filepath"
	"testing"
)

func TestActivePython(t *testing.T) {
	bare, conda := t.TempDir(), t.TempDir()
	python := filepath.Join(conda, "bin", "python")
	if err := os.MkdirAll(filepath.Dir(python), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(python, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ venv, conda, want string }{
		{"", "", ""}, {bare, "", ""}, {bare, conda, python}, {conda, bare, python},
	} {
		t.Setenv("VIRTUAL_ENV", c.venv)
		t.Setenv("CONDA_PREFIX", c.conda)
		if got := ActivePython(); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
