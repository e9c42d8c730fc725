// Package account tells what a run's processes do without touching them: whether
// the main thread computes or sleeps, how busy the worker processes are, whether
// the disk or the processors are waited for, what the GPU does. Everything is
// read from proc(5), the pressure files and nvidia-smi.
//
//	a := account.New(pid)
//	go a.Run(ctx)       // looks at random intervals until ctx ends
//	a.Enter("train")    // only training counts, where the phase is known
//	a.Account()         // at any time
//
// Shares of time come from the kernel's own counters (schedstat, in nanoseconds)
// wherever there are such; states are looked at only for what no counter tells.
// Looks are at random intervals: at a fixed one they would fall into step with the
// training loop. A look costs some tens of microseconds.
//
// The process may be anyone's: what may not be read is left out, and said to be
// unknown.
package account

// Account is what was seen of a run. Shares are of the time that was counted.
type Account struct {
	Seconds float64 `json:"seconds"` // counted
	Looks   int     `json:"looks"`
	// Phase is "train" where only training was counted, "" where the phases are
	// unknown: then the first part of the time is left out.
	Phase string `json:"phase,omitempty"`

	PID     int      `json:"pid"`               // of the process that trains; 0: none was found
	Ranks   int      `json:"ranks,omitempty"`   // processes that train side by side, where more than one
	Main    Thread   `json:"main"`              // its main thread
	Process Process  `json:"process"`           // all its threads
	Workers []Worker `json:"workers,omitempty"` // by pid; those that ended long ago, or were hardly seen, are together as PID 0
	Other   float64  `json:"other"`             // CPU seconds of the run's other processes

	Cores       int     `json:"cores"`        // that may be used: affinity and quota
	Busy        float64 `json:"busy"`         // share of them that the run used
	MachineBusy float64 `json:"machine_busy"` // share of all cores that anybody used; -1 unknown
	Steal       float64 `json:"steal"`        // share of the cores' time that other machines of the host took; -1 unknown

	PSI Pressure `json:"psi"`

	ReadBytes int64 `json:"read_bytes"`       // from disks
	ReadChars int64 `json:"read_chars"`       // by read calls, also from the page cache, pipes and sockets
	Hidden    bool  `json:"hidden,omitempty"` // the bytes read may not be seen: it is someone else's process

	GPU *GPU `json:"gpu,omitempty"`
}

// Thread is how a thread spent the time; Running and Sleeping and Disk add up to 1.
type Thread struct {
	Running  float64 `json:"running"`  // on a core or queued for one
	Sleeping float64 `json:"sleeping"` // waits for something else
	Disk     float64 `json:"disk"`     // of the rest: waits for a disk (uninterruptible)
	CPU      float64 `json:"cpu"`      // on a core
	Queued   float64 `json:"queued"`   // ready, but no core was free
}

// Process is how the threads of the training process spent the time together.
type Process struct {
	CPU     float64 `json:"cpu"`     // cores used by all its threads
	Queued  float64 `json:"queued"`  // threads that were ready, but found no core free
	Threads int     `json:"threads"` // with work: more than 1 % of a core
	// Idle is the share of the time at which none of its threads ran or wanted to,
	// with a 95 % interval. Whoever computes on the CPU waits for something then.
	Idle     float64 `json:"idle"`
	IdleLow  float64 `json:"idle_low"`
	IdleHigh float64 `json:"idle_high"`
}

// Worker is a process that prepares data for the training process.
type Worker struct {
	PID      int     `json:"pid"`
	CPU      float64 `json:"cpu"`      // cores used
	Queued   float64 `json:"queued"`   // its main thread was ready, but no core was free
	Disk     float64 `json:"disk"`     // waited for a disk
	Sleeping float64 `json:"sleeping"` // waited for something else
	Kind     string  `json:"kind"`     // "torch", "multiprocessing", "fork"; "" of those together
	Ended    bool    `json:"ended,omitempty"`
	Seconds  float64 `json:"seconds"` // counted
}

// Pressure is the share of the time in which tasks waited (pressure stall
// information): of the run's own cgroup where it has one, else of the machine.
// -1 is unknown.
type Pressure struct {
	Own     bool    `json:"own"`
	IOSome  float64 `json:"io_some"`
	IOFull  float64 `json:"io_full"`
	CPUSome float64 `json:"cpu_some"`
	MemSome float64 `json:"mem_some"`
}

// GPU is the mean of the GPUs that the run uses.
type GPU struct {
	Name      string  `json:"name"`
	Count     int     `json:"count"`
	Util      float64 `json:"util"`       // share of the time with at least one kernel running
	Memory    float64 `json:"memory"`     // bytes in use, of all together
	Watts     float64 `json:"watts"`      // of all together; 0 unknown
	Joules    float64 `json:"joules"`     // of all together, since the start of the looks
	IdleShare float64 `json:"idle_share"` // 1 - Util, of the one that is idle least
}

// WorkerCPU is the mean of the workers' CPU, weighted by the time they lived, and
// the number of workers alive at a time.
func (a *Account) WorkerCPU() (mean, alive float64) {
	var cpu, seconds float64
	for _, w := range a.Workers {
		cpu += w.CPU * w.Seconds
		seconds += w.Seconds
	}
	if seconds <= 0 || a.Seconds <= 0 {
		return 0, 0
	}
	return cpu / seconds, seconds / a.Seconds
}
