package procs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// hasProc reports whether proc(5) is there at all.
func hasProc() bool {
	_, err := os.Stat(filepath.Join(root, "self/stat"))
	return err == nil
}

// Host is the machine's name, or "localhost".
func Host() string {
	if h, err := os.Hostname(); err == nil && h != "" {
		return h
	}
	return "localhost"
}

// Machine describes the hardware in one line and gives it a short fingerprint.
// Two machines with the same processor, number of processors, memory (to the
// GiB) and accelerators have the same fingerprint: speeds may be compared.
func Machine() (text, fingerprint string) {
	parts := []string{fmt.Sprintf("%d x %s", runtime.NumCPU(), cpuModel())}
	if gib := memoryGiB(); gib > 0 {
		parts = append(parts, fmt.Sprintf("%d GiB", gib))
	}
	parts = append(parts, gpus()...)
	text = strings.Join(parts, ", ")
	sum := sha256.Sum256([]byte(text))
	return text, hex.EncodeToString(sum[:4])
}

func cpuModel() string {
	raw, _ := os.ReadFile(filepath.Join(root, "cpuinfo"))
	for line := range strings.Lines(string(raw)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return runtime.GOARCH
}

func memoryGiB() int {
	raw, _ := os.ReadFile(filepath.Join(root, "meminfo"))
	var kib int
	if _, err := fmt.Sscanf(string(raw), "MemTotal: %d kB", &kib); err != nil {
		return 0
	}
	return (kib + 1<<19) >> 20
}

// gpus lists NVIDIA devices as their driver names them, without starting any
// process.
func gpus() []string {
	files, _ := filepath.Glob(filepath.Join(root, "driver/nvidia/gpus/*/information"))
	var names []string
	for _, f := range files {
		raw, _ := os.ReadFile(f)
		for line := range strings.Lines(string(raw)) {
			if v, ok := strings.CutPrefix(line, "Model:"); ok {
				names = append(names, strings.TrimSpace(v))
			}
		}
	}
	return names
}
