package pack_test

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFullDisk packs to a file system of 512 KiB, which root may make.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("cannot mount a small file system here (%v); TestFileSizeLimit runs instead", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(dir, 0)) })
	root := photoTree(t, 400)
	c := childOptions{Root: root, Output: filepath.Join(dir, "p.stk")}
	wantFullThenDone(t, c, func(*childOptions) {
		check(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=16m"))
	}, "disk is full")
}
