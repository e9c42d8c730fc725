//go:build linux

package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stoker/internal/engine"
	"stoker/internal/engine/enginetest"
	"stoker/internal/rng"
)

// childVariable makes the test binary play another process: "engine NAME",
// "client NAME DATASET", or "stamper NAME" (see BenchmarkHandOff). The child says "ready" on stdout when it works.
const childVariable = "STOKER_TEST_CHILD"

func child() {
	words := strings.Fields(os.Getenv(childVariable))
	var err error
	switch words[0] {
	case "engine":
		err = childEngine(words[1])
	case "stamper":
		err = childStamper(words[1])
	case "client":
		err = childClient(words[1], words[2])
	case "forker":
		err = childForker(words[1], words[2])
	case "holder":
		err = childHolder()
	}
	fmt.Fprintln(os.Stderr, "child:", err)
	if err != nil {
		os.Exit(1)
	}
}

func childEngine(name string) error {
	l, err := Listen(name)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return Serve(context.Background(), l, Options{Version: "test", FirstIdle: patience, Budget: engine.NewBudget(2, 256<<20)})
}

// childClient reads for ever and keeps the last three batches.
func childClient(name, dataset string) error {
	p, err := join(name, request(dataset))
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for held := 0; ; held++ {
		b, _, err := p.next(min(held, 3))
		if err != nil {
			return err
		}
		if held < 3 {
			continue
		}
		p.release(b)
	}
}

// childForker is a client whose own child keeps the socket open. It waits for no
// batch while it is killed: a session that hears nothing of its end stays for ever.
func childForker(name, dataset string) error {
	p, err := join(name, request(dataset))
	if err != nil {
		return err
	}
	socket, err := p.conn.File()
	if err != nil {
		return err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=holder")
	cmd.ExtraFiles = []*os.File{socket}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := p.take(3); err != nil {
		return err
	}
	fmt.Println("ready")
	return cmd.Wait()
}

// childHolder keeps the socket that it was given until the engine closes its end.
func childHolder() error {
	const inherited = 3
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: inherited}}, -1) // for POLLHUP, which is always told
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// TestAForkedChildHoldsNoSession: the session ends with the process that opened
// it, though a child of that process still has the socket.
func TestAForkedChildHoldsNoSession(t *testing.T) {
	budget := engine.NewBudget(2, 256<<20)
	name := start(t, Options{Budget: budget})
	kill(t, spawn(t, "forker", name, enginetest.Make(t, enginetest.Options{Samples: 50})))
	eventually(t, "the end of the session", func() bool { return budget.Left() == 256<<20 })
}

// spawn starts a child that is gone when the test ends, and waits for "ready".
func spawn(t testing.TB, words ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	// The race detector would sleep a second before it ends.
	cmd.Env = append(os.Environ(), childVariable+"="+strings.Join(words, " "), "GORACE=atexit_sleep_ms=0")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("%v said %q, %v", words, line, err)
	}
	return cmd
}

// kill ends a child as nothing can be prevented from ending.
func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
}

func rounds(short, long int) int {
	if os.Getenv("STOKER_LONG") != "" {
		return long
	}
	return short
}

func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestKilledClients: a client that is killed at any moment takes its session
// along; no memory and no descriptor stays.
func TestKilledClients(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 50})
	budget := engine.NewBudget(2, 256<<20)
	name := start(t, Options{Budget: budget})
	before := descriptors(t)
	random := rng.NewKey(uint64(time.Now().UnixNano())).Source()
	longest := time.Duration(0)
	for range rounds(10, 100) {
		c := spawn(t, "client", name, dir)
		time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond) // the random moment
		kill(t, c)
		killed := time.Now()
		eventually(t, "the end of the session", func() bool { return budget.Left() == 256<<20 })
		longest = max(longest, time.Since(killed))
	}
	t.Logf("the memory was back after %v at most", longest) // how soon depends on who else uses the machine
	eventually(t, "the end of all connections", func() bool { return descriptors(t) <= before })
}

// TestKilledEngines: the client learns of it at once, and the name is free for
// the next engine.
func TestKilledEngines(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 50})
	name := socketName()
	random := rng.NewKey(uint64(time.Now().UnixNano())).Source()
	for range rounds(10, 100) {
		e := spawn(t, "engine", name)
		p, err := join(name, request(dir))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.take(random.IntN(30)); err != nil {
			t.Fatal(err)
		}
		b, memory, err := p.next(0)
		if err != nil {
			t.Fatal(err)
		}
		kill(t, e)
		if _, err := p.take(1000); err == nil {
			t.Error("batches came from a dead engine")
		}
		// What the client maps stays readable.
		sum := 0
		for _, v := range memory[:int(b.Rows)*16*16*3] {
			sum += int(v)
		}
		if sum == 0 {
			t.Error("the last batch is gone")
		}
		p.close()
	}
}

// TestNoOrphan: an engine ends by itself after its only client was killed.
func TestNoOrphan(t *testing.T) {
	dir := enginetest.Make(t, enginetest.Options{Samples: 50})
	for range rounds(2, 100) {
		name := socketName()
		e := spawn(t, "engine", name)
		kill(t, spawn(t, "client", name, dir))
		late := time.AfterFunc(patience, func() { e.Process.Kill() })
		if err := e.Wait(); err != nil {
			t.Errorf("the engine stayed: %v", err)
		}
		late.Stop()
	}
}
