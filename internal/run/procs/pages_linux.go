package procs

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// DropProgramPages unmaps the pages of this process's own program file that it
// has touched so far: code and tables that starting needed count as its memory
// ever after. What is needed again is mapped anew from the page cache, where it
// stays; nothing is read from the disk unless memory is short.
//
// Only mappings that nothing can write, and of which no page is a private copy,
// are dropped: their pages are those of the file.
func DropProgramPages() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer f.Close()
	for _, m := range cleanMappings(bufio.NewScanner(f), exe) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED)
	}
}

type mapping struct{ from, to uintptr }

// cleanMappings reads smaps: a line per mapping, "from-to perms offset dev inode
// path", then its figures, "Name: n kB".
func cleanMappings(lines *bufio.Scanner, path string) (clean []mapping) {
	var m mapping
	mine, seen := false, 0
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 2 {
			continue
		}
		if strings.HasSuffix(f[0], ":") {
			if f[0] == "Anonymous:" || f[0] == "Swap:" {
				mine = mine && f[1] == "0"
				seen++
			}
			if mine && seen == 2 {
				clean, mine = append(clean, m), false
			}
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		a, errA := strconv.ParseUint(from, 16, 64)
		b, errB := strconv.ParseUint(to, 16, 64)
		m, seen = mapping{uintptr(a), uintptr(b)}, 0
		mine = errA == nil && errB == nil && len(f) == 6 && f[5] == path && !strings.Contains(f[1], "w") && strings.HasSuffix(f[1], "p")
	}
	return clean
}
