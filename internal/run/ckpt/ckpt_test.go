package ckpt

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestLooks(t *testing.T) {
	for name, dir := range map[string]bool{"model.pt": false, "last.ckpt": false, "model.safetensors": false,
		"weights.h5": false, "checkpoint-500": true, "epoch=3-step=100.ckpt": false, "pytorch_model.bin": false,
		"ckpt.npz": false, "model_0001.pth": false, "global_step400": true} {
		if !Looks(name, dir) {
			t.Errorf("%s is not recognised", name)
		}
	}
	for _, name := range []string{"train.py", "data.npz", "images.tar", "model.pt.tmp", "labels.pkl", "checkpoint-500", ".model.pt", "log.txt"} {
		if Looks(name, false) {
			t.Errorf("%s is taken for a checkpoint", name)
		}
	}
}

func write(t *testing.T, path string, at time.Time) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestNewestWholeCheckpoint(t *testing.T) {
	dir, start := t.TempDir(), time.Now().Add(-time.Hour)
	write(t, filepath.Join(dir, "out/old.pt"), start.Add(-time.Minute))
	write(t, filepath.Join(dir, "out/a.pt"), start.Add(10*time.Minute))
	write(t, filepath.Join(dir, "out/b.pt"), start.Add(20*time.Minute))
	tr := New(start, dir, []string{"python", "train.py"})
	now := start.Add(30 * time.Minute)
	if got, growing := tr.Scan(now); filepath.Base(got.Path) != "b.pt" || growing {
		t.Fatal(got, growing)
	}
	write(t, filepath.Join(dir, "out/c.pt"), now)
	if got, growing := tr.Scan(now.Add(time.Second)); filepath.Base(got.Path) != "b.pt" || !growing {
		t.Fatal(got, growing)
	}
	if got, growing := tr.Scan(now.Add(10 * time.Second)); filepath.Base(got.Path) != "c.pt" || growing {
		t.Fatal(got, growing)
	}
}

func TestPlacesOutsideTheWorkingDirectory(t *testing.T) {
	dir, far, further, start := t.TempDir(), t.TempDir(), t.TempDir(), time.Now().Add(-time.Hour)
	write(t, filepath.Join(far, "checkpoint-10/model.safetensors"), start.Add(time.Minute))
	tr := New(start, dir, []string{"train.py", "--output_dir=" + far})
	if got, _ := tr.Scan(time.Now().Add(10 * time.Second)); filepath.Base(got.Path) != "checkpoint-10" {
		t.Fatal(got)
	}
	write(t, filepath.Join(further, "last.pt"), time.Now().Add(5*time.Second))
	tr.Opened([]string{filepath.Join(further, "last.pt"), "/usr/lib/x.so"})
	if got, _ := tr.Scan(time.Now().Add(10 * time.Second)); filepath.Base(got.Path) != "last.pt" {
		t.Fatal(got)
	}
}
