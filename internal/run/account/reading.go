package account

import (
	"cmp"
	"slices"
	"time"

	"stoker/internal/run/procs"
)

// reading is the state of all counters at one time.
type reading struct {
	at      time.Time
	main    procs.ID
	procs   map[procs.ID]processReading
	dead    map[procs.ID]processReading // ended since they were read, but not waited for
	threads map[int]sched               // of the main process, by id
	machine machine
	hasCPU  bool // machine could be read
	stalls  stalls
}

// processReading is that of one process.
type processReading struct {
	member *member
	cpu    time.Duration
	reaped time.Duration // that of its children which have ended
	sched  sched         // of its main thread
	timed  bool          // sched could be read
	io     counts
	hidden bool
}

// maxThreads bounds the threads of one process whose counters are read: a look must
// stay cheap where a framework starts hundreds. Those left out are the youngest,
// which is said by Process.CPU, where all are counted.
const maxThreads = 192

func (a *Accountant) read(now time.Time) *reading {
	r := &reading{at: now, procs: make(map[procs.ID]processReading, len(a.tree.now))}
	r.machine, r.hasCPU = readMachine()
	r.stalls = readStalls(a.pressure.dir, a.pressure.suffix)
	for _, m := range a.tree.now {
		p := processReading{member: m, cpu: m.info.CPU, reaped: m.info.Reaped}
		p.sched, p.timed = readSched(m.id.PID, m.id.PID)
		io, ok := readIO(m.id.PID)
		p.io, p.hidden = io, !ok
		r.procs[m.id] = p
	}
	r.dead = a.before.lost(func(id procs.ID) bool { return a.tree.dead[id] })
	if a.tree.main != nil {
		r.main = a.tree.main.id
		r.readThreads(r.main.PID)
	}
	return r
}

// lost returns those processes of a reading, if there is one, of which that is true.
func (r *reading) lost(is func(procs.ID) bool) map[procs.ID]processReading {
	found := map[procs.ID]processReading{}
	if r == nil {
		return found
	}
	for _, all := range []map[procs.ID]processReading{r.procs, r.dead} {
		for id, p := range all {
			if is(id) {
				found[id] = p
			}
		}
	}
	return found
}

func (r *reading) readThreads(pid int) {
	all := threads(pid)
	r.threads = make(map[int]sched, min(len(all), maxThreads))
	for _, tid := range all[:min(len(all), maxThreads)] {
		if s, ok := readSched(pid, tid); ok {
			r.threads[tid] = s
		}
	}
}

// change is the difference of two readings.
type change struct {
	seconds float64
	main    procs.ID
	procs   map[procs.ID]processChange
	// CPU seconds, not in procs, of workers and of other processes that ended: their
	// last ones, and all of those that lived between two readings only.
	endedWorkers, endedOthers float64
	// threads of the main process, as shares of the time on or queued for a core
	busiest, together float64
	working           int // threads with more than 1 % of a core
	cpu, steal        float64
	stalls            stalls
	hidden            bool
}

type processChange struct {
	kind        string
	seconds     float64 // alive within the interval
	cpu         float64 // seconds
	run, queued float64 // seconds, of the main thread
	timed       bool
	io          counts
}

// busyThread is the share of a core from which on a thread counts as working.
const busyThread = 0.01

// since returns what happened between two readings of the same main process.
func (r *reading) since(b *reading) *change {
	seconds := max(r.at.Sub(b.at).Seconds(), 1e-6)
	c := &change{seconds: seconds, main: r.main, procs: make(map[procs.ID]processChange, len(r.procs)), cpu: -1, steal: -1}
	for id, now := range r.procs {
		was, old := b.procs[id]
		p := processChange{kind: now.member.kind, seconds: seconds, timed: now.timed,
			cpu: (now.cpu - was.cpu).Seconds(), run: (now.sched.run - was.sched.run).Seconds(),
			queued: (now.sched.queued - was.sched.queued).Seconds(),
			io:     counts{now.io.bytes - was.io.bytes, now.io.chars - was.io.chars}}
		if !old { // started meanwhile
			if began := procs.Began(id); !began.IsZero() {
				p.seconds = min(max(r.at.Sub(began).Seconds(), p.cpu), seconds)
			}
		}
		if now.member.kind == "" && id != r.main {
			p.kind = "other"
		}
		c.hidden = c.hidden || now.hidden
		c.procs[id] = p
	}
	c.addThreads(r, b)
	c.addEnded(r, b)
	if d := r.machine.all - b.machine.all; r.hasCPU && b.hasCPU && d > 0 {
		c.cpu = 1 - (r.machine.idle-b.machine.idle)/d
		c.steal = (r.machine.steal - b.machine.steal) / d
	}
	c.stalls = r.stalls.since(b.stalls, seconds)
	return c
}

// addEnded finds what processes did that ended since b: their parents have it in
// their own account, once they have waited for them.
func (c *change) addEnded(r, b *reading) {
	gone := b.lost(func(id procs.ID) bool {
		_, lives := r.procs[id]
		_, dead := r.dead[id]
		return !lives && !dead
	})
	for id, now := range r.procs {
		cpu, programs := now.reaped-b.procs[id].reaped, false
		if cpu <= 0 {
			continue
		}
		for _, child := range gone {
			if child.member.parent != nil && child.member.parent.id == id {
				cpu -= child.cpu + child.reaped // this was booked while it lived
				programs = programs || !child.member.works()
			}
		}
		if seconds := max(cpu, 0).Seconds(); now.member.feeds && !programs {
			c.endedWorkers += seconds
		} else {
			c.endedOthers += seconds
		}
	}
}

func (c *change) addThreads(r, b *reading) {
	for tid, now := range r.threads {
		was := b.threads[tid]
		share := (now.run - was.run + now.queued - was.queued).Seconds() / c.seconds
		c.busiest = max(c.busiest, share)
		c.together += share
		if share > busyThread {
			c.working++
		}
	}
	c.busiest, c.together = min(c.busiest, 1), max(c.together, 0)
}

// activeThreads are the threads that have worked beside the main one since b, those
// with most work first, but not more than can be looked at often.
func (r *reading) activeThreads(b *reading) []int {
	const most = 16
	worked := map[int]time.Duration{}
	var list []int
	for tid, s := range r.threads {
		d := s.run + s.queued
		if b != nil && b.main == r.main {
			d -= b.threads[tid].run + b.threads[tid].queued
		}
		if tid != r.main.PID && d > 5*time.Millisecond {
			worked[tid] = d
			list = append(list, tid)
		}
	}
	slices.SortFunc(list, func(x, y int) int { return cmp.Compare(worked[y], worked[x]) })
	return list[:min(len(list), most)]
}

// since returns the shares of the time that were stalled; -1 where unknown.
func (s stalls) since(b stalls, seconds float64) stalls {
	share := func(now, was float64) float64 {
		if now < 0 || was < 0 {
			return -1
		}
		return min(max((now-was)/1e6/seconds, 0), 1)
	}
	return stalls{share(s.ioSome, b.ioSome), share(s.ioFull, b.ioFull), share(s.cpuSome, b.cpuSome), share(s.memSome, b.memSome)}
}
