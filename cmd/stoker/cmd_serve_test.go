//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stoker/internal/wire"
)

// programVariable makes the test binary be the program itself.
const programVariable = "STOKER_TEST_PROGRAM"

func init() {
	if os.Getenv(programVariable) != "" {
		main()
	}
}

// program runs the program in a process of its own.
func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), programVariable+"=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// patience is how long something may take that has to happen.
const patience = 2 * time.Minute

// greet connects to an engine, as soon as there is one, and returns its process id.
func greet(t *testing.T, socket string) (*net.UnixConn, int) {
	t.Helper()
	var conn *net.UnixConn
	var err error
	for deadline := time.Now().Add(patience); conn == nil; time.Sleep(5 * time.Millisecond) {
		conn, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
		if err != nil && time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	frame, err := wire.AppendJSON(nil, wire.TypeHello, wire.Hello{Protocol: wire.Protocol})
	if err == nil {
		_, err = conn.Write(frame)
	}
	if err != nil {
		t.Fatal(err)
	}
	var buf []byte
	_, payload, err := wire.ReadFrame(conn, &buf)
	if err != nil {
		t.Fatal(err)
	}
	var hello wire.Hello
	if err := wire.Decode("HELLO_OK", payload, &hello); err != nil {
		t.Fatal(err)
	}
	return conn, hello.PID
}

// TestServeDetached: of many starters one makes the engine, all succeed, and it
// ends after its last client.
func TestServeDetached(t *testing.T) {
	socket := fmt.Sprintf("@stoker-test-serve/%d", os.Getpid())
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			if out, err := program("serve", "--socket", socket, "--detach").CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	conn, pid := greet(t, socket) // at once: without any client the engine leaves some time
	g.Wait()
	again, same := greet(t, socket)
	if pid != same || pid == os.Getpid() {
		t.Errorf("two clients met the engines %d and %d", pid, same)
	}
	if out, err := program("serve", "--socket", socket).CombinedOutput(); err != nil || !strings.Contains(string(out), "already") {
		t.Errorf("a second engine in the foreground: %v: %s", err, out)
	}
	own, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if own.Policy == unix.SCHED_NORMAL { // any other is somebody's choice, and stays
		own.Policy, own.Nice = unix.SCHED_BATCH, max(own.Nice, engineNice)
	}
	if attr, err := unix.SchedGetAttr(pid, 0); err != nil || attr.Nice != own.Nice || attr.Policy != own.Policy {
		t.Errorf("the engine runs with niceness %d and policy %d, %v", attr.Nice, attr.Policy, err)
	}
	if dir, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd"); err != nil || dir != "/" {
		t.Errorf("the engine keeps %s busy, %v", dir, err)
	}
	conn.Close()
	again.Close()
	left := time.Now()
	for !errors.Is(unix.Kill(pid, 0), unix.ESRCH) && !zombie(pid) {
		if time.Since(left) > patience {
			t.Fatal("the engine stays")
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("the engine stayed for %v", time.Since(left))
}

// zombie reports whether a process has ended and nobody has asked how, as in
// containers whose first process does not care for orphans.
func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}
