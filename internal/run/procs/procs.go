// Package procs reads what the system knows about processes and about this
// machine: whether a process of a journal still lives, what it is doing, which
// boot this is. On systems without /proc every fact is "unknown".
package procs

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// root is where proc(5) is mounted; tests set it.
var root = "/proc"

// tick is the kernel's USER_HZ, 100 on every Linux that Go supports.
const tick = 10 * time.Millisecond

// ID names one process for good: pids are reused, pid and start time are not
// within one boot.
type ID struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start,omitempty"` // clock ticks since boot, proc(5) field 22; 0 unknown
}

// Info is one look at a process.
type Info struct {
	PID     int
	Parent  int
	Session int
	State   byte          // R running, S sleeping, D in uninterruptible I/O, T stopped, Z zombie
	CPU     time.Duration // user and system time so far
	Reaped  time.Duration // that of its children which have ended and were waited for, and of theirs
	Start   uint64
	Name    string
}

// Identify returns the identity of a live process.
func Identify(pid int) ID {
	info, ok := Look(pid)
	if !ok {
		return ID{PID: pid}
	}
	return ID{PID: pid, Start: info.Start}
}

// Alive reports whether exactly this process still runs. A zombie does not.
func (id ID) Alive() bool {
	if id.PID <= 0 {
		return false
	}
	info, ok := Look(id.PID)
	if !ok {
		return aliveBySignal(id.PID)
	}
	return info.State != 'Z' && info.State != 'X' && (id.Start == 0 || id.Start == info.Start)
}

// Look reads /proc/PID/stat.
func Look(pid int) (Info, bool) {
	raw, err := os.ReadFile(filepath.Join(root, strconv.Itoa(pid), "stat"))
	if err != nil {
		return Info{}, false
	}
	return parseStat(string(raw))
}

// parseStat takes one line of /proc/PID/stat. The name may hold spaces and
// parentheses: the last ')' ends it.
func parseStat(line string) (Info, bool) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 1 || end < open {
		return Info{}, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line[:open]))
	f := strings.Fields(line[end+1:])
	if err != nil || len(f) < 20 || len(f[0]) != 1 {
		return Info{}, false
	}
	n := func(i int) uint64 { v, _ := strconv.ParseUint(f[i], 10, 64); return v }
	return Info{
		PID: pid, Name: line[open+1 : end], State: f[0][0],
		Parent: int(n(1)), Session: int(n(3)),
		CPU: time.Duration(n(11)+n(12)) * tick, Reaped: time.Duration(n(13)+n(14)) * tick, Start: n(19),
	}, true
}

// All lists every process that can be seen.
func All() []Info {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil
	}
	var all []Info
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if info, ok := Look(pid); ok {
			all = append(all, info)
		}
	}
	return all
}

// Tree returns the process pid, its descendants, and every member of its
// session (children whose parents have died stay in the session), pid first.
// Processes that have ended and only wait to be reaped are left out.
func Tree(pid int) []Info {
	all := slices.DeleteFunc(All(), func(p Info) bool { return p.State == 'Z' })
	in := map[int]bool{pid: true}
	for grew := true; grew; {
		grew = false
		for _, p := range all {
			if !in[p.PID] && (in[p.Parent] || p.Session == pid) {
				in[p.PID], grew = true, true
			}
		}
	}
	tree := slices.DeleteFunc(all, func(p Info) bool { return !in[p.PID] })
	slices.SortStableFunc(tree, func(a, b Info) int {
		if (a.PID == pid) != (b.PID == pid) {
			if a.PID == pid {
				return -1
			}
			return 1
		}
		return a.PID - b.PID
	})
	return tree
}

// WaitChannel names the kernel function that the process sleeps in, or "".
func WaitChannel(pid int) string {
	raw, _ := os.ReadFile(filepath.Join(root, strconv.Itoa(pid), "wchan"))
	if s := strings.TrimSpace(string(raw)); s != "0" {
		return s
	}
	return ""
}

// OpenFiles returns the regular files that the process has open.
func OpenFiles(pid int) []string {
	dir := filepath.Join(root, strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var files []string
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil &&
			strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "/dev/") {
			files = append(files, target)
		}
	}
	return files
}

// Command returns the process's argument vector.
func Command(pid int) []string {
	raw, err := os.ReadFile(filepath.Join(root, strconv.Itoa(pid), "cmdline"))
	if err != nil || len(raw) == 0 {
		return nil
	}
	return strings.Split(strings.TrimRight(string(raw), "\x00"), "\x00")
}

// Dir returns the process's working directory, or "".
func Dir(pid int) string {
	dir, _ := os.Readlink(filepath.Join(root, strconv.Itoa(pid), "cwd"))
	return dir
}

// BootID names this boot of the machine; "" where the system has no such name.
// STOKER_BOOT_ID overrides it, so that a restart of the machine can be rehearsed.
func BootID() string {
	if id := os.Getenv("STOKER_BOOT_ID"); id != "" {
		return id
	}
	raw, _ := os.ReadFile(filepath.Join(root, "sys/kernel/random/boot_id"))
	return strings.TrimSpace(string(raw))
}

// BootTime is when the machine started, or zero.
func BootTime() time.Time {
	raw, _ := os.ReadFile(filepath.Join(root, "stat"))
	for line := range strings.Lines(string(raw)) {
		if s, ok := strings.CutPrefix(line, "btime "); ok {
			if sec, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64); err == nil {
				return time.Unix(sec, 0)
			}
		}
	}
	return time.Time{}
}

// CgroupFile returns the path of a control file of the process's cgroup (v2),
// or "".
func CgroupFile(pid int, name string) string {
	raw, _ := os.ReadFile(filepath.Join(root, strconv.Itoa(pid), "cgroup"))
	for line := range strings.Lines(string(raw)) {
		if group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return filepath.Join("/sys/fs/cgroup", group, name)
		}
	}
	return ""
}

// OOMKills returns how many processes the kernel has killed in pid's cgroup (v2)
// for want of memory; 0 where that is not counted.
func OOMKills(pid int) int64 {
	path := CgroupFile(pid, "memory.events")
	if path == "" {
		return 0
	}
	raw, _ := os.ReadFile(path)
	for line := range strings.Lines(string(raw)) {
		if s, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
			return n
		}
	}
	return 0
}

// OpenFile returns the regular file behind one descriptor of the process, or "".
func OpenFile(pid, fd int) string {
	target, err := os.Readlink(filepath.Join(root, strconv.Itoa(pid), "fd", strconv.Itoa(fd)))
	if err != nil || !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "/dev/") {
		return ""
	}
	return target
}

// Began is when the process started, to the tick; zero if unknown.
func Began(id ID) time.Time {
	boot := BootTime()
	if boot.IsZero() || id.Start == 0 {
		return time.Time{}
	}
	return boot.Add(time.Duration(id.Start) * tick)
}

// Variable returns a variable of the environment that the process was started
// with; ok is false where it was not set, or may not be seen.
func Variable(pid int, name string) (value string, ok bool) {
	raw, _ := os.ReadFile(filepath.Join(root, strconv.Itoa(pid), "environ"))
	for kv := range strings.SplitSeq(string(raw), "\x00") {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value, true
		}
	}
	return "", false
}
