package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"stoker/internal/run/rx"
)

// Facts are what a run's speed may depend on beside the machine.
type Facts struct {
	Commit   string            `json:"commit,omitempty"`
	Dirty    bool              `json:"dirty,omitempty"`
	Python   string            `json:"python,omitempty"`
	Packages map[string]string `json:"packages,omitempty"` // frameworks and their versions
}

// frameworks are the distributions worth remembering.
var frameworks = map[string]bool{"torch": true, "tensorflow": true, "keras": true, "jax": true, "jaxlib": true,
	"transformers": true, "lightning": true, "pytorch_lightning": true, "accelerate": true, "diffusers": true, "timm": true,
	"ultralytics": true, "mmengine": true, "mmcv": true, "detectron2": true, "paddlepaddle": true, "fastai": true,
	"deepspeed": true, "torchvision": true, "flax": true, "numpy": true}

// Gather looks around without running anything of the user's: git's own files
// and program, and the metadata of the interpreter's packages.
func Gather(ctx context.Context, dir string, argv []string) Facts {
	var f Facts
	f.Commit, f.Dirty = gitState(ctx, dir)
	f.Python, f.Packages = pythonFacts(dir, argv)
	return f
}

func gitState(ctx context.Context, dir string) (commit string, dirty bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "git", "-C", dir, "rev-parse", "HEAD").Output()
	if err != nil {
		return "", false
	}
	commit = strings.TrimSpace(string(out))
	status, err := exec.CommandContext(ctx, "git", "-C", dir, "--no-optional-locks", "status", "--porcelain", "--untracked-files=no").Output()
	return commit, err == nil && len(status) > 0
}

// distInfo matches a directory of installed metadata: name, dash, version.
var distInfo = rx.New(`^([A-Za-z0-9_.]+)-([^-]+)\.dist-info$`)

// pythonDir matches the library directory of an interpreter.
var pythonDir = rx.New(`^python(\d+\.\d+)$`)

func pythonFacts(dir string, argv []string) (version string, packages map[string]string) {
	prefix := environmentPrefix(dir, argv)
	if prefix == "" {
		return "", nil
	}
	libs, _ := filepath.Glob(filepath.Join(prefix, "lib", "python3.*"))
	packages = map[string]string{}
	for _, lib := range libs {
		m := pythonDir().FindStringSubmatch(filepath.Base(lib))
		entries, err := os.ReadDir(filepath.Join(lib, "site-packages"))
		if m == nil || err != nil {
			continue
		}
		version = m[1]
		for _, e := range entries {
			if d := distInfo().FindStringSubmatch(e.Name()); d != nil && frameworks[strings.ToLower(d[1])] {
				packages[strings.ToLower(d[1])] = d[2]
			}
		}
	}
	return version, packages
}

// environmentPrefix finds the Python environment that the command uses: where its
// program lies if that is Python or a script beside one, else the active one.
func environmentPrefix(dir string, argv []string) string {
	if len(argv) == 0 {
		return ""
	}
	program := argv[0]
	if strings.ContainsRune(program, '/') {
		if !filepath.IsAbs(program) {
			program = filepath.Join(dir, program)
		}
	} else if path, err := exec.LookPath(program); err == nil {
		program = path
	}
	for _, p := range []string{filepath.Dir(filepath.Dir(program)), os.Getenv("VIRTUAL_ENV"), os.Getenv("CONDA_PREFIX")} {
		if found, _ := filepath.Glob(filepath.Join(p, "lib", "python3.*", "site-packages")); p != "" && len(found) > 0 {
			return p
		}
	}
	if real, err := filepath.EvalSymlinks(program); err == nil {
		return filepath.Dir(filepath.Dir(real))
	}
	return ""
}

// volatile arguments change from run to run without changing the work.
var volatile = rx.New(`(?i)^--?(output[-_]?dir|out|save[-_]?dir|log[-_]?dir|run[-_]?name|name|exp[-_]?name|seed|port|master[-_]port|resume\S*|wandb\S*|project|tag)$`)

// CommandKey is equal for runs of the same work: program and arguments, less
// where results go and what the run is called.
func CommandKey(dir string, argv []string) string {
	h := sha256.New()
	h.Write([]byte(dir))
	for i := 0; i < len(argv); i++ {
		name, _, hasValue := strings.Cut(argv[i], "=")
		if volatile().MatchString(name) {
			if !hasValue && i+1 < len(argv) && !strings.HasPrefix(argv[i+1], "-") {
				i++
			}
			continue
		}
		h.Write([]byte{0})
		h.Write([]byte(argv[i]))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Volatile reports whether an option changes from run to run without changing
// the work: where results go, what the run is called, its seed.
func Volatile(option string) bool { return volatile().MatchString(option) }
