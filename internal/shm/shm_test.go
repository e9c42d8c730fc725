//go:build linux

package shm_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"stoker/internal/errs"
	"stoker/internal/shm"
)

// pair returns both ends of a connection.
func pair(t *testing.T) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "end")
		conn, err := net.FileConn(file) // has a descriptor of its own
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		ends[i] = conn.(*net.UnixConn)
	}
	return ends[0], ends[1]
}

func TestARegionCrossesASocket(t *testing.T) {
	r, err := shm.Create("test", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	a, b := pair(t)
	frame := []byte("frame")
	if err := shm.Send(a, frame, r.FD()); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	n, file, err := shm.Receive(b, buf)
	if err != nil || file == nil || !bytes.Equal(buf[:n], frame) {
		t.Fatalf("got %q, %v, %v", buf[:n], file, err)
	}
	other, err := shm.Map(file)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	copy(r.Bytes()[9_990:], "0123456789")
	if got := string(other.Bytes()[9_990:]); got != "0123456789" {
		t.Errorf("the other mapping reads %q", got)
	}
}

func TestTheSizeIsSealed(t *testing.T) {
	r, err := shm.Create("test", 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, size := range []int64{0, 8192} {
		if err := unix.Ftruncate(r.FD(), size); err == nil {
			t.Errorf("the region could be resized to %d bytes", size)
		}
	}
}

func TestManyDescriptorsInOneMessageAreRefusedWithoutALeak(t *testing.T) {
	a, b := pair(t)
	before := open(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd := int(null.Fd())
	if _, _, err := a.WriteMsgUnix([]byte("x"), unix.UnixRights(fd, fd, fd), nil); err != nil {
		t.Fatal(err)
	}
	_, file, err := shm.Receive(b, make([]byte, 8))
	if !errs.Is(err, errs.Invalid) {
		t.Errorf("error is %v", err)
	}
	if file != nil {
		file.Close()
	}
	if after := open(t); after != before+1 { // null itself
		t.Errorf("%d descriptors are open, were %d", after, before)
	}
}

func open(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestPeer(t *testing.T) {
	a, _ := pair(t)
	peer, err := shm.PeerOf(a)
	if err != nil || peer.UID != os.Getuid() || peer.PID != os.Getpid() {
		t.Errorf("got %+v, %v", peer, err)
	}
}

func TestImpossibleSizes(t *testing.T) {
	if _, err := shm.Create("test", 0); !errs.Is(err, errs.Invalid) {
		t.Errorf("size 0: %v", err)
	}
	if _, err := shm.Create("test", 1<<62); !errs.Is(err, errs.Exhausted) {
		t.Errorf("size 2^62: %v", err)
	}
}

func TestCloseTwice(t *testing.T) {
	before := open(t)
	r, err := shm.Create("test", 4096)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if after := open(t); after != before {
		t.Errorf("%d descriptors are open, were %d", after, before)
	}
}

func TestWatch(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make(chan struct{})
	stop, err := shm.Watch(cmd.Process.Pid, func() { close(first) })
	if err != nil {
		t.Fatal(err)
	}
	stopped, err := shm.Watch(cmd.Process.Pid, func() { t.Error("called after stop") })
	if err != nil {
		t.Fatal(err)
	}
	stopped()
	select {
	case <-first:
		t.Fatal("called while the process lives")
	default:
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-first
	stop()
	cmd.Wait()
	if _, err := shm.Watch(cmd.Process.Pid, func() {}); err == nil {
		t.Error("a process that is gone is watched")
	}
}
