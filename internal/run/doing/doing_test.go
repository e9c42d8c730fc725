package doing

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/internal/run/procs"
)

func TestMain(m *testing.M) {
	if os.Getenv("RANK") != "" { // a rank of TestRanks: it waits to be killed
		select {}
	}
	m.Run()
}

func needsProc(t *testing.T) {
	t.Helper()
	if procs.Identify(os.Getpid()).Start == 0 {
		t.Skip("no /proc")
	}
}

func TestLook(t *testing.T) {
	needsProc(t)
	t.Setenv("PATH", t.TempDir()) // no nvidia-smi
	var l Looker
	now := time.Now()
	_ = l.Look(now, os.Getpid())
	for until := now.Add(50 * time.Millisecond); time.Now().Before(until); { // some processor time
	}
	text := l.Look(now.Add(50*time.Millisecond), os.Getpid())
	if !strings.HasPrefix(text, fmt.Sprintf("process %d (", os.Getpid())) || !strings.Contains(text, "% of a core") || strings.Contains(text, "GPU") {
		t.Error(text)
	}
	if text := l.Look(now, 1<<30); text != "its processes are gone" {
		t.Error(text)
	}
}

// TestGPUs asks a program of nvidia-smi's name: of three GPUs two are the run's.
func TestGPUs(t *testing.T) {
	needsProc(t)
	dir := t.TempDir()
	script := fmt.Sprintf(`#!/bin/sh
case "$1" in
*compute-apps*) printf 'GPU-a, %d, 1000\nGPU-c, %d, 1000\nGPU-b, 1, 5\n' ;;
*) printf 'GPU-a, 0, 100\nGPU-b, 1, 55\nGPU-c, 2, [N/A]\nGPU-d, 3, 97\n' ;;
esac
`, os.Getpid(), os.Getpid())
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	var l Looker
	var text string
	for deadline := time.Now().Add(time.Minute); !strings.Contains(text, "GPU"); <-time.After(10 * time.Millisecond) {
		if text = l.Look(time.Now(), os.Getpid()); time.Now().After(deadline) {
			t.Fatal(text)
		}
	}
	if !strings.HasSuffix(text, "; GPU 0 is at 100 %") {
		t.Error(text)
	}
	if all := gpuText(l.gpus.of(nil)); all != "GPU 0 is at 100 %, GPU 1 is at 55 %, GPU 3 is at 97 %" {
		t.Error(all)
	}
}

// TestRanks: one of three ranks has ended, the GPUs spin.
func TestRanks(t *testing.T) {
	needsProc(t)
	t.Setenv("PATH", t.TempDir())
	for _, n := range []string{"4", "5"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "RANK="+n, "LOCAL_WORLD_SIZE=3")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	}
	var text string
	for deadline := time.Now().Add(time.Minute); !strings.HasPrefix(text, "rank") && time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		var l Looker // the ranks are seen once the system has laid out their environment
		l.gpus.cards = []gpu{{"a", "0", 100}, {"b", "1", 99}}
		text = l.Look(time.Now(), os.Getpid())
	}
	if !strings.HasPrefix(text, "rank 3 has ended and the others wait for it; process ") || !strings.Contains(text, "of 2 ranks run") ||
		!strings.Contains(text, "GPU 0 is at 100 %, GPU 1 is at 99 %; GPUs that are busy without a step") || !strings.Contains(text, "NCCL_DEBUG") {
		t.Error(text)
	}
}
