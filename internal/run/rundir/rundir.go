// Package rundir knows where runs live on disk and what lies in a run's
// directory. Layout below the state directory:
//
//	removed/ID        a run that is being removed
//	live/ID           empty; there while a supervisor or holder has the run
//	runs/ID/spec.json what was asked for, written once
//	        journal   events (package journal)
//	        status    last known status, two slots (status.go)
//	        sock      clients connect here        hold.sock  supervisors here
//	        lock      held by the run's supervisor
//	        raw/      exact bytes, capped         clean/     bars collapsed, capped
//	        errors    what supervisor and holder themselves printed
//	        probe/    the sampler, its reports and the accounting (package sampler)
//	history.db        all runs (package history)
package rundir

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stoker/internal/errs"
)

// Spec is what a run was asked to be. It holds no environment and no secrets.
type Spec struct {
	ID         string        `json:"id"`
	Name       string        `json:"name,omitempty"`
	Argv       []string      `json:"argv"`
	Dir        string        `json:"dir"`
	Created    time.Time     `json:"created"`
	Host       string        `json:"host"`
	BootID     string        `json:"boot_id"`
	Stoker     string        `json:"stoker"` // version that started it
	PTY        bool          `json:"pty"`
	Piped      bool          `json:"piped"`      // stdin comes from a pipe or file, not from a terminal
	Foreground bool          `json:"foreground"` // a client comes at once; the supervisor waits for it
	Split      bool          `json:"split"`      // standard error is kept apart: the client's goes elsewhere than its output
	Cols       int           `json:"cols"`       // of the child's terminal at the start
	Rows       int           `json:"rows"`
	Total      int64         `json:"total,omitempty"`   // --total: steps of the whole run
	Pattern    string        `json:"pattern,omitempty"` // --pattern: regular expression of a progress line
	Restarts   int           `json:"restarts,omitempty"`
	Backoff    time.Duration `json:"backoff,omitempty"` // before the first restart; doubled for each further one
	Exact      bool          `json:"exact,omitempty"`   // tqdm is asked for exact counts through its environment
	Resume     bool          `json:"resume,omitempty"`  // restarts add the framework's own resume flags, as shown
	RawCap     int64         `json:"raw_cap,omitempty"`
	CleanCap   int64         `json:"clean_cap,omitempty"`
	Notify     bool          `json:"notify"`
	Sampler    bool          `json:"sampler,omitempty"` // the sampler is put into the command's Python processes
}

// Dir is one run's directory.
type Dir string

// Paths inside a run's directory.
func (d Dir) Journal() string  { return filepath.Join(string(d), "journal") }
func (d Dir) Status() string   { return filepath.Join(string(d), "status") }
func (d Dir) Sock() string     { return filepath.Join(string(d), "sock") }
func (d Dir) HoldSock() string { return filepath.Join(string(d), "hold.sock") }
func (d Dir) Raw() string      { return filepath.Join(string(d), "raw") }
func (d Dir) Clean() string    { return filepath.Join(string(d), "clean") }
func (d Dir) Errors() string   { return filepath.Join(string(d), "errors") }
func (d Dir) Probe() string    { return filepath.Join(string(d), "probe") }
func (d Dir) Account() string  { return filepath.Join(d.Probe(), "account.json") }
func (d Dir) spec() string     { return filepath.Join(string(d), "spec.json") }

// Replace writes a file of a run whole: readers, which look at any moment, find the
// old one or the new one. A file has one writer at a time. errs.Permission where it
// cannot be written.
func Replace(path string, raw []byte) error {
	part := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	err := os.WriteFile(part, raw, 0o600)
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		return errs.New(errs.Permission, "write: %w", err).At(path)
	}
	return nil
}

// Lock makes this process the run's only supervisor until the file is closed;
// errs.Mismatch when another one is.
func (d Dir) Lock() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(string(d), "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, errs.New(errs.Permission, "lock run: %w", err).At(string(d))
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, errs.New(errs.Mismatch, "the run has another supervisor").At(string(d))
	}
	return f, nil
}

// State is the state directory that the run lies in.
func (d Dir) State() State { return State{Root: filepath.Dir(filepath.Dir(string(d)))} }

// ID is the run's short name.
func (d Dir) ID() string { return filepath.Base(string(d)) }

// State is the state directory of one user.
type State struct {
	Root string
	// Note says, once, why another place than the usual one is used; or "".
	Note string
}

// OpenState finds and creates the state directory: STOKER_STATE_DIR, else
// XDG_STATE_HOME/stoker, else ~/.local/state/stoker. Where that cannot be
// written, a private directory under the temporary one is used, and said so.
func OpenState() (State, error) {
	root := os.Getenv("STOKER_STATE_DIR")
	if root == "" {
		if xdg := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(xdg) {
			root = filepath.Join(xdg, "stoker")
		} else if home, err := os.UserHomeDir(); err == nil {
			root = filepath.Join(home, ".local/state/stoker")
		}
	}
	state, usual := OpenStateAt(root)
	if usual == nil {
		return state, nil
	}
	fallback := filepath.Join(os.TempDir(), fmt.Sprintf("stoker-%d", os.Getuid()))
	state, err := OpenStateAt(fallback)
	state.Note = fmt.Sprintf("%s cannot be written (%v): this run is kept in %s, which may not outlive a reboot",
		root, errors.Unwrap(usual), fallback)
	return state, err
}

// OpenStateAt uses and creates the state directory root.
func OpenStateAt(root string) (State, error) { return State{Root: root}, usable(root) }

// usable creates root with its subdirectories and checks that only this user
// may enter and that files can be made there.
func usable(root string) error {
	fail := func(err error) error {
		return errs.New(errs.Permission, "state directory: %w", err).At(root).
			WithHint("set STOKER_STATE_DIR to a directory that you can write")
	}
	for _, sub := range []string{"", "live", "runs"} {
		if err := os.MkdirAll(filepath.Join(root, sub), 0o700); err != nil {
			return fail(err)
		}
	}
	info, err := os.Stat(root)
	if err != nil {
		return fail(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(root, 0o700); err != nil {
			return fail(err)
		}
	}
	probe, err := os.CreateTemp(filepath.Join(root, "live"), ".probe")
	if err != nil {
		return fail(err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// History is the path of the history database.
func (s State) History() string { return filepath.Join(s.Root, "history.db") }

// Run is the directory of the run with this id.
func (s State) Run(id string) Dir { return Dir(filepath.Join(s.Root, "runs", id)) }

// Create makes the directory of a new run, gives spec its id, writes it and
// marks the run as live.
func (s State) Create(spec *Spec) (Dir, error) {
	for range 100 {
		spec.ID = newID()
		d := s.Run(spec.ID)
		err := os.Mkdir(string(d), 0o700)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return "", errs.New(errs.Permission, "create run: %w", err).At(string(d))
		}
		raw, err := json.MarshalIndent(spec, "", "  ")
		if err != nil {
			return "", errs.New(errs.Internal, "encode run: %w", err)
		}
		if err := os.WriteFile(d.spec(), raw, 0o600); err != nil {
			os.RemoveAll(string(d))
			return "", errs.New(errs.Exhausted, "write run: %w", err).At(string(d))
		}
		return d, s.MarkLive(spec.ID)
	}
	return "", errs.New(errs.Internal, "no free run id").At(s.Root)
}

// newID returns four letters or digits that are hard to confuse, never all
// digits (a run's name can be a number).
func newID() string {
	const alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	if !strings.ContainsAny(string(b[:]), alphabet[:23]) {
		b[0] = 'r'
	}
	return string(b[:])
}

// LoadSpec reads what the run was asked to be.
func (d Dir) LoadSpec() (Spec, error) {
	var spec Spec
	raw, err := os.ReadFile(d.spec())
	if err != nil {
		return spec, errs.New(errs.NotFound, "no such run: %w", err).At(string(d))
	}
	if err := json.Unmarshal(raw, &spec); err != nil {
		return spec, errs.New(errs.Corrupt, "run specification: %w", err).At(d.spec())
	}
	return spec, nil
}

// MarkLive lists the run among the live ones; MarkEnded takes it off.
func (s State) MarkLive(id string) error {
	if err := os.WriteFile(filepath.Join(s.Root, "live", id), nil, 0o600); err != nil {
		return errs.New(errs.Permission, "mark run as live: %w", err)
	}
	return nil
}

// MarkEnded takes the run off the live list; a missing entry is fine.
func (s State) MarkEnded(id string) { _ = os.Remove(filepath.Join(s.Root, "live", id)) }

// removedDir is where runs go that are being removed: whole, so that a removal that
// is cut off leaves no half of one.
const removedDir = "removed"

// Remove removes the directory of a run that has no supervisor: errs.Mismatch if
// it has one.
func (s State) Remove(id string) error {
	d := s.Run(id)
	lock, err := d.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	to := filepath.Join(s.Root, removedDir, id)
	err = os.MkdirAll(filepath.Dir(to), 0o700)
	if err == nil {
		_ = os.RemoveAll(to)
		err = os.Rename(string(d), to)
	}
	if err == nil {
		err = os.RemoveAll(to)
	}
	if err != nil {
		return errs.New(errs.Permission, "remove run: %w", err).At(string(d))
	}
	s.MarkEnded(id)
	return nil
}

// FinishRemovals removes what an interrupted Remove left.
func (s State) FinishRemovals() {
	dir := filepath.Join(s.Root, removedDir)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries { // not dir itself: another process may be about to use it
		_ = os.RemoveAll(filepath.Join(dir, e.Name()))
	}
}

// Live lists the ids of the runs that were not seen to end.
func (s State) Live() []string {
	entries, _ := os.ReadDir(filepath.Join(s.Root, "live"))
	var ids []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			ids = append(ids, e.Name())
		}
	}
	return ids
}

// All lists the ids of all runs that have a directory, newest first.
func (s State) All() []string {
	entries, _ := os.ReadDir(filepath.Join(s.Root, "runs"))
	type made struct {
		id string
		at time.Time
	}
	var list []made
	for _, e := range entries {
		if info, err := os.Stat(s.Run(e.Name()).spec()); err == nil {
			list = append(list, made{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(list, func(a, b made) int { return b.at.Compare(a.at) })
	ids := make([]string, len(list))
	for i, m := range list {
		ids[i] = m.id
	}
	return ids
}

// Find turns what a user typed into a run: an id or its unique beginning, a
// name (the newest run of that name), or "last".
func (s State) Find(which string) (Dir, error) {
	if which != "" && !strings.ContainsAny(which, "/.") {
		if d := s.Run(which); exists(d.spec()) {
			return d, nil
		}
	}
	if d, ok := s.liveNamed(which); ok {
		return d, nil
	}
	all := s.All()
	if which == "last" && len(all) > 0 {
		return s.Run(all[0]), nil
	}
	var starts []string
	for _, id := range all {
		if spec, err := s.Run(id).LoadSpec(); err == nil && spec.Name != "" && spec.Name == which {
			return s.Run(id), nil
		}
		if len(which) >= 2 && strings.HasPrefix(id, which) {
			starts = append(starts, id)
		}
	}
	if len(starts) == 1 {
		return s.Run(starts[0]), nil
	}
	if len(starts) > 1 {
		return "", errs.New(errs.Invalid, "%q may be any of %s", which, strings.Join(starts, ", "))
	}
	if len(all) == 0 {
		return "", errs.New(errs.NotFound, "there are no runs yet").WithHint("start one: stoker run -- python train.py")
	}
	return "", errs.New(errs.NotFound, "no run %q", which).WithHint("stoker ps lists the runs; 'last' is the newest one")
}

// liveNamed is the quick way to the runs that people mostly mean.
func (s State) liveNamed(name string) (found Dir, ok bool) {
	var newest time.Time
	for _, id := range s.Live() {
		spec, err := s.Run(id).LoadSpec()
		if err == nil && name != "" && spec.Name == name && spec.Created.After(newest) {
			found, ok, newest = s.Run(id), true, spec.Created
		}
	}
	return found, ok
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
