package calibrate

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// adviseRandom has the system read what is asked for and nothing behind it.
func adviseRandom(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM) }

// writeBack starts and awaits the writing of a range to the disk.
func writeBack(f *os.File, offset, length int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, length, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
}

// folioBytes is the most that the page cache keeps as one piece, which it drops
// whole or not at all.
const folioBytes = 2 << 20

// drop asks the page cache to forget a range, and what shares a piece with it.
func drop(f *os.File, offset, length int64) {
	from := offset &^ (folioBytes - 1)
	to := (offset + length + folioBytes - 1) &^ (folioBytes - 1)
	_ = unix.Fadvise(int(f.Fd()), from, to-from, unix.FADV_DONTNEED)
}

// cachedShare returns which part of the extents' pages the page cache holds; -1
// where the system does not tell. Nothing is read.
func cachedShare(extents []extent) float64 {
	var pages, held int
	for i := range extents {
		h, n, ok := cached(&extents[i])
		if !ok {
			return -1
		}
		held, pages = held+h, pages+n
	}
	if pages == 0 {
		return -1
	}
	return float64(held) / float64(pages)
}

// cached counts an extent's pages, and those of them in the page cache, by
// mincore(2) on a mapping that is never touched.
func cached(x *extent) (held, pages int, ok bool) {
	f, err := os.Open(x.path)
	if err != nil {
		return 0, 0, false
	}
	defer f.Close() //nolint:errcheck // only read
	page := int64(os.Getpagesize())
	from := x.offset &^ (page - 1)
	length := x.offset + x.length - from
	if length <= 0 {
		return 0, 0, true
	}
	m, err := unix.Mmap(int(f.Fd()), from, int(length), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return 0, 0, false
	}
	defer unix.Munmap(m) //nolint:errcheck // it was mapped
	state := make([]byte, (length+page-1)/page)
	if _, _, e := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&m[0])), uintptr(length), uintptr(unsafe.Pointer(&state[0]))); e != 0 {
		return 0, 0, false
	}
	for _, s := range state {
		held += int(s & 1)
	}
	return held, len(state), true
}

// networks are the file systems whose bytes come from another machine.
var networks = []string{"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "ceph", "lustre", "glusterfs", "gpfs", "beegfs",
	"afs", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.juicefs", "fuse.glusterfs", "fuse.ceph", "fuse.mount-s3", "fuse.blobfuse2"}

// mountOf says what file system a path is on, by /proc/self/mountinfo.
func mountOf(path string) (kind, from string, network bool) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	path, _ = filepath.Abs(path)
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", "", false
	}
	defer f.Close() //nolint:errcheck // only read
	best := -1
	for lines := bufio.NewScanner(f); lines.Scan(); {
		point, k, s, ok := mountLine(lines.Text())
		inside := ok && (point == "/" || path == point || strings.HasPrefix(path, point+"/"))
		if inside && len(point) >= best { // of equal ones the last is on top
			best, kind, from = len(point), k, s
		}
	}
	return kind, from, slices.Contains(networks, kind)
}

// unescape undoes mountinfo's octal codes.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// mountLine reads a line of mountinfo: see proc_pid_mountinfo(5).
func mountLine(line string) (point, kind, from string, ok bool) {
	head, tail, found := strings.Cut(line, " - ")
	f, t := strings.Fields(head), strings.Fields(tail)
	if !found || len(f) < 5 || len(t) < 2 {
		return "", "", "", false
	}
	return unescape.Replace(f[4]), t[0], unescape.Replace(t[1]), true
}

// freeBytes is the space that is left in a file system.
func freeBytes(path string) (int64, bool) {
	var s unix.Statfs_t
	if unix.Statfs(path, &s) != nil {
		return 0, false
	}
	return int64(s.Bavail) * s.Bsize, true
}
