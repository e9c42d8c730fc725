package account

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stoker/internal/run/procs"
)

// readProc reads /proc/PID/a/b/c. What cannot be read is empty: processes end
// while they are looked at.
func readProc(pid int, path ...any) []byte {
	name := append(make([]byte, 0, 64), "/proc/"...)
	name = strconv.AppendInt(name, int64(pid), 10)
	for _, p := range path {
		name = append(name, '/')
		switch p := p.(type) {
		case string:
			name = append(name, p...)
		case int:
			name = strconv.AppendInt(name, int64(p), 10)
		}
	}
	return readSmall(string(name))
}

// readSmall reads the first kilobytes of a file of proc(5) or cgroups with as few
// system calls as there can be.
func readSmall(name string) []byte {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd) //nolint:errcheck // only read
	buf := make([]byte, 2048)
	n, err := unix.Read(fd, buf)
	if err != nil || n <= 0 {
		return nil
	}
	return buf[:n]
}

// sched is the scheduler's account of a thread.
type sched struct{ run, queued time.Duration }

// readSched reads schedstat: nanoseconds on a core, and ready without one.
func readSched(pid, tid int) (sched, bool) {
	f := bytes.Fields(readProc(pid, "task", tid, "schedstat"))
	if len(f) < 2 {
		return sched{}, false
	}
	return sched{time.Duration(number(f[0])), time.Duration(number(f[1]))}, true
}

// readState returns a thread's state: R, S, D, ...; 0 where it is gone.
func readState(pid, tid int) byte {
	raw := readProc(pid, "task", tid, "stat")
	if i := bytes.LastIndexByte(raw, ')'); i >= 0 && i+2 < len(raw) {
		return raw[i+2]
	}
	return 0
}

// counts are the bytes that a process has read.
type counts struct{ bytes, chars int64 }

func readIO(pid int) (counts, bool) {
	raw := string(readProc(pid, "io"))
	if raw == "" {
		return counts{}, false
	}
	var c counts
	for line := range strings.Lines(raw) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "rchar":
			c.chars = number([]byte(value))
		case "read_bytes":
			c.bytes = number([]byte(value))
		}
	}
	return c, true
}

// machine is the first line of /proc/stat, in clock ticks of all cores.
type machine struct{ all, idle, steal float64 }

func readMachine() (machine, bool) {
	line, _, _ := bytes.Cut(readSmall("/proc/stat"), []byte("\n"))
	f := bytes.Fields(line)
	if len(f) < 9 {
		return machine{}, false
	}
	var m machine
	for _, v := range f[1:9] { // guest times are part of user's
		m.all += float64(number(v))
	}
	m.idle = float64(number(f[4]) + number(f[5])) // idle and waiting for I/O
	m.steal = float64(number(f[8]))
	return m, true
}

// stalls are the totals of the pressure files, in microseconds; -1 unknown.
type stalls struct{ ioSome, ioFull, cpuSome, memSome float64 }

// pressureDir is where the pressure of a run is told: in its own cgroup (v2)
// if it is not the root, else for the whole machine.
func pressureDir(pid int) (dir, suffix string, own bool) {
	if file := procs.CgroupFile(pid, "io.pressure"); file != "" && file != "/sys/fs/cgroup/io.pressure" {
		if _, err := os.Stat(file); err == nil {
			return strings.TrimSuffix(file, "io.pressure"), ".pressure", true
		}
	}
	return "/proc/pressure/", "", false
}

func readStalls(dir, suffix string) stalls {
	ioSome, ioFull := readPressure(dir + "io" + suffix)
	cpuSome, _ := readPressure(dir + "cpu" + suffix)
	memSome, _ := readPressure(dir + "memory" + suffix)
	return stalls{ioSome, ioFull, cpuSome, memSome}
}

func readPressure(file string) (some, full float64) {
	some, full = -1, -1
	for line := range strings.Lines(string(readSmall(file))) {
		kind, rest, _ := strings.Cut(line, " ")
		_, total, ok := strings.Cut(strings.TrimSpace(rest), "total=")
		if !ok {
			continue
		}
		switch v := float64(number([]byte(total))); kind {
		case "some":
			some = v
		case "full":
			full = v
		}
	}
	return some, full
}

// number reads a decimal; what is none is 0.
func number(b []byte) int64 {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
