package cause

import (
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name    string
		facts   Facts
		last    string
		kind    Kind
		curable bool
	}{
		{"done", Facts{}, "", Done, false},
		{"done although it printed errors", Facts{}, "RuntimeError: CUDA out of memory. retrying", Done, false},
		{"stopped", Facts{Code: 130, Signal: 2, Stopped: true}, "KeyboardInterrupt", User, false},
		{"interrupt", Facts{Code: 130, Signal: 2}, "", User, false},
		{"cgroup", Facts{Code: 137, Signal: 9, OOMKill: true}, "", OOM, false},
		{"kernel log", Facts{Code: 137, Signal: 9, KernelOOM: "Out of memory: Killed process 12 (python)"}, "", OOM, false},
		{"sigkill", Facts{Code: 137, Signal: 9}, "", Killed, false},
		{"sigkill seen by a shell", Facts{Code: 137}, "Killed", Killed, false},
		{"sigterm", Facts{Code: 143, Signal: 15}, "", Killed, true},
		{"segfault", Facts{Code: 139, Signal: 11}, "", Crashed, false},
		{"torch", Facts{Code: 1}, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", CUDAOOM, false},
		{"tensorflow", Facts{Code: 1}, "tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating tensor with shape[64]", CUDAOOM, false},
		{"jax", Facts{Code: 1}, "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate", CUDAOOM, false},
		{"worker", Facts{Code: 1}, "RuntimeError: DataLoader worker (pid 1234) is killed by signal: Killed. ", OOM, false},
		{"shm", Facts{Code: 1}, "RuntimeError: DataLoader worker (pid 4) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory.", SharedMem, false},
		{"disk", Facts{Code: 1}, "OSError: [Errno 28] No space left on device: 'ckpt.pt'", DiskFull, true},
		{"import", Facts{Code: 1}, "ModuleNotFoundError: No module named 'torch'", Import, false},
		{"syntax", Facts{Code: 1}, "    x = = 1\n        ^\nSyntaxError: invalid syntax", Syntax, false},
		{"nccl", Facts{Code: 1}, "torch.distributed.DistBackendError: NCCL error in: ../ProcessGroupNCCL.cpp:1691, unhandled system error", Connection, true},
		{"nccl watchdog", Facts{Code: 134, Signal: 6}, "[Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=12)", Connection, true},
		{"reset", Facts{Code: 1}, "ConnectionResetError: [Errno 104] Connection reset by peer", Connection, true},
		{"nan mae", Facts{Code: 1}, "Loss is nan, stopping training", NaN, false},
		{"nan seen", Facts{Code: 1, LossNaN: true}, "AssertionError", NaN, false},
		{"argparse", Facts{Code: 2}, "train.py: error: unrecognized arguments: --bach", Usage, false},
		{"exception", Facts{Code: 1}, "Traceback (most recent call last):\n  File \"x.py\", line 1\nKeyError: 'image'", Exception, false},
		{"silent", Facts{Code: 7}, "", Failed, false},
		{"not begun", Facts{Code: 127, NotBegun: "cannot start pyton: not found"}, "", NotStarted, false},
	} {
		c.facts.Last = strings.Split(c.last, "\n")
		v := Find(c.facts)
		if v.Kind != c.kind || v.Curable != c.curable || v.Text == "" {
			t.Errorf("%s: %+v, want %s", c.name, v, c.kind)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add(1, 0, "ValueError: x")
	f.Fuzz(func(t *testing.T, code, sig int, last string) {
		if v := Find(Facts{Code: code, Signal: sig, Last: strings.Split(last, "\n")}); v.Text == "" || v.Kind == "" {
			t.Fatalf("%+v", v)
		}
	})
}
