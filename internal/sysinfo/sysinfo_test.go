package sysinfo

import (
	"runtime"
	"testing"
	"testing/fstest"
)

type files map[string]string

func (f files) fs() fstest.MapFS {
	m := fstest.MapFS{}
	for name, content := range f {
		m[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return m
}

func TestRead(t *testing.T) {
	const (
		gib  = 1 << 30
		info = "MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:    8388608 kB\nHugePages_Total:       0\n"
	)
	f := func(name string, tree files, cores int, memory, free int64) {
		t.Helper()
		m := read(tree.fs(), 8)
		if m.Cores != cores || m.MemoryBytes != memory || m.FreeBytes != free {
			t.Errorf("%s: got %d cores, %d bytes, %d free; want %d, %d, %d",
				name, m.Cores, m.MemoryBytes, m.FreeBytes, cores, memory, free)
		}
	}
	f("nothing to read", files{}, 8, 0, 0)
	f("no limits", files{"proc/meminfo": info, "proc/self/cgroup": "0::/\n"}, 8, 16*gib, 8*gib)
	f("version 2, the tighter limit is the parent's", files{
		"proc/meminfo":                        info,
		"proc/self/cgroup":                    "0::/job/task\n",
		"sys/fs/cgroup/job/task/cpu.max":      "max 100000\n",
		"sys/fs/cgroup/job/cpu.max":           "250000 100000\n",
		"sys/fs/cgroup/job/task/memory.max":   "max\n",
		"sys/fs/cgroup/job/memory.max":        "4294967296\n",
		"sys/fs/cgroup/job/memory.current":    "2147483648\n",
		"sys/fs/cgroup/job/memory.stat":       "anon 5\ninactive_file 1073741824\n",
		"sys/fs/cgroup/job/unrelated":         "x",
		"sys/fs/cgroup/job/task/memory.other": "",
	}, 3, 4*gib, 3*gib)
	f("version 1 in a container: the host's path does not exist", files{
		"proc/meminfo":                                  info,
		"proc/self/cgroup":                              "5:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n",
		"sys/fs/cgroup/cpu/cpu.cfs_quota_us":            "50000\n",
		"sys/fs/cgroup/cpu/cpu.cfs_period_us":           "100000\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":    "1073741824\n",
		"sys/fs/cgroup/memory/memory.usage_in_bytes":    "536870912\n",
		"sys/fs/cgroup/memory/memory.soft_limit_in_bys": "1\n",
	}, 1, gib, gib/2)
	f("version 1 without limits", files{
		"proc/meminfo":                               info,
		"proc/self/cgroup":                           "5:memory:/\n3:cpu:/\n",
		"sys/fs/cgroup/cpu/cpu.cfs_quota_us":         "-1\n",
		"sys/fs/cgroup/cpu/cpu.cfs_period_us":        "100000\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
	}, 8, 16*gib, 8*gib)
	f("a limit above the memory fitted", files{
		"proc/meminfo": info, "proc/self/cgroup": "0::/\n",
		"sys/fs/cgroup/memory.max": "99999999999999\n",
	}, 8, 16*gib, 8*gib)
	f("more is used than the limit", files{
		"proc/meminfo": info, "proc/self/cgroup": "0::/\n",
		"sys/fs/cgroup/memory.max": "1048576\n", "sys/fs/cgroup/memory.current": "2097152\n",
	}, 8, 1<<20, 0)
}

func TestCPUModel(t *testing.T) {
	if got := cpuModel("processor\t: 0\nmodel name\t: A: fast one\n"); got != "A: fast one" {
		t.Errorf("got %q", got)
	}
}

func TestThisMachine(t *testing.T) {
	m := Read()
	if m.Cores < 1 || m.Cores > runtime.NumCPU() {
		t.Errorf("%d cores of %d", m.Cores, runtime.NumCPU())
	}
	if runtime.GOOS != "linux" {
		t.Skip("/proc is Linux's")
	}
	if m.MemoryBytes < 1<<20 || m.FreeBytes > m.MemoryBytes {
		t.Errorf("memory is %+v", m)
	}
	u := Usage()
	if u.RSSBytes < 1<<20 || u.PeakBytes < u.RSSBytes || u.SharedBytes > u.RSSBytes {
		t.Errorf("usage is %+v", u)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("0::/a/b\n", "100000 100000", "4096", "MemTotal: 5 kB\n")
	f.Add("4:memory:/x\n1:cpu,cpuacct:/\n", "-1", "max", "MemTotal: 99999999999999999999 kB\n")
	f.Add("::\n0::/../..\n", "0 0", "-5", ":\n")
	f.Fuzz(func(t *testing.T, groups, cpu, memory, info string) {
		tree := files{"proc/self/cgroup": groups, "proc/meminfo": info, "proc/self/status": info,
			"sys/fs/cgroup/cpu.max": cpu, "sys/fs/cgroup/memory.max": memory, "sys/fs/cgroup/memory.current": memory,
			"sys/fs/cgroup/memory.stat": info, "proc/cpuinfo": groups}.fs()
		m := read(tree, 4)
		if m.Cores < 1 || m.Cores > 4 || m.MemoryBytes < 0 || m.FreeBytes < 0 {
			t.Errorf("got %+v", m)
		}
		if u := usage(tree); u.RSSBytes < 0 {
			t.Errorf("got %+v", u)
		}
	})
}
