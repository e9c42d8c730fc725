// Package sysinfo says what this process may use of the machine: cores, memory, the
// active Python, and what it uses now.
//
// The answers hold inside containers: affinity masks, CPU quotas and memory
// limits of control groups, version 1 and 2, are taken into account. Everything
// is read from /proc and /sys when asked; nothing is cached and no goroutine is
// started. Where a fact cannot be had, as on systems without /proc, the answer is
// the next best one.
package sysinfo

import (
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is what a process may use.
type Machine struct {
	Cores       int     // whole cores that can run at once, at least 1: what Affinity and Quota leave
	Affinity    int     // processors that the affinity mask allows
	Quota       float64 // seconds of processor time a second that control groups allow; 0 is no limit
	CPUModel    string  // such as "AMD EPYC 9554", or ""
	MemoryBytes int64   // the smaller of the memory fitted and every limit on it; 0 where unknown
	FreeBytes   int64   // what can still be had of it without swapping; 0 where unknown
}

// Read looks at the machine now.
func Read() Machine { return read(os.DirFS("/"), runtime.NumCPU()) }

// read is Read with the root of the file system; affine is the number of CPUs
// that the affinity mask allows.
func read(root fs.FS, affine int) Machine {
	groups := cgroups(text(root, "proc/self/cgroup"))
	m := Machine{Cores: max(affine, 1), Affinity: affine, Quota: groups.cpuQuota(root), CPUModel: cpuModel(text(root, "proc/cpuinfo"))}
	if m.Quota > 0 {
		m.Cores = max(min(m.Cores, int(m.Quota+0.5)), 1)
	}
	info := meminfo(text(root, "proc/meminfo"))
	m.MemoryBytes, m.FreeBytes = info["MemTotal"], info["MemAvailable"]
	if limit, used := groups.memory(root); limit > 0 && (m.MemoryBytes == 0 || limit < m.MemoryBytes) {
		free := max(limit-used, 0)
		if m.FreeBytes == 0 || free < m.FreeBytes {
			m.FreeBytes = free
		}
		m.MemoryBytes = limit
	}
	return m
}

// text returns a file's contents, or "". Files of /proc and /sys have no size to
// ask for and are small; more than a mebibyte of one is ignored.
func text(root fs.FS, name string) string {
	f, err := root.Open(strings.TrimPrefix(name, "/"))
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // only read
	buf := make([]byte, 0, 4096)
	for len(buf) < 1<<20 {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := f.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil {
			break
		}
	}
	return string(buf)
}

// meminfo reads the lines "Name:   123 kB" of /proc/meminfo and /proc/*/status,
// in bytes.
func meminfo(s string) map[string]int64 {
	all := make(map[string]int64)
	for line := range strings.Lines(s) {
		name, rest, ok := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if !ok || len(fields) != 2 || fields[1] != "kB" {
			continue
		}
		if kb, err := strconv.ParseInt(fields[0], 10, 64); err == nil && kb >= 0 && kb < 1<<50 {
			all[name] = kb * 1024
		}
	}
	return all
}

func cpuModel(s string) string {
	for line := range strings.Lines(s) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Memory is what this process has in memory now, and had at most.
type Memory struct {
	RSSBytes    int64 // resident pages, shared ones included
	SharedBytes int64 // of them: pages of memfds and other shared memory
	PeakBytes   int64 // the most RSSBytes has been
}

// Usage returns the memory of this process, zero where /proc does not tell.
func Usage() Memory { return usage(os.DirFS("/")) }

func usage(root fs.FS) Memory {
	status := meminfo(text(root, "proc/self/status"))
	return Memory{RSSBytes: status["VmRSS"], SharedBytes: status["RssShmem"], PeakBytes: status["VmHWM"]}
}
