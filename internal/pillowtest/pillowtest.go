// Package pillowtest compares with Pillow: a script of the package under test
// prints one case a line, as JSON, with the hash of Pillow's pixels. Lines of an
// earlier run stay in testdata, so that the comparison needs no Python.
package pillowtest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
)

// Goldens is where a package keeps the lines of an earlier run.
const Goldens = "testdata/goldens.jsonl"

// Python returns the interpreter to compare with, and skips the test where the
// environment names none.
func Python(t testing.TB) string {
	t.Helper()
	python := os.Getenv("STOKER_PILLOW_PYTHON")
	if python == "" {
		t.Skip("set STOKER_PILLOW_PYTHON to a Python with Pillow and numpy to compare with it")
	}
	return python
}

// Run runs a script with a seed of its own each time and returns its lines; with
// STOKER_LONG it gets the long arguments too, of which the last of each name
// counts.
func Run(t testing.TB, args, long []string) []byte {
	t.Helper()
	python := Python(t)
	args = append([]string{"-W", "ignore"}, args...)
	args = append(args, "--seed", fmt.Sprint(rand.Uint32()))
	if os.Getenv("STOKER_LONG") != "" {
		args = append(args, long...)
	}
	t.Log(python, args)
	cmd := exec.Command(python, args...)
	cmd.Stderr = os.Stderr
	lines, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// Read returns the lines of an earlier run.
func Read(t testing.TB) []byte {
	t.Helper()
	lines, err := os.ReadFile(Goldens)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// most is how many differences are told before the test gives up.
const most = 10

// Each checks every case.
func Each[Case any](t testing.TB, lines []byte, check func(*Case) error) {
	t.Helper()
	bad := 0
	for s := bufio.NewScanner(bytes.NewReader(lines)); s.Scan(); {
		var c Case
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if err := check(&c); err != nil {
			t.Errorf("%v: %s", err, s.Bytes())
			if bad++; bad > most {
				t.Fatal("and so on")
			}
		}
	}
}

// Same compares pixels with the hash of a case.
func Same(pix []byte, want string) error {
	if fmt.Sprintf("%x", sha256.Sum256(pix)) != want {
		return fmt.Errorf("not Pillow's pixels")
	}
	return nil
}
