// Package recipe knows how training scripts resume: with the flags of their own
// framework. A recipe is the command changed so that it goes on from its newest
// checkpoint. It is always shown before it is used.
//
// Sources: each framework's documentation of resuming (named per recipe).
package recipe

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"stoker/internal/run/rx"
)

// Recipe is a way to resume.
type Recipe struct {
	Framework string
	Argv      []string // the whole command
	Adds      []string // what was added to it
}

// Facts are what a recipe is chosen by.
type Facts struct {
	Argv       []string
	Dir        string // working directory
	Checkpoint string // newest checkpoint file or directory, or ""
}

// method is one framework's way.
type method struct {
	name string
	is   func(script, argv string) bool
	adds func(f Facts, script string) []string // nil: not possible now
}

// methods are tried in order; the more telling come first.
var methods = []method{
	// docs.ultralytics.com, "Resuming Interrupted Trainings".
	{"ultralytics", func(s, a string) bool {
		return has(a, `(^|/)yolo `) || has(s, `from ultralytics import`) && has(a, `\byolo\b`)
	},
		func(f Facts, _ string) []string {
			if last := beside(f.Checkpoint, "last.pt"); last != "" {
				return []string{"resume=True", "model=" + last}
			}
			return nil
		}},
	// kohya-ss/sd-scripts, docs/train_README: --resume needs states saved by --save_state.
	{"kohya", func(s, a string) bool {
		return has(s, `train_util|library\.(sdxl_)?train`) || has(a, `kohya|sd-scripts`)
	},
		func(f Facts, _ string) []string {
			if state := stateDir(f); state != "" {
				return []string{"--resume", state}
			}
			return nil
		}},
	// karpathy/nanoGPT, train.py: init_from = 'resume'.
	{"nanoGPT", func(s, _ string) bool { return has(s, `init_from\s*=\s*['"]`) },
		func(Facts, string) []string { return []string{"--init_from=resume"} }},
	// mmengine, tools/train.py of OpenMMLab projects: --resume finds the newest.
	{"mmengine", func(s, _ string) bool { return has(s, `mmengine`) && declares(s, "resume") },
		func(Facts, string) []string { return []string{"--resume"} }},
	// detectron2, engine/defaults.py: default_argument_parser.
	{"detectron2", func(s, _ string) bool { return has(s, `default_argument_parser`) },
		func(Facts, string) []string { return []string{"--resume"} }},
	// NVIDIA/Megatron-LM: --load takes the directory that --save wrote.
	{"Megatron-LM", func(s, a string) bool { return has(s, `megatron`) && has(a, `--save[ =]`) },
		func(f Facts, _ string) []string {
			if save := value(f.Argv, "--save"); save != "" {
				return []string{"--load", save}
			}
			return nil
		}},
	// diffusers and accelerate examples: "latest" is understood.
	{"diffusers", func(s, _ string) bool { return declares(s, "resume_from_checkpoint") && has(s, `['"]latest['"]`) },
		func(Facts, string) []string { return []string{"--resume_from_checkpoint", "latest"} }},
	// Hugging Face Trainer: TrainingArguments.resume_from_checkpoint.
	{"Hugging Face Trainer", func(s, _ string) bool {
		return has(s, `HfArgumentParser|Seq2SeqTrainingArguments|TrlParser`) || declares(s, "resume_from_checkpoint")
	},
		func(f Facts, _ string) []string {
			if dir := numbered(f.Checkpoint); dir != "" {
				return []string{"--resume_from_checkpoint", dir}
			}
			return nil
		}},
	// LightningCLI: fit --ckpt_path.
	{"Lightning", func(s, _ string) bool { return has(s, `LightningCLI`) },
		func(f Facts, _ string) []string {
			if strings.HasSuffix(f.Checkpoint, ".ckpt") {
				return []string{"--ckpt_path", f.Checkpoint}
			}
			return nil
		}},
	// timm's train.py, torchvision's references, and whatever else declares it.
	{"the script's own --resume", func(s, _ string) bool { return declares(s, "resume") },
		func(f Facts, s string) []string {
			if has(s, `['"]--resume['"][^)]*store_true`) {
				return []string{"--resume"}
			}
			if f.Checkpoint != "" {
				return []string{"--resume", f.Checkpoint}
			}
			return nil
		}},
}

// resuming matches arguments that resume already.
var resuming = rx.New(`^(--?resume\S*|resume=.*|--ckpt_path.*|--init_from=resume|--load(=.*)?)$`)

// Find returns the way to resume this command, if it is known and possible now.
func Find(f Facts) (Recipe, bool) {
	script, argv := readScript(f), strings.Join(f.Argv, " ")+" "
	if slices.ContainsFunc(f.Argv, resuming().MatchString) {
		return Recipe{}, false
	}
	for _, m := range methods {
		if !m.is(script, argv) {
			continue
		}
		adds := m.adds(f, script)
		if adds == nil {
			return Recipe{}, false
		}
		return Recipe{m.name, replace(f.Argv, adds), adds}, true
	}
	return Recipe{}, false
}

// replace appends adds; of "name=value" arguments that are there already, the
// new value takes the place.
func replace(argv, adds []string) []string {
	out := slices.Clone(argv)
	for _, add := range adds {
		name, _, isValue := strings.Cut(add, "=")
		at := -1
		if isValue {
			at = slices.IndexFunc(out, func(a string) bool { return strings.HasPrefix(a, name+"=") })
		}
		if at >= 0 {
			out[at] = add
		} else {
			out = append(out, add)
		}
	}
	return out
}

// maxScript bounds how much of a script is read.
const maxScript = 512 << 10

// readScript returns the text of the first Python file among the arguments.
func readScript(f Facts) string {
	for _, arg := range f.Argv {
		if !strings.HasSuffix(arg, ".py") {
			continue
		}
		path := arg
		if !filepath.IsAbs(path) {
			path = filepath.Join(f.Dir, path)
		}
		file, err := os.Open(path)
		if err != nil {
			continue
		}
		defer file.Close()
		buf := make([]byte, maxScript)
		n, _ := file.Read(buf)
		return string(buf[:n])
	}
	return ""
}

func has(text, pattern string) bool {
	return text != "" && regexp.MustCompile(pattern).MatchString(text)
}

// declares reports whether the script's argument parser has this option.
func declares(script, option string) bool { return has(script, `['"]--`+option+`['"]`) }

// value returns an option's value in argv, or "".
func value(argv []string, option string) string {
	for i, a := range argv {
		if v, ok := strings.CutPrefix(a, option+"="); ok {
			return v
		}
		if a == option && i+1 < len(argv) {
			return argv[i+1]
		}
	}
	return ""
}

// beside returns the file of this name next to path, if there is one.
func beside(path, name string) string {
	if path == "" {
		return ""
	}
	p := filepath.Join(filepath.Dir(path), name)
	if _, err := os.Stat(p); err != nil {
		return ""
	}
	return p
}

var numberedDir = rx.New(`^checkpoint-\d+$`)

// numbered returns the checkpoint-N directory that path is or lies in, or "".
func numbered(path string) string {
	for p := path; p != "/" && p != "." && p != ""; p = filepath.Dir(p) {
		if numberedDir().MatchString(filepath.Base(p)) {
			return p
		}
	}
	return ""
}

// stateDir returns the newest state directory of kohya's scripts, or "".
func stateDir(f Facts) string {
	out := value(f.Argv, "--output_dir")
	if out == "" {
		return ""
	}
	if !filepath.IsAbs(out) {
		out = filepath.Join(f.Dir, out)
	}
	dirs, _ := filepath.Glob(filepath.Join(out, "*-state"))
	newest, at := "", int64(0)
	for _, d := range dirs {
		if info, err := os.Stat(d); err == nil && info.ModTime().UnixNano() > at {
			newest, at = d, info.ModTime().UnixNano()
		}
	}
	return newest
}
