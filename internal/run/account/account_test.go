package account_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/internal/leaktest"
	"stoker/internal/run/account"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// python runs a script until the test ends and returns its pid once it has printed a
// line.
func python(t *testing.T, script string) int {
	t.Helper()
	tool, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	cmd := exec.Command(tool, "-u", "-c", script)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe() // scripts may end with it
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal("the script printed nothing: ", err)
	}
	return cmd.Process.Pid
}

// watch accounts for a process for some time.
func watch(t *testing.T, pid int, d time.Duration) account.Account {
	t.Helper()
	a := account.New(pid)
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	a.Run(ctx)
	return a.Account()
}

// watchUntil accounts for a process until what is seen is as wanted: on a busy
// machine that takes a while. Who asks for it again then sees what did not come.
func watchUntil(t *testing.T, pid int, wanted func(account.Account) bool) account.Account {
	t.Helper()
	a := account.New(pid)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	done := make(chan struct{})
	go func() { defer close(done); a.Run(ctx) }()
	defer func() { cancel(); <-done }()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		if acc := a.Account(); acc.Seconds > 0.5 && wanted(acc) {
			return acc
		}
		<-tick.C
	}
	return a.Account()
}

// loop is a trainer: of each 50 ms it works the share busy by the processor's clock
// and sleeps in the rest.
const loop = `
import time
def work(s):
    end = time.thread_time() + s
    while time.thread_time() < end: pass
def step(busy):
    begin = time.monotonic(); work(0.05 * busy)
    time.sleep((time.monotonic() - begin) * (1 - busy) / busy)
print("go")
while True: step(0.4)
`

func TestAloneWithSleep(t *testing.T) {
	t.Parallel()
	// How exact that is, scripts/bench_why.py measures; here other tests compete.
	seen := func(a account.Account) bool {
		return math.Abs(a.Main.Sleeping-0.6) < 0.1 && math.Abs(a.Process.Idle-a.Main.Sleeping) < 0.05 && a.Looks >= 5
	}
	a := watchUntil(t, python(t, loop), seen)
	if !seen(a) {
		t.Errorf("sleeps 60 %% of the time, is said to: %+v %+v", a.Main, a.Process)
	}
	if sum := a.Main.Running + a.Main.Sleeping + a.Main.Disk; math.Abs(sum-1) > 1e-6 {
		t.Errorf("shares add up to %v", sum)
	}
	if len(a.Workers) != 0 || a.Cores < 1 || a.PID == 0 {
		t.Errorf("%+v", a)
	}
}

func TestWorkersAreToldApart(t *testing.T) {
	t.Parallel()
	pid := python(t, `
import os, time, signal, ctypes, subprocess, sys
def name(s): ctypes.CDLL(None).prctl(15, s.encode(), 0, 0, 0)
if os.fork() == 0:
    name("pt_data_worker")
    while os.getppid() > 1: sum(range(10000))
if os.fork() == 0:
    while os.getppid() > 1: time.sleep(0.5)
helper = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
print("go")
while True: time.sleep(0.5)
`)
	seen := func(a account.Account) bool {
		w := map[string]account.Worker{}
		for _, one := range a.Workers {
			w[one.Kind] = one
		}
		busy, idle := w["torch"], w["fork"]
		return a.PID == pid && len(a.Workers) == 2 && busy.CPU+busy.Queued > 0.5 && idle.CPU < 0.2 && idle.Sleeping > 0.4 && a.Main.Sleeping > 0.4
	}
	if a := watchUntil(t, pid, seen); !seen(a) {
		t.Errorf("%+v", a)
	}
}

// TestShortLivedWorkers: a loader that starts workers for every short epoch. For 0.1 s
// of the main thread's work they do 0.2 s, which is hardly ever looked at, and which
// their parent may ask for at once or late.
func TestShortLivedWorkers(t *testing.T) {
	t.Parallel()
	for _, every := range []int{1, 5} {
		t.Run(fmt.Sprintf("asked for after %d", every), func(t *testing.T) {
			t.Parallel()
			pid := python(t, fmt.Sprintf(`
import ctypes, os, time
def work(s):
    end = time.thread_time() + s
    while time.thread_time() < end: pass
print("go")
epoch, unasked = 0, []
while True:
    epoch += 1
    begin, end = os.pipe()
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(15, b"pt_data_worker", 0, 0, 0)
        work(0.2)
        os._exit(0)
    os.close(end); os.read(begin, 1); os.close(begin)
    unasked.append(child)
    if epoch %% %d == 0:
        for child in unasked: os.waitpid(child, 0)
        unasked = []
    work(0.1)
`, every))
			seen := func(a account.Account) bool {
				cpu, alive := a.WorkerCPU()
				return a.Seconds > 4 && math.Abs(cpu*alive/a.Main.CPU-2) < 0.3 && math.Abs(a.Busy*float64(a.Cores)/(3*a.Main.CPU)-1) < 0.15
			}
			if a := watchUntil(t, pid, seen); !seen(a) {
				cpu, alive := a.WorkerCPU()
				t.Errorf("%.2f workers at %.2f, main %.2f, busy %.2f of %d; %+v", alive, cpu, a.Main.CPU, a.Busy, a.Cores, a)
			}
		})
	}
}

func TestLauncherIsNotTheTrainer(t *testing.T) {
	t.Parallel()
	pid := python(t, `
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import os\nwhile os.getppid() > 1: sum(range(10000))"])
print(child.pid)
sys.stdin.read(); child.kill()
`)
	if a := watchUntil(t, pid, func(a account.Account) bool { return a.PID != pid && a.Main.Running > 0.8 }); a.PID == pid || a.Main.Running < 0.8 {
		t.Errorf("%+v", a)
	}
}

// TestOtherThreadsCount: the main thread waits for a pool, which is no waiting for data.
func TestOtherThreadsCount(t *testing.T) {
	t.Parallel()
	pid := python(t, `
import hashlib, threading, time
def work():
    b = bytes(1 << 20)
    while True:
        end = time.thread_time() + 0.03
        while time.thread_time() < end: hashlib.sha256(b)
        time.sleep(0.03)
threading.Thread(target=work, daemon=True).start()
print("go")
while True: time.sleep(1)
`)
	seen := func(a account.Account) bool {
		return a.Process.Idle < 0.7 && a.Process.CPU > 0.02 && a.Main.Sleeping > 0.9
	}
	if a := watchUntil(t, pid, seen); !seen(a) {
		t.Errorf("%+v %+v", a.Main, a.Process)
	}
}

func TestOnlyTrainingCounts(t *testing.T) {
	t.Parallel()
	a := account.New(python(t, loop))
	start := time.Now()
	a.Look(start)
	a.Enter("start")
	time.Sleep(50 * time.Millisecond) // passing time is what is tested
	if got := a.Account(); got.Seconds > 0.01 {
		t.Errorf("counted %v s of the start", got.Seconds)
	}
	before := time.Now()
	a.Enter("train")
	entered := time.Now()
	time.Sleep(300 * time.Millisecond)
	least := time.Since(entered).Seconds()
	a.Enter("validation")
	most := time.Since(before).Seconds()
	time.Sleep(100 * time.Millisecond)
	if got := a.Account(); got.Seconds < least-1e-6 || got.Seconds > most+1e-6 || got.Phase != "train" {
		t.Errorf("counted %v s of %q, want %v to %v", got.Seconds, got.Phase, least, most)
	}
}

// TestWhatFollowsTheLastStepIsNoTraining: a script may take long to end.
func TestWhatFollowsTheLastStepIsNoTraining(t *testing.T) {
	t.Parallel()
	a := account.New(python(t, loop))
	at := time.Now().Add(time.Hour) // far from the true clock, by which Account looks again when it is late
	a.Enter("train")
	a.Look(at)
	second := func() {
		at = at.Add(time.Second) // the clock is the test's: counters are read once a second
		a.Look(at)
	}
	for range 3 {
		second()
		a.Stepped(at)
	}
	if got := a.Account(); got.Seconds < 2.9 || got.Seconds > 3.1 {
		t.Errorf("counted %v s of three seconds with steps", got.Seconds)
	}
	for range 5 {
		second()
	}
	if got := a.Account(); got.Seconds > 3.1 {
		t.Errorf("counted %v s, of which 5 followed the last step", got.Seconds)
	}
	a.Stepped(at)
	if got := a.Account(); got.Seconds < 7.9 || got.Seconds > 8.1 {
		t.Errorf("counted %v s of a step of 5 s behind three", got.Seconds)
	}
	for range 100 {
		second()
	}
	if got := a.Account(); got.Seconds < 40 {
		t.Errorf("counted %v s of a run that seldom tells of steps", got.Seconds)
	}
}

func TestGoneProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Skip(err)
	}
	if a := watch(t, cmd.Process.Pid, 20*time.Millisecond); a.PID != 0 || a.Seconds != 0 {
		t.Errorf("%+v", a)
	}
}

func TestReadBytes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	pid := python(t, fmt.Sprintf(`
import time
print("go")
while True: open(%q, "rb").read(); time.sleep(0.01)
`, path))
	a := watchUntil(t, pid, func(a account.Account) bool { return a.ReadChars > 10<<20 })
	if a.ReadChars < 10<<20 || a.ReadBytes > a.ReadChars/2 || a.Hidden {
		t.Errorf("read %d bytes, %d of them from a disk", a.ReadChars, a.ReadBytes)
	}
}

// TestGPU asks a program of nvidia-smi's name that answers as two GPUs do.
func TestGPU(t *testing.T) {
	dir := t.TempDir()
	script := `#!/bin/sh
case "$1" in
--query-compute*) echo "1, GPU-b"; exit;;
esac
while :; do
  echo "GPU-a, 0, NVIDIA H200, 90, 1000, 300.5"
  echo "GPU-b, 1, NVIDIA H200, 25, 2000, [N/A]"
  echo "GPU-c, 2, NVIDIA H200, [N/A], 2000, 100"
  sleep 0.05
done
`
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("CUDA_VISIBLE_DEVICES", "1")
	one := func(a account.Account) bool { return a.GPU != nil && a.GPU.Count == 1 }
	two := func(a account.Account) bool { return a.GPU != nil && a.GPU.Count == 2 && a.GPU.Joules > 0 }
	g := watchUntil(t, python(t, loop), one).GPU
	if g == nil || g.Count != 1 || math.Abs(g.Util-0.25) > 1e-9 || math.Abs(g.IdleShare-0.75) > 1e-9 || g.Memory != 2000<<20 {
		t.Fatalf("%+v", g)
	}
	t.Setenv("CUDA_VISIBLE_DEVICES", "0,1")
	g = watchUntil(t, python(t, loop), two).GPU
	if g == nil || g.Count != 2 || math.Abs(g.IdleShare-0.1) > 1e-9 || g.Watts < 300 || g.Joules <= 0 || !strings.Contains(g.Name, "H200") {
		t.Fatalf("%+v", g)
	}
}

func TestWithoutWorkingGPUTool(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho NVIDIA-SMI has failed because it could not communicate with the driver\nexit 9\n"
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if g := watch(t, python(t, loop), 300*time.Millisecond).GPU; g != nil {
		t.Errorf("%+v", g)
	}
}

// BenchmarkLook is one look at a process with two workers: most looks read states
// only, one a second all counters.
func BenchmarkLook(b *testing.B) {
	a := account.New(os.Getpid())
	a.Look(time.Now())
	b.Run("states", func(b *testing.B) {
		now := time.Now()
		for b.Loop() {
			a.Look(now)
		}
	})
	b.Run("counters", func(b *testing.B) {
		now := time.Now()
		for b.Loop() {
			now = now.Add(2 * time.Second)
			a.Look(now)
		}
	})
}
