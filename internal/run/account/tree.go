package account

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"stoker/internal/run/procs"
)

// tree is the processes of a run, told apart: those that train, those that prepare
// data for them, and the rest.
type tree struct {
	root  int
	known map[procs.ID]*member
	now   []*member         // alive at the last refresh, parents before children
	dead  map[procs.ID]bool // ended, but not waited for by their parents
	main  *member           // nil before the first refresh or when nothing is alive
	ranks int
}

// member is one process.
type member struct {
	id     procs.ID
	parent *member
	info   procs.Info
	argv   []string
	python bool
	kind   string  // of a worker; helper, or "" for a program
	feeds  bool    // it has or had workers
	growth float64 // CPU seconds a second lately, with its workers'
	cpu    time.Duration
}

// helper is a process that serves multiprocessing itself: it neither trains nor
// prepares data.
const helper = "helper"

func newTree(root int) *tree { return &tree{root: root, known: map[procs.ID]*member{}} }

// refresh looks who is alive now. elapsed is the time since the last refresh.
func (t *tree) refresh(elapsed time.Duration) {
	last := t.known
	t.known, t.now, t.dead = map[procs.ID]*member{}, nil, map[procs.ID]bool{}
	t.visit(t.root, nil, last)
	t.grow(elapsed)
	t.choose()
}

// visit adds a process and its descendants.
func (t *tree) visit(pid int, parent *member, last map[procs.ID]*member) {
	info, ok := procs.Look(pid)
	if !ok {
		return
	}
	id := procs.ID{PID: pid, Start: info.Start}
	if info.State == 'Z' {
		t.dead[id] = true
		return
	}
	if t.known[id] != nil {
		return
	}
	m := last[id]
	if m == nil {
		m = &member{id: id, cpu: -1}
	}
	if m.argv == nil || m.info.Name != info.Name { // a name changes with exec, and as workers name themselves
		m.argv = procs.Command(pid)
		m.python = isPython(pid, info.Name, m.argv)
	}
	m.parent, m.info = parent, info
	if m.kind = m.workerKind(); m.works() {
		parent.feeds = true
	}
	t.known[id] = m
	t.now = append(t.now, m)
	for _, child := range children(pid) {
		t.visit(child, m, last)
	}
}

// grow measures how much each program, with its workers, computes at present.
func (t *tree) grow(elapsed time.Duration) {
	for _, m := range t.now {
		m.growth *= 0.7
	}
	for _, m := range t.now {
		if m.cpu >= 0 && elapsed > 0 {
			m.program().growth += 0.3 * (m.info.CPU - m.cpu).Seconds() / elapsed.Seconds()
		}
		m.cpu = m.info.CPU
	}
}

// works reports whether it prepares data.
func (m *member) works() bool { return m.kind != "" && m.kind != helper }

// program is m itself, or the process that m works for.
func (m *member) program() *member {
	for m.kind != "" && m.parent != nil {
		m = m.parent
	}
	return m
}

// choose finds the process that trains: of the Python programs (or of all, where
// there is none) the one that computes most with its workers. Another one must
// compute much more to take its place.
func (t *tree) choose() {
	var programs []*member
	for _, python := range []bool{true, false} {
		for _, m := range t.now {
			if m.kind == "" && (m.python || !python) {
				programs = append(programs, m)
			}
		}
		if len(programs) > 0 {
			break
		}
	}
	old := t.main
	t.main, t.ranks = nil, 0
	for _, m := range programs {
		if t.main == nil || m.growth > t.main.growth {
			t.main = m
		}
	}
	if old != nil && t.known[old.id] == old && old.kind == "" && t.main != nil && t.main.growth < 3*old.growth+0.05 {
		t.main = old
	}
	for _, m := range programs {
		if m.parent == t.main.parent && m.growth > 0.3*t.main.growth {
			t.ranks++
		}
	}
}

// workers returns the processes that prepare data for the main one.
func (t *tree) workers() []*member {
	var list []*member
	for _, m := range t.now {
		if m.works() && m.program() == t.main {
			list = append(list, m)
		}
	}
	return list
}

// workerKind tells whether a child is a worker: PyTorch's name themselves, those of
// multiprocessing have its command line, and a forked child has its parent's.
func (m *member) workerKind() string {
	if m.parent == nil {
		return ""
	}
	line := strings.Join(m.argv, " ")
	serves := strings.Contains(line, "multiprocessing.forkserver")
	switch {
	case strings.HasPrefix(m.info.Name, "pt_data_worker"):
		return "torch"
	case strings.Contains(line, "resource_tracker"):
		return helper
	case serves && m.parent.kind != helper:
		return helper // the fork server; its children are the workers
	case serves, strings.Contains(line, "multiprocessing.spawn"), strings.Contains(line, "popen_loky"):
		return "multiprocessing"
	case m.python && m.parent.python && slices.Equal(m.argv, m.parent.argv):
		return "fork"
	}
	return ""
}

func isPython(pid int, name string, argv []string) bool {
	if exe, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe"); err == nil {
		name = filepath.Base(exe)
	} else if len(argv) > 0 && !strings.HasPrefix(name, "python") {
		name = filepath.Base(argv[0])
	}
	return strings.HasPrefix(name, "python") || strings.HasPrefix(name, "pypy")
}

// children lists the children of a process. Each thread has its own.
func children(pid int) []int {
	var list []int
	for _, tid := range threads(pid) {
		for f := range strings.FieldsSeq(string(readProc(pid, "task", tid, "children"))) {
			if child, err := strconv.Atoi(f); err == nil {
				list = append(list, child)
			}
		}
	}
	return list
}

// threads lists the thread ids of a process; the main thread's is the pid.
func threads(pid int) []int {
	dir, err := os.Open("/proc/" + strconv.Itoa(pid) + "/task")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	list := make([]int, 0, len(names))
	for _, n := range names {
		if tid, err := strconv.Atoi(n); err == nil {
			list = append(list, tid)
		}
	}
	return list
}
