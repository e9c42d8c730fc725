// Package prune removes the directories of old runs, so that logs do not fill the
// disk. The history, which is small and teaches later estimates, is kept.
package prune

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/rundir"
)

// Limits say what stays. Zero means no limit.
type Limits struct {
	Runs  int           // directories of ended runs
	Bytes int64         // that they take on the disk, together
	Age   time.Duration // since the end
}

// Defaults are the limits of every supervisor's end.
var Defaults = Limits{Runs: 1000, Bytes: 10 << 30}

// FromEnv returns Defaults as changed by STOKER_KEEP_RUNS and STOKER_KEEP_BYTES
// ("20GiB", "500MB"; 0 keeps all). Values that make no sense are errs.Invalid,
// and Defaults hold.
func FromEnv(get func(string) string) (Limits, error) {
	l := Defaults
	if v := get("STOKER_KEEP_RUNS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return Defaults, errs.New(errs.Invalid, "STOKER_KEEP_RUNS=%q is not a number of runs", v).WithHint("0 keeps all")
		}
		l.Runs = n
	}
	if v := get("STOKER_KEEP_BYTES"); v != "" {
		n, ok := size(v)
		if !ok {
			return Defaults, errs.New(errs.Invalid, "STOKER_KEEP_BYTES=%q is not a size", v).WithHint("for instance 20GiB; 0 keeps all")
		}
		l.Bytes = n
	}
	return l, nil
}

var units = []struct {
	name  string
	bytes float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1}}

func size(s string) (int64, bool) {
	for _, u := range units {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			return int64(f * u.bytes), err == nil && f >= 0 && f*u.bytes < 1<<62
		}
	}
	return 0, false
}

// Age reads a duration with days and weeks: "30d", "2w", "36h".
func Age(s string) (time.Duration, error) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(s, suffix); ok {
			f, err := strconv.ParseFloat(number, 64)
			if err == nil && f >= 0 && f < 36500 {
				return time.Duration(f * float64(unit)), nil
			}
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return d, nil
	}
	return 0, errs.New(errs.Invalid, "%q is not an age", s).WithHint("for instance 30d, 2w or 36h")
}

// Prune removes directories of runs that have ended, the oldest first, until what
// stays is within limits, and returns their ids. A run that is live, whose end is
// not in the history yet, or that a supervisor holds is never touched.
func Prune(state rundir.State, now time.Time, limits Limits) (removed []string, err error) {
	state.FinishRemovals()
	live := map[string]bool{}
	for _, id := range state.Live() {
		live[id] = true
	}
	var kept int
	var bytes int64
	for _, id := range state.All() { // newest first
		d := state.Run(id)
		ended, ok := endOf(d)
		if live[id] || !ok {
			continue
		}
		kept++
		bytes += onDisk(string(d))
		over := limits.Runs > 0 && kept > limits.Runs || limits.Bytes > 0 && bytes > limits.Bytes && kept > 1
		if !over && (limits.Age <= 0 || now.Sub(ended) < limits.Age) {
			continue
		}
		kept--
		bytes -= onDisk(string(d))
		switch failed := state.Remove(id); {
		case failed == nil:
			removed = append(removed, id)
		case !errs.Is(failed, errs.Mismatch) && err == nil:
			err = failed
		}
	}
	return removed, err
}

// endOf is when a run ended; ok is false for one that has not, as far as its
// status says.
func endOf(d rundir.Dir) (at time.Time, ok bool) {
	s, err := rundir.ReadStatus(d.Status())
	if err != nil || s.Phase != rundir.Ended || s.End == nil {
		return at, false
	}
	return s.End.Time, true
}

// onDisk is the space that a directory takes.
func onDisk(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it is being removed: it takes nothing
		}
		if info, err := e.Info(); err == nil {
			bytes += blocks(info)
		}
		return nil
	})
	return bytes
}

func blocks(info os.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512
	}
	return info.Size()
}
