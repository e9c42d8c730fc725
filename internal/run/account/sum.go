package account

import (
	"math"
	"slices"
	"time"

	"stoker/internal/run/procs"
)

// sum is what was counted over some time.
type sum struct {
	phase   string
	begun   time.Duration // age of the run when it began; unused where the phase is known
	seconds float64
	looks   int64
	idle    int64 // looks at which no thread of the main process ran

	main                      mainSum
	busiest, together, thread float64 // thread-seconds
	threads                   float64 // sum of working threads, by seconds
	workers                   map[procs.ID]*workerSum
	past                      workerSum // of the workers that were forgotten
	ended                     float64   // CPU seconds of workers that ended unseen
	other, all                float64   // CPU seconds
	cpu, steal, told          float64   // machine, by seconds; told: seconds in which it told
	stalls, stallsTold        stalls
	io                        counts
	hidden                    bool
}

type mainSum struct {
	cpu, run, queued float64
	timed            bool
	states           stateCount
}

type workerSum struct {
	kind                 string
	seconds, cpu, queued float64
	states               stateCount
	last                 float64 // of sum.seconds
}

// maxEnded bounds the workers that are kept after their end: loaders start new ones
// for every epoch.
const maxEnded = 32

func newSum() *sum { return &sum{workers: map[procs.ID]*workerSum{}, main: mainSum{timed: true}} }

func (s *sum) add(c *change, seen *states) {
	s.seconds += c.seconds
	s.looks += seen.looks
	s.idle += seen.looks - seen.busy
	s.busiest += c.busiest * c.seconds
	s.together += c.together * c.seconds
	s.threads += float64(c.working) * c.seconds
	for id, p := range c.procs {
		s.all += p.cpu
		s.io.bytes += p.io.bytes
		s.io.chars += p.io.chars
		switch {
		case id == c.main:
			s.main.add(p, seen.of[id])
			s.thread += p.cpu
		case p.kind == "other" || p.kind == helper:
			s.other += p.cpu
		default:
			s.addWorker(id, p, seen.of[id])
		}
	}
	s.ended += c.endedWorkers
	s.other += c.endedOthers
	s.all += c.endedWorkers + c.endedOthers
	if c.cpu >= 0 {
		s.cpu += c.cpu * c.seconds
		s.steal += c.steal * c.seconds
		s.told += c.seconds
	}
	s.stalls.add(&s.stallsTold, c.stalls, c.seconds)
	s.hidden = s.hidden || c.hidden
}

func (m *mainSum) add(p processChange, states stateCount) {
	m.cpu += p.cpu
	m.run += p.run
	m.queued += p.queued
	m.timed = m.timed && p.timed
	m.states.add(states)
}

func (s *sum) addWorker(id procs.ID, p processChange, states stateCount) {
	w := s.workers[id]
	if w == nil {
		if len(s.workers) >= 2*maxEnded {
			s.forget()
		}
		w = &workerSum{kind: p.kind}
		s.workers[id] = w
	}
	w.seconds += p.seconds
	w.cpu += p.cpu
	w.queued += p.queued
	w.states.add(states)
	w.last = s.seconds
}

// forget puts the workers that were alive longest ago together.
func (s *sum) forget() {
	var ids []procs.ID
	for id, w := range s.workers {
		if w.last < s.seconds {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b procs.ID) int { return int(math.Copysign(1, s.workers[a].last-s.workers[b].last)) })
	for _, id := range ids[:max(len(ids)-maxEnded, 0)] {
		s.past.add(s.workers[id])
		delete(s.workers, id)
	}
}

func (w *workerSum) add(o *workerSum) {
	w.seconds += o.seconds
	w.cpu += o.cpu
	w.queued += o.queued
	w.states.add(o.states)
}

func (c *stateCount) add(o stateCount) {
	c.running += o.running
	c.disk += o.disk
	c.other += o.other
}

// diskShare is the share of the looks at a thread that does not run in which it waits
// for a disk.
func (c stateCount) diskShare() float64 {
	if c.disk == 0 {
		return 0
	}
	return float64(c.disk) / float64(c.disk+c.other)
}

func (s *stalls) add(told *stalls, c stalls, seconds float64) {
	one := func(sum, told *float64, share float64) {
		if share >= 0 {
			*sum += share * seconds
			*told += seconds
		}
	}
	one(&s.ioSome, &told.ioSome, c.ioSome)
	one(&s.ioFull, &told.ioFull, c.ioFull)
	one(&s.cpuSome, &told.cpuSome, c.cpuSome)
	one(&s.memSome, &told.memSome, c.memSome)
}

// account makes shares of the sums. Busy is still in cores.
func (s *sum) account() Account {
	a := Account{Seconds: s.seconds, Looks: int(s.looks), Phase: s.phase, Other: s.other,
		MachineBusy: mean(s.cpu, s.told), Steal: mean(s.steal, s.told), ReadBytes: s.io.bytes, ReadChars: s.io.chars, Hidden: s.hidden,
		PSI: Pressure{IOSome: mean(s.stalls.ioSome, s.stallsTold.ioSome), IOFull: mean(s.stalls.ioFull, s.stallsTold.ioFull),
			CPUSome: mean(s.stalls.cpuSome, s.stallsTold.cpuSome), MemSome: mean(s.stalls.memSome, s.stallsTold.memSome)}}
	if s.seconds <= 0 {
		return a
	}
	a.Busy = s.all / s.seconds
	a.Main = s.main.thread(s.seconds)
	a.Process = s.process(a.Main)
	for id, w := range s.workers {
		a.Workers = append(a.Workers, w.worker(id, s.seconds))
	}
	if past := s.pastWorkers(); past.seconds > 0 {
		a.Workers = append(a.Workers, past.worker(procs.ID{}, s.seconds))
	}
	slices.SortFunc(a.Workers, func(x, y Worker) int { return x.PID - y.PID })
	return a
}

// pastWorkers are those that are not kept one by one, together. Of the time that was
// not seen only the work is known; it is taken to be like what was seen.
func (s *sum) pastWorkers() workerSum {
	seen, past := s.past, s.past
	for _, w := range s.workers {
		seen.add(w)
	}
	past.states = seen.states
	if seen.cpu > 0 {
		unseen := s.ended / seen.cpu
		past.seconds += unseen * seen.seconds
		past.cpu += unseen * seen.cpu
		past.queued += unseen * seen.queued
	}
	return past
}

// mean is sum/told, or -1 where nothing was told.
func mean(sum, told float64) float64 {
	if told <= 0 {
		return -1
	}
	return sum / told
}

// thread splits the main thread's time. Without schedstat the looks at its state
// have to do.
func (m *mainSum) thread(seconds float64) Thread {
	t := Thread{CPU: m.run / seconds, Queued: m.queued / seconds}
	if !m.timed {
		looks := max(m.states.running+m.states.disk+m.states.other, 1)
		t.CPU, t.Queued = float64(m.states.running)/float64(looks), 0
	}
	t.Running = min(t.CPU+t.Queued, 1)
	t.Disk = (1 - t.Running) * m.states.diskShare()
	t.Sleeping = 1 - t.Running - t.Disk
	return t
}

// process finds the share of the time in which no thread ran. Where threads take
// turns it is what the sum of their times leaves; where they work side by side it
// is what the busiest leaves; between the two the looks decide.
func (s *sum) process(main Thread) Process {
	p := Process{CPU: s.thread / s.seconds, Queued: max(s.together-s.thread, 0) / s.seconds, Threads: int(math.Round(s.threads / s.seconds))}
	least := max(1-s.together/s.seconds, 0)
	most := max(1-max(s.busiest/s.seconds, main.Running), least)
	if !s.main.timed {
		least, most = 0, 1
	}
	p.Idle, p.IdleLow, p.IdleHigh = (least+most)/2, least, most
	if s.looks > 0 && most-least > 0.01 {
		share := float64(s.idle) / float64(s.looks)
		margin := 1.96 * math.Sqrt((share*(1-share)+1/float64(s.looks))/float64(s.looks))
		p.Idle = min(max(share, least), most)
		p.IdleLow, p.IdleHigh = max(share-margin, least), min(share+margin, most)
		p.IdleLow, p.IdleHigh = min(p.IdleLow, p.Idle), max(p.IdleHigh, p.Idle)
	}
	return p
}

func (w *workerSum) worker(id procs.ID, now float64) Worker {
	out := Worker{PID: id.PID, Kind: w.kind, Seconds: w.seconds, Ended: w.last < now}
	if w.seconds <= 0 {
		return out
	}
	out.CPU, out.Queued = w.cpu/w.seconds, w.queued/w.seconds
	rest := max(1-out.CPU-out.Queued, 0)
	out.Disk = rest * w.states.diskShare()
	out.Sleeping = rest - out.Disk
	return out
}
