package sysinfo

import (
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// groupPaths holds this process's control groups by controller; "" is the one of
// version 2. The paths are those of /proc/self/cgroup.
type groupPaths map[string]string

// cgroups reads /proc/self/cgroup: lines "id:controller,controller:/path".
func cgroups(s string) groupPaths {
	all := make(groupPaths)
	for line := range strings.Lines(s) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			all[controller] = path.Clean("/" + parts[2])
		}
	}
	return all
}

const mount = "sys/fs/cgroup"

// walk calls visit with the folder of the controller's group and of each group
// above it: every one of them limits. Inside a container the group's path is
// often that of the host and does not exist; then only the root is visited,
// which is the container's own group.
func (g groupPaths) walk(controller string, visit func(dir string)) {
	group, ok := g[controller]
	if !ok {
		return
	}
	for {
		visit(path.Join(mount, controller, group))
		if group == "/" {
			return
		}
		group = path.Dir(group)
	}
}

// cpuQuota returns the cores that the groups' quotas allow, 0 where none is set.
func (g groupPaths) cpuQuota(root fs.FS) float64 {
	quota := math.Inf(1)
	g.walk("", func(dir string) {
		if fields := strings.Fields(text(root, path.Join(dir, "cpu.max"))); len(fields) == 2 {
			quota = min(quota, ratio(fields[0], fields[1]))
		}
	})
	g.walk("cpu", func(dir string) {
		quota = min(quota, ratio(line(root, dir, "cpu.cfs_quota_us"), line(root, dir, "cpu.cfs_period_us")))
	})
	if math.IsInf(quota, 1) {
		return 0
	}
	return quota
}

// ratio returns quota/period, infinite for "max", -1 and what is not a number.
func ratio(quota, period string) float64 {
	q, qerr := strconv.ParseInt(quota, 10, 64)
	p, perr := strconv.ParseInt(period, 10, 64)
	if qerr != nil || perr != nil || q <= 0 || p <= 0 {
		return math.Inf(1)
	}
	return float64(q) / float64(p)
}

// memory returns the tightest memory limit of the groups and what is used under
// it, or zeros. Page cache counts as free: the kernel takes it back on demand.
func (g groupPaths) memory(root fs.FS) (limit, used int64) {
	tighten := func(dir, limitFile, usedFile, cacheName string) {
		l := number(line(root, dir, limitFile))
		if l <= 0 || limit > 0 && l >= limit {
			return
		}
		cache := stat(text(root, path.Join(dir, "memory.stat")), cacheName)
		limit, used = l, max(number(line(root, dir, usedFile))-cache, 0)
	}
	g.walk("", func(dir string) { tighten(dir, "memory.max", "memory.current", "inactive_file") })
	g.walk("memory", func(dir string) {
		tighten(dir, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
	})
	if limit >= unlimited {
		return 0, 0
	}
	return limit, used
}

// unlimited: version 1 writes "no limit" as the largest multiple of a page.
const unlimited = 1 << 60

func line(root fs.FS, dir, name string) string {
	return strings.TrimSpace(text(root, path.Join(dir, name)))
}

// number reads a decimal, 0 where s is none ("max").
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// stat returns the value of a line "name value".
func stat(s, name string) int64 {
	for l := range strings.Lines(s) {
		if n, v, ok := strings.Cut(strings.TrimSpace(l), " "); ok && n == name {
			return max(number(v), 0)
		}
	}
	return 0
}
