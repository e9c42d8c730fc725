// Package cause tells why a run ended, from what is left of it: exit status,
// last lines, what the kernel counted. It is a pure function; the supervisor
// gathers the facts.
package cause

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"stoker/internal/run/rx"
)

// Kind names a cause. The names are kept in journals and histories.
type Kind string

// The causes.
const (
	Done        Kind = "done"
	User        Kind = "user"         // somebody stopped or interrupted it
	OOM         Kind = "oom"          // the kernel killed it for want of memory
	CUDAOOM     Kind = "cuda-oom"     // the accelerator's memory was full
	MemoryError Kind = "memory-error" // the program was refused memory
	NaN         Kind = "nan"
	Import      Kind = "import"
	Syntax      Kind = "syntax"
	Usage       Kind = "usage" // the program refused its arguments
	NotStarted  Kind = "not-started"
	DiskFull    Kind = "disk-full"
	Connection  Kind = "connection" // network, NCCL, a rendezvous, a download
	CUDA        Kind = "cuda"       // driver or device failure
	SharedMem   Kind = "shm"        // /dev/shm too small for the loader's workers
	Killed      Kind = "killed"     // by a signal, nobody known sent it
	Crashed     Kind = "crashed"    // by a signal of its own making: segmentation fault and the like
	Rebooted    Kind = "rebooted"
	Lost        Kind = "lost" // every process is gone and none told why
	Exception   Kind = "exception"
	Failed      Kind = "failed" // exit status not 0, nothing more is known
	FromZero    Kind = "from-zero"
)

// Facts are what is known of an end.
type Facts struct {
	Code      int // exit status; 128 + signal when killed
	Signal    int // 0: it exited by itself
	Last      []string
	OOMKill   bool   // the cgroup counted an out-of-memory kill meanwhile
	KernelOOM string // the kernel log's line about it, or ""
	Stopped   bool   // `stoker stop`, or a signal that came through Stoker
	NotBegun  string // why the command could not be started, or ""
	LossNaN   bool   // the last loss seen was not a number
}

// Verdict is a cause in words.
type Verdict struct {
	Kind    Kind
	Text    string // one sentence without full stop: "out of GPU memory"
	Line    string // the line of output that says so, or ""
	Advice  string // what to do, or ""
	Curable bool   // a restart, by itself, can help
}

// rule recognises a cause in one line of output.
type rule struct {
	kind    Kind
	re      *regexp.Regexp
	text    string
	advice  string
	curable bool
}

// rules are tried in order on every line, newest line first; the first rule in
// this order that matches any line wins. Texts from the frameworks' own sources
// and issue threads. They are made when first needed: every stoker command would
// pay for them at its start.
var rules = sync.OnceValue(func() []rule {
	return []rule{
		{CUDAOOM, re(`CUDA out of memory|CUDA error: out of memory|torch\.(cuda\.)?OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED|CUDA_ERROR_OUT_OF_MEMORY|hipErrorOutOfMemory|HIP out of memory|RESOURCE_EXHAUSTED.*(memory|OOM)|OOM when allocating tensor|ResourceExhaustedError`),
			"out of accelerator memory", "use a smaller batch, gradient accumulation, or mixed precision; a restart alone will not help", false},
		{SharedMem, re(`(?i)out of shared memory|insufficient shared memory|unable to (open|write to|mmap).*(shm|torch_)|Bus error.*shared memory|DataLoader worker.*Bus error`),
			"shared memory (/dev/shm) is full", "give the container more with --shm-size, or use fewer workers", false},
		{OOM, re(`DataLoader worker \(pid.*\) is killed by signal: Killed|oom-kill|Out of memory: Killed process`),
			"the system ran out of memory and killed a process of the run", "use fewer workers or a smaller batch; a restart alone will not help", false},
		{DiskFull, re(`No space left on device|\[Errno 28\]|ENOSPC|Disk quota exceeded|\[Errno 122\]`),
			"the disk is full", "make room, then run it again", true},
		{MemoryError, re(`^MemoryError|std::bad_alloc|Cannot allocate memory|Unable to allocate .* for an array|DefaultCPUAllocator: can't allocate memory`),
			"the program was refused memory", "use a smaller batch or fewer workers; a restart alone will not help", false},
		{Syntax, re(`^\s*(SyntaxError|IndentationError|TabError)\b`), "the script has a syntax error", "", false},
		{Import, re(`^\s*(ModuleNotFoundError|ImportError)\b|cannot open shared object file|undefined symbol:`),
			"a module is missing or broken", "install it in the environment that this command uses", false},
		{CUDA, re(`CUDA error: (unspecified launch failure|an illegal memory|device-side assert|uncorrectable ECC|the launch timed out)|NVRM: Xid|CUDA driver version is insufficient|no CUDA-capable device|cudaErrorECC|GPU is lost`),
			"the accelerator or its driver failed", "see nvidia-smi and the kernel log", true},
		{Connection, re(`(?i)NCCL (error|WARN.*(timeout|abort))|ncclSystemError|ncclRemoteError|Watchdog caught collective operation timeout|Connection (reset by peer|refused|timed out|aborted)|ConnectionError|RendezvousConnectionError|RendezvousTimeoutError|ReadTimeout|Temporary failure in name resolution|Network is unreachable|Broken pipe|gloo.*(timeout|closed)|Socket Timeout|ProtocolError|IncompleteRead|RemoteDisconnected|50[234] (Server Error|Bad Gateway|Service|Gateway)|Stale file handle|Transport endpoint is not connected`),
			"a connection was lost", "", true},
		{NaN, re(`(?i)loss (is|became|was) (nan|inf)|nan (or inf(inity)?)? ?(loss|detected|found|encountered)|loss is not finite|non-?finite loss|Loss is nan, stopping|FloatingPointError|input contains nan`),
			"the loss is not a number", "lower the learning rate, clip gradients, look at the last batches", false},
		{Usage, re(`: error: (unrecognized arguments|the following arguments are required|argument |invalid choice)`),
			"the script refused its arguments", "", false},
	}
})

func re(s string) *regexp.Regexp { return regexp.MustCompile(s) }

// exceptionLine is the last line of a Python traceback.
var exceptionLine = rx.New(`^(?:[\w.]+\.)?([A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning|Failure|Timeout|NotFound))\b:?\s*(.*)$`)

// lookBack is how many of the last lines are searched: errors that the program
// survived scroll out of it.
const lookBack = 60

// Find tells the cause.
func Find(f Facts) Verdict {
	lines := f.Last[max(0, len(f.Last)-lookBack):]
	switch {
	case f.NotBegun != "":
		return Verdict{Kind: NotStarted, Text: f.NotBegun, Advice: "check the command and its path"}
	case f.Code == 0 && f.Signal == 0:
		return Verdict{Kind: Done, Text: "finished"}
	case f.Stopped:
		return Verdict{Kind: User, Text: "stopped by you" + byStatus(f)}
	case f.KernelOOM != "" || f.OOMKill:
		return Verdict{Kind: OOM, Text: "the system ran out of memory and killed it", Line: f.KernelOOM,
			Advice: "use fewer workers or a smaller batch; a restart alone will not help"}
	}
	if v, ok := fromLines(lines); ok {
		return v
	}
	if f.Signal != 0 || f.Code > 128 && f.Code <= 128+64 {
		return bySignal(f)
	}
	if line, ok := exception(lines); ok {
		if f.LossNaN {
			return Verdict{Kind: NaN, Text: "the loss became not a number before it failed", Line: line}
		}
		return Verdict{Kind: Exception, Text: "failed: " + line, Line: line}
	}
	v := Verdict{Kind: Failed, Text: fmt.Sprintf("exit status %d", f.Code), Line: lastLine(lines)}
	if f.LossNaN {
		v.Kind, v.Text = NaN, "the loss became not a number before it failed"
	}
	return v
}

// fromLines tries the line that ends the last traceback first, then all lines.
func fromLines(lines []string) (Verdict, bool) {
	if line, ok := exception(lines); ok {
		if v, ok := match([]string{line}); ok {
			return v, true
		}
	}
	return match(lines)
}

func match(lines []string) (Verdict, bool) {
	for _, r := range rules() {
		for i := len(lines) - 1; i >= 0; i-- {
			if r.re.MatchString(lines[i]) {
				return Verdict{r.kind, r.text, strings.TrimSpace(lines[i]), r.advice, r.curable}, true
			}
		}
	}
	return Verdict{}, false
}

// bySignal explains a death by signal. SIGKILL without a known sender is, on
// machines whose kernel log cannot be read, most often the out-of-memory killer.
func bySignal(f Facts) Verdict {
	sig := syscall.Signal(f.Signal)
	if f.Signal == 0 {
		sig = syscall.Signal(f.Code - 128)
	}
	switch sig {
	case syscall.SIGINT:
		return Verdict{Kind: User, Text: "interrupted"}
	case syscall.SIGKILL:
		return Verdict{Kind: Killed, Text: "killed (SIGKILL) by someone else or, most likely, for want of memory",
			Advice: "look at the kernel log: dmesg -T | grep -i kill"}
	case syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT:
		return Verdict{Kind: Killed, Text: "killed by a signal from outside: " + sig.String(), Curable: true}
	}
	return Verdict{Kind: Crashed, Text: "crashed: " + sig.String(), Curable: sig == syscall.SIGBUS}
}

func byStatus(f Facts) string {
	if f.Signal != 0 {
		return " (" + syscall.Signal(f.Signal).String() + ")"
	}
	return fmt.Sprintf(" (exit status %d)", f.Code)
}

func exception(lines []string) (string, bool) {
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(lines[i]); exceptionLine().MatchString(line) {
			return line, true
		}
	}
	return "", false
}

func lastLine(lines []string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if s := strings.TrimSpace(lines[i]); s != "" {
			return s
		}
	}
	return ""
}
