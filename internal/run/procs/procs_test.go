package procs

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	line := "42 (my) prog (x)) S 1 40 39 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 12345 1000 100"
	p, ok := parseStat(line)
	want := Info{PID: 42, Name: "my) prog (x)", State: 'S', Parent: 1, Session: 39, CPU: 3 * time.Second, Start: 12345}
	if !ok || p != want {
		t.Fatalf("%+v %v", p, ok)
	}
	for _, bad := range []string{"", "42", "42 (x", "x (y) S", "42 (x) S 1 2 3", "42 (x) SS 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"} {
		if _, ok := parseStat(bad); ok {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("42 (a) S 1 40 39 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 12345")
	f.Fuzz(func(_ *testing.T, line string) { _, _ = parseStat(line) })
}

func TestLifeOfAProcess(t *testing.T) {
	if !hasProc() {
		t.Skip("no /proc")
	}
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id := Identify(cmd.Process.Pid)
	if id.Start == 0 || !id.Alive() {
		t.Fatal(id)
	}
	if other := (ID{PID: id.PID, Start: id.Start + 1}); other.Alive() {
		t.Error("another process of the same number is taken for this one")
	}
	tree := Tree(os.Getpid())
	if tree[0].PID != os.Getpid() || len(tree) < 2 {
		t.Errorf("%+v", tree)
	}
	if began := Began(id); time.Since(began).Abs() > time.Minute {
		t.Errorf("began %s", began)
	}
	_ = cmd.Process.Kill()
	for deadline := time.Now().Add(time.Minute); id.Alive(); { // a zombie, until it is waited for
		if time.Now().After(deadline) {
			t.Fatal("alive after its death")
		}
	}
	_ = cmd.Wait()
	if id.Alive() || (ID{}).Alive() {
		t.Error("alive after its death")
	}
}

func TestMachine(t *testing.T) {
	text, key := Machine()
	if again, sameKey := Machine(); text == "" || len(key) != 8 || again != text || sameKey != key {
		t.Error(text, key)
	}
}
