package why

import (
	"fmt"
	"strings"

	"stoker/internal/run/account"
)

// Accounting needs some seconds and looks before it says anything.
const (
	minAccountSeconds = 3
	minAccountLooks   = 20
)

// Shares of a core, or of the time, from which something counts as busy or idle.
const (
	workerBusy = 0.8
	workerIdle = 0.5
	gpuBusy    = 0.95
	mainBusy   = 0.9
	// margin is added to the interval of what the kernel counted: a step has other
	// waits than that for data (a lock, a line to the terminal).
	margin = 0.02
)

// facts are the figures of an account that the table of the second rung needs.
type facts struct {
	*account.Account
	asleep  float64 // main thread: sleeping or waiting for a disk
	workers float64 // alive at a time
	working float64 // cores that each of them used or queued for
	disk    float64 // share of the time in which each waited for a disk
	gpu     bool    // a GPU does the computing
}

func factsOf(a *account.Account) facts {
	f := facts{Account: a, asleep: a.Main.Sleeping + a.Main.Disk}
	_, f.workers = a.WorkerCPU()
	var seconds float64
	for _, w := range a.Workers {
		f.working += (w.CPU + w.Queued) * w.Seconds
		f.disk += w.Disk * w.Seconds
		seconds += w.Seconds
	}
	if seconds > 0 {
		f.working /= seconds
		f.disk /= seconds
	}
	f.gpu = a.GPU != nil && (a.GPU.Util > 0.02 || a.GPU.Memory > 1<<30)
	return f
}

// factsOfRun are those of an account beside what the sampler knows. Of workers that
// live for a moment the work is known well, but their number is not: it is no more
// than the loaders were given.
func factsOfRun(e Evidence) facts {
	f := factsOf(e.Account)
	mains := trainers(e)
	if len(mains) == 0 {
		return f
	}
	var given float64
	for i := range mains[0].Loaders {
		given += float64(max(mains[0].Loaders[i].Workers, 0))
	}
	if given > 0 && f.workers > given {
		f.working = min(f.working*f.workers/given, 1)
		f.workers = given
	}
	return f
}

// accountPID is the process that was accounted for; 0 none.
func (f *facts) accountPID() int {
	if f.Account == nil {
		return 0
	}
	return f.PID
}

// hasWorkers reports whether other processes prepare the data.
func (f *facts) hasWorkers() bool { return f.workers >= 0.5 }

// rung judges what the kernel counted.
func (f *facts) rung() Rung {
	r := Rung{Name: RungAccounting, Share: -1, Verdict: Unknown}
	switch {
	case f.Seconds < minAccountSeconds || f.Looks < minAccountLooks || f.PID == 0:
		r.Text = fmt.Sprintf("the processes were watched for %.0f s only", f.Seconds)
		return r
	case f.gpu:
		f.judgeGPU(&r)
	default:
		f.judgeCPU(&r)
	}
	if f.Ranks > 1 && r.Verdict == Data {
		r.Conclusive = false // ranks also wait for each other
	}
	r.Text = f.text()
	return r
}

// judgeGPU: a wait for data shows as a GPU without work while the main thread
// sleeps. Each of the two alone has other causes.
func (f *facts) judgeGPU(r *Rung) {
	idle := f.GPU.IdleShare
	r.Share = min(idle, f.asleep)
	r.Low, r.High = min(max(idle+f.asleep-1, 0), r.Share), min(r.Share+margin, 1)
	switch {
	case idle <= 1-gpuBusy:
		r.Verdict, r.Conclusive = Compute, true
	case f.hasWorkers() && r.Share >= dataShare:
		r.Verdict, r.Limit = Data, f.workersLimit()
		r.Conclusive = f.working >= workerBusy || f.working < workerIdle
	case f.hasWorkers() && f.Main.Running >= mainBusy && f.working < workerIdle:
		r.Verdict, r.Limit, r.Conclusive = Compute, LimitPython, true // batches lie ready, and the GPU waits for the script
	case !f.hasWorkers() && f.Main.Disk >= idle/2 && idle >= dataShare:
		r.Verdict, r.Limit, r.Conclusive = Data, LimitFetch, true
	case f.Main.Running >= mainBusy:
		r.Share = -1 // data or other Python in the main thread: the sampler tells
	case f.hasWorkers():
		r.Verdict = Borderline
	}
}

// judgeCPU: whoever computes on the CPU waits when no thread of the process runs.
func (f *facts) judgeCPU(r *Rung) {
	p := f.Process
	// A batch that came while no core was free was waited for a little longer than it seems.
	r.Share, r.Low, r.High = p.Idle, max(min(p.IdleLow, p.Idle)-margin, 0), min(max(p.IdleHigh, p.Idle)+margin+f.Main.Queued/2, 1)
	switch {
	case f.hasWorkers() && p.Idle <= computeShare:
		r.Verdict, r.Conclusive = Compute, true
	case f.hasWorkers() && p.Idle >= dataShare:
		r.Verdict, r.Limit = Data, f.workersLimit()
		r.Conclusive = r.Low >= dataShare/2
	case f.hasWorkers():
		r.Verdict, r.Limit = Borderline, f.workersLimit()
	case f.readsDisks() && p.Idle >= dataShare:
		r.Verdict, r.Limit, r.Conclusive = Data, LimitFetch, r.Low >= dataShare/2
	case p.Idle >= dataShare: // it waits, but for what?
	default: // the main thread computes, or prepares data: the sampler tells
		r.High = 1
	}
	if !f.hasWorkers() && f.asleep > r.High {
		r.High = min(f.asleep+margin, 1) // while it sleeps threads of its own may prepare data, as those of tf.data
	}
}

// workersLimit tells whether the workers compute or wait themselves, at a time at
// which the trainer waits for them.
func (f *facts) workersLimit() string {
	if f.working < workerIdle {
		return LimitFetch
	}
	return LimitPrepare
}

// readsDisks reports whether it is a disk that the main thread waits for: it is seen
// to, or tasks are stalled on I/O while it reads more than a page cache gives.
func (f *facts) readsDisks() bool {
	idle := max(f.Process.Idle, 0.01)
	return f.Main.Disk >= idle/2 || f.PSI.IOSome >= idle/2 && f.ReadBytes > 0 && 2*f.ReadBytes > f.ReadChars/2
}

func (f *facts) text() string {
	parts := []string{fmt.Sprintf("its main thread runs %s of the time and sleeps %s", percent(f.Main.Running), percent(f.Main.Sleeping))}
	if f.Main.Disk > 0.01 {
		parts = append(parts, "waits for disks "+percent(f.Main.Disk))
	}
	if p := f.Process; !f.gpu && p.Threads > 1 && f.asleep-p.Idle > 0.05 {
		parts = append(parts, fmt.Sprintf("no thread of it runs %s", percent(p.Idle)))
	}
	if f.hasWorkers() {
		parts = append(parts, fmt.Sprintf("%s at work %s of the time%s", count(int(f.workers+0.5), "worker"), percent(min(f.working, 1)), f.workerDisk()))
	}
	if f.gpu {
		parts = append(parts, fmt.Sprintf("the GPU idles %s", percent(f.GPU.IdleShare)))
	}
	parts = append(parts, fmt.Sprintf("the run uses %.1f of %s", f.Busy*float64(f.Cores), count(f.Cores, "core")))
	if f.PSI.IOSome > 0.05 {
		parts = append(parts, "tasks stalled on I/O "+percent(f.PSI.IOSome))
	}
	if f.Steal > 0.02 {
		parts = append(parts, fmt.Sprintf("other machines of the host took %s", percent(f.Steal)))
	}
	if other := f.MachineBusy - f.Busy; other > 0.15 {
		parts = append(parts, fmt.Sprintf("other programs use %s of the cores", percent(other)))
	}
	return fmt.Sprintf("%.0f s of accounting: %s", f.Seconds, strings.Join(parts, ", "))
}

func (f *facts) workerDisk() string {
	if f.disk < 0.05 {
		return ""
	}
	return " and waiting for disks " + percent(f.disk)
}
