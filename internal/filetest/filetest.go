// Package filetest has what tests of several packages do with files, and with
// processes that write them: the folder of the test data, a folder in memory, the
// contents of one, a copy of the test that is killed.
package filetest

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Data returns the folder of the test data: STOKER_TEST_DATA or, beside the
// repository, ../shared/data. Tests skip where what they need is not in it.
func Data(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("STOKER_TEST_DATA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared", "data")
		}
	}
	t.Fatal("go.mod is in no folder above")
	return ""
}

// FastDir returns a new folder, in memory where the system has such a disk: tests
// that write hundreds of datasets would wait for the disk most of the time, and caches
// keep nothing on one that is nearly full.
func FastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "stoker-test-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Contents returns the files below dir by their relative names.
func Contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Same compares the files of two folders byte for byte.
func Same(t testing.TB, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s differs: %d bytes, want %d", name, len(got[name]), len(want[name]))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s should not be there", name)
		}
	}
}

// Child returns a process of this test's program that finds options, as JSON, in an
// environment variable: TestMain does what they say, and no test.
func Child(t testing.TB, variable string, options any) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	// The race detector would sleep a second before the process ends.
	cmd.Env = append(os.Environ(), variable+"="+string(text), "GORACE=atexit_sleep_ms=0 halt_on_error=1")
	return cmd
}

// RunKilled runs a process and kills it, kill -9, after the moment, which never
// comes where it is negative. A process that fails by itself fails the test.
func RunKilled(t testing.TB, cmd *exec.Cmd, moment time.Duration) (took time.Duration, killed bool) {
	t.Helper()
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if moment >= 0 {
		timer := time.AfterFunc(moment, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	err := cmd.Wait()
	killed = cmd.ProcessState.ExitCode() == -1
	if err != nil && (moment < 0 || !killed) {
		t.Fatalf("not killed, and failed: %v", err)
	}
	return time.Since(start), killed
}
