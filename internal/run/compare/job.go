package compare

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"stoker/internal/run/dataprint"
	"stoker/internal/run/history"
	"stoker/internal/run/progress"
)

// State says how a fact agrees between runs.
type State string

// The states.
const (
	Same    State = "same"
	Differs State = "differs"
	Unknown State = "unknown" // some run does not tell
)

// Fact is one thing that makes two runs the same job, or that may explain why one
// is faster. Values are those of the runs, "" where one does not tell.
type Fact struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
	State  State    `json:"state"`
	Job    bool     `json:"job"` // a difference makes it another job
}

// facts compares the runs in everything that is recorded.
func facts(runs []history.Run) []Fact {
	out := commandFacts(runs)
	out = append(out,
		fact("commit", true, runs, commit),
		dataFact(runs),
		fact("batch size", true, runs, batchSize),
		fact("steps an epoch", true, runs, func(r history.Run) string {
			if r.Record == nil || r.Record.StepsPerEpoch == 0 {
				return ""
			}
			return strconv.FormatInt(r.Record.StepsPerEpoch, 10)
		}),
		fact("epochs", false, runs, func(r history.Run) string {
			if r.Record == nil || r.Record.Epochs == 0 {
				return ""
			}
			return strconv.Itoa(r.Record.Epochs)
		}),
		fact("devices", false, runs, devices),
		fact("python", false, runs, func(r history.Run) string { return r.Facts.Python }))
	out = append(out, versionFacts(runs)...)
	out = append(out, fact("machine", false, runs, func(r history.Run) string { return r.Machine }))
	return slices.DeleteFunc(out, func(f Fact) bool { // nothing to be seen
		return !f.Job && !slices.ContainsFunc(f.Values, func(v string) bool { return v != "" })
	})
}

// OtherWork lists what makes the work of two runs differ whatever the code does:
// data, batch size, steps. Command and commit may differ: a cure changes them.
func OtherWork(a, b history.Run) (differs []string) {
	for _, f := range facts([]history.Run{a, b}) {
		if f.Job && f.State == Differs && (f.Name == "data" || f.Name == "batch size" || f.Name == "steps an epoch") {
			differs = append(differs, f.Name)
		}
	}
	return differs
}

func fact(name string, job bool, runs []history.Run, value func(history.Run) string) Fact {
	f := Fact{Name: name, Job: job}
	for _, r := range runs {
		f.Values = append(f.Values, value(r))
	}
	f.State = stateOf(f.Values)
	return f
}

func stateOf(values []string) State {
	known := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
	switch {
	case len(slices.Compact(known)) > 1:
		return Differs
	case len(known) < len(values):
		return Unknown
	}
	return Same
}

// commit is shortened; uncommitted changes make it unknown what ran.
func commit(r history.Run) string {
	c := r.Facts.Commit
	if len(c) > 10 {
		c = c[:10]
	}
	if r.Facts.Dirty && c != "" {
		c += " + uncommitted changes"
	}
	return c
}

// batchSize is that of all devices together.
func batchSize(r history.Run) string {
	if r.Timing == nil || r.Timing.BatchSize == 0 {
		return ""
	}
	return strconv.Itoa(r.Timing.BatchSize)
}

func devices(r history.Run) string {
	if r.Timing == nil || r.Timing.Devices == 0 {
		return ""
	}
	return strconv.Itoa(r.Timing.Devices)
}

// dataFact compares fingerprints where all runs have one, else the names of the
// data: machines keep them in different places. Nothing tells whether a packed
// dataset and a folder of files hold the same: one may be made of the other.
func dataFact(runs []history.Run) Fact {
	print := fact("data", true, runs, dataFingerprint)
	kinds := stateOf(mapped(print.Values, dataprint.Kind))
	if print.State != Unknown && kinds == Same {
		for i, r := range runs { // what one recognises stands first
			print.Values[i] = strings.TrimSpace(dataName(r) + " " + shortened(print.Values[i]))
		}
		return print
	}
	names := fact("data", true, runs, dataName)
	if names.State == Differs && (kinds == Differs || stateOf(mapped(names.Values, withoutKind)) != Differs) {
		names.State = Unknown
	}
	return names
}

func dataFingerprint(r history.Run) string {
	if r.Timing == nil {
		return ""
	}
	return r.Timing.DataFingerprint
}

func dataName(r history.Run) string {
	if r.Timing == nil || r.Timing.DataPath == "" {
		return ""
	}
	return path.Base(strings.TrimRight(r.Timing.DataPath, "/"))
}

// shortened is a fingerprint to look at.
func shortened(fingerprint string) string { return fingerprint[:min(len(fingerprint), 15)] }

// withoutKind is the name of data without what tells a packed dataset.
func withoutKind(name string) string { return strings.TrimSuffix(name, ".stk") }

func mapped(values []string, f func(string) string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = f(v)
	}
	return out
}

// versionFacts lists the frameworks of which some versions differ, and one line
// for those that agree.
func versionFacts(runs []history.Run) (out []Fact) {
	names := map[string]bool{}
	for _, r := range runs {
		for name := range r.Facts.Packages {
			names[name] = true
		}
	}
	if slices.ContainsFunc(runs, func(r history.Run) bool { return len(r.Facts.Packages) == 0 }) {
		return []Fact{fact("frameworks", false, runs, versions)}
	}
	var agree []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := fact(name, false, runs, func(r history.Run) string { return r.Facts.Packages[name] })
		if f.State == Same {
			agree = append(agree, name+" "+f.Values[0])
			continue
		}
		out = append(out, f)
	}
	if len(agree) > 0 {
		same := strings.Join(agree, ", ")
		out = append(out, Fact{Name: "frameworks", State: Same, Values: slices.Repeat([]string{same}, len(runs))})
	}
	return out
}

func versions(r history.Run) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(r.Facts.Packages)) {
		all = append(all, name+" "+r.Facts.Packages[name])
	}
	return strings.Join(all, ", ")
}

// settings are options that change how fast the same work is done, not the work.
var settings = map[string]bool{"workers": true, "num_workers": true, "j": true, "prefetch": true, "prefetch_factor": true,
	"pin_memory": true, "pin_mem": true, "persistent_workers": true, "cache": true, "dataloader_num_workers": true,
	"dataloader_pin_memory": true, "threads": true, "num_threads": true, "device": true, "gpu": true, "gpus": true, "devices": true,
	"num_gpus": true, "accelerator": true, "nproc_per_node": true, "nnodes": true, "compile": true, "torch_compile": true,
	"channels_last": true, "amp": true, "fp16": true, "bf16": true, "tf32": true, "precision": true, "mixed_precision": true}

// commandFacts compares commands: what they run, and each option that differs.
func commandFacts(runs []history.Run) []Fact {
	commands := make([]parsed, len(runs))
	names := map[string]bool{}
	for i, r := range runs {
		commands[i] = parseCommand(r.Argv)
		for name := range commands[i].options {
			names[name] = true
		}
	}
	base := Fact{Name: "command", Job: true}
	for _, c := range commands {
		base.Values = append(base.Values, c.base)
	}
	base.State = stateOf(base.Values)
	out := []Fact{base}
	if base.State == Unknown {
		return out
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := Fact{Name: flagged(name), Job: !settings[name] && !isLength(name)}
		for _, c := range commands {
			v, ok := c.options[name]
			if !ok {
				v = "not given"
			}
			f.Values = append(f.Values, v)
		}
		if f.State = stateOf(f.Values); f.State == Differs {
			out = append(out, f)
		}
	}
	return out
}

// flagged is an option as one types it.
func flagged(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + strings.ReplaceAll(name, "_", "-")
}

// isLength reports whether an option says how long a run is.
func isLength(name string) bool {
	steps, epochs := progress.ArgTotals([]string{"--" + name + "=7"})
	return steps+int64(epochs) > 0
}

// parsed is a command line: what is run, and its options but for those that
// change from run to run.
type parsed struct {
	base    string
	options map[string]string
}

func parseCommand(argv []string) parsed {
	p := parsed{options: map[string]string{}}
	var words []string
	for i := 0; i < len(argv); i++ {
		name, value, has := strings.Cut(argv[i], "=")
		dashed := strings.HasPrefix(name, "-") && len(name) > 1
		if !dashed && (!has || i == 0 || strings.Contains(name, "/")) {
			words = append(words, word(argv[i], i))
			continue
		}
		if dashed && !has && i+1 < len(argv) && isValue(argv[i+1]) {
			i++
			value = argv[i]
		} else if !has {
			value = "given"
		}
		if name == "-m" || name == "-c" && i <= 2 { // python -m MODULE, sh -c SCRIPT; later -c names a configuration
			words = append(words, name+" "+value)
			continue
		}
		if !history.Volatile(name) {
			p.options[strings.ReplaceAll(strings.ToLower(strings.TrimLeft(name, "-+")), "-", "_")] = value
		}
	}
	p.base = strings.Join(words, " ")
	return p
}

func isValue(s string) bool {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return true
	}
	return !strings.HasPrefix(s, "-")
}

// word drops what depends on the machine: directories, the interpreter's version.
func word(arg string, i int) string {
	name := path.Base(arg)
	if i == 0 && strings.HasPrefix(name, "python") {
		return "python"
	}
	if strings.HasPrefix(arg, "/") || strings.HasPrefix(arg, "./") || i == 0 {
		return name
	}
	return arg
}
