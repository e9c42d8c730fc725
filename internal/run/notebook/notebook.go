// Package notebook turns a notebook into a command that executes it: through
// nbclient, in the user's own Python, cell by cell, without a browser.
package notebook

import (
	"cmp"
	_ "embed"
	"os"
	"path/filepath"
	"strings"

	"stoker/internal/errs"
	"stoker/internal/sysinfo"
)

//go:embed execute.py
var script []byte

// Is reports whether argv names one notebook and nothing else.
func Is(argv []string) bool { return len(argv) == 1 && strings.HasSuffix(argv[0], ".ipynb") }

// Result is where the executed notebook goes: beside its source, which is never
// changed.
func Result(source string) string { return strings.TrimSuffix(source, ".ipynb") + ".executed.ipynb" }

// Command returns the command that executes the notebook source. The program
// that does so is put into dir.
func Command(dir, source string) ([]string, error) {
	if _, err := os.Stat(source); err != nil {
		return nil, errs.New(errs.NotFound, "no such notebook: %w", err).At(source)
	}
	program := filepath.Join(dir, "execute_notebook.py")
	// Written whole under another name first: several runs may start at once.
	partial, err := os.CreateTemp(dir, ".execute_notebook")
	if err != nil {
		return nil, errs.New(errs.Permission, "prepare notebook: %w", err).At(dir)
	}
	_, err = partial.Write(script)
	if closed := partial.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(partial.Name(), program)
	}
	if err != nil {
		os.Remove(partial.Name())
		return nil, errs.New(errs.Exhausted, "prepare notebook: %w", err).At(dir)
	}
	return []string{python(), program, source, Result(source)}, nil
}

// python is the interpreter of the active environment.
func python() string { return cmp.Or(sysinfo.ActivePython(), "python3") }
