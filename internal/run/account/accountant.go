package account

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"stoker/internal/run/procs"
	"stoker/internal/sysinfo"
)

// How often it is looked, on average: states at first often, so that a short run
// is told something too, later seldom; counters about once a second.
const (
	stateEvery  = 60 * time.Millisecond
	stateSeldom = 300 * time.Millisecond
	seldomAfter = 3 * time.Minute
	countEvery  = time.Second
)

// trainPhase is the phase that counts, by the name that package progress gives it.
const trainPhase = "train"

// Accountant watches the processes of one run. All methods may be called by any
// goroutine.
type Accountant struct {
	mu       sync.Mutex
	tree     *tree
	pressure struct {
		dir, suffix string
		own         bool
	}
	began, counted time.Time // first look; last one at the counters
	before         *reading
	seen           states // since the counters were last read
	active         []int  // threads of the main process, beside its main thread, with work
	phase          string // last entered; "" none ever
	sums           *sum   // of the training; where phases are unknown, of the time since its begun
	young          *sum   // since later, to take its place
	steps          bool   // Stepped tells when steps end
	unproved       []interval
	pid            int // of the process that trains, also after its end
	ranks          int // and those beside it
	gpu            *gpus
}

// New starts to account for a process and its descendants. Nothing is read before
// the first Look.
func New(pid int) *Accountant {
	a := &Accountant{tree: newTree(pid), sums: newSum(), young: newSum(), gpu: &gpus{}}
	a.pressure.dir, a.pressure.suffix, a.pressure.own = pressureDir(pid)
	return a
}

// Run looks until ctx ends, at random intervals; it starts nvidia-smi where there is
// one, and ends it.
func (a *Accountant) Run(ctx context.Context) {
	var wait sync.WaitGroup
	wait.Go(func() { a.gpu.follow(ctx) })
	defer wait.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	begin := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-timer.C:
			a.Look(now)
			every := stateEvery
			if now.Sub(begin) > seldomAfter {
				every = stateSeldom
			}
			timer.Reset(time.Duration(rand.ExpFloat64() * float64(every)))
		}
	}
}

// Enter says which phase the run is in, by package progress's names. Once a phase
// was entered only the time in "train" counts.
func (a *Accountant) Enter(phase string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if phase == "" || phase == a.phase {
		return
	}
	if a.before != nil && (phase == trainPhase || a.phase == trainPhase) {
		a.count(time.Now())
	}
	first := phase == trainPhase && a.sums.phase == ""
	if first {
		a.sums, a.unproved = newSum(), nil // what was counted before the phases were known
		a.sums.phase = trainPhase
	}
	a.gpu.count(phase == trainPhase || a.sums.phase == "", first)
	a.phase = phase
}

// interval is a time between two readings, and what was seen in it.
type interval struct {
	end    time.Time
	change *change
	seen   states
}

// mostUnproved bounds how much of a training may lie behind the last step that was
// told: a run may print seldom.
const mostUnproved = 60

// Stepped says that a step ended at that time. From then on only time counts that
// lies before a step that ended, but for runs that seldom tell: what a script does
// behind its last step, such as the end of a pipeline, is no training.
func (a *Accountant) Stepped(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.steps = true
	n := 0
	for n < len(a.unproved) && !a.unproved[n].end.After(at) {
		n++
	}
	a.prove(n)
}

// prove adds the first n intervals to the sums.
func (a *Accountant) prove(n int) {
	for i := range a.unproved[:n] {
		a.sums.add(a.unproved[i].change, &a.unproved[i].seen)
	}
	a.unproved = slices.Delete(a.unproved, 0, n)
}

// Look looks once at what the processes do. Run does so by itself.
func (a *Accountant) Look(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.before == nil || now.Sub(a.counted) >= countEvery || a.tree.main == nil {
		a.count(now)
	}
	a.lookAtStates()
}

// Account returns what was seen so far.
func (a *Accountant) Account() Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.before != nil && time.Since(a.counted) > countEvery/4 {
		a.count(time.Now())
	}
	acc := a.sums.account()
	acc.PSI.Own, acc.PID, acc.Ranks, acc.Cores = a.pressure.own, a.pid, a.ranks, sysinfo.Read().Cores
	if acc.Seconds > 0 {
		acc.Busy /= float64(acc.Cores)
	}
	if acc.Ranks < 2 {
		acc.Ranks = 0
	}
	if a.pid != 0 {
		acc.GPU = a.gpu.mean(a.pid)
	}
	return acc
}

// lookAtStates notes which threads run right now.
func (a *Accountant) lookAtStates() {
	main := a.tree.main
	if main == nil {
		return
	}
	pid := main.id.PID
	state := readState(pid, pid)
	if state == 0 {
		return
	}
	a.seen.looks++
	a.seen.note(main.id, state)
	running := state == 'R'
	for i := 0; i < len(a.active) && !running; i++ {
		running = readState(pid, a.active[i]) == 'R'
	}
	if running {
		a.seen.busy++
	}
	for _, w := range a.tree.workers() {
		a.seen.note(w.id, readState(w.id.PID, w.id.PID))
	}
}

// count reads all counters and books the differences to the reading before.
func (a *Accountant) count(now time.Time) {
	if a.began.IsZero() {
		a.began = now
	}
	elapsed := now.Sub(a.counted)
	if a.before == nil {
		elapsed = 0
	}
	oldMain := a.tree.main
	a.tree.refresh(elapsed)
	after := a.read(now)
	if a.before != nil && oldMain != nil && a.tree.main == oldMain && (a.phase == "" || a.phase == trainPhase) {
		a.book(after, now)
	}
	if main := a.tree.main; main != nil {
		if a.pid != 0 && a.pid != main.id.PID && a.sums.phase == "" {
			a.sums, a.young = newSum(), newSum() // another process trains than we thought
		}
		a.pid, a.ranks = main.id.PID, a.tree.ranks
	}
	a.active = after.activeThreads(a.before)
	a.before, a.counted, a.seen = after, now, states{}
}

// book adds one interval to the sums. Where phases are unknown the first part of a
// run, imports and warm-up, is left out: the sum is one that began after at least a
// quarter of the time so far, or a minute.
func (a *Accountant) book(after *reading, now time.Time) {
	change := after.since(a.before)
	if a.sums.phase != "" && a.steps {
		a.unproved = append(a.unproved, interval{now, change, a.seen})
		a.prove(max(len(a.unproved)-mostUnproved, 0))
		return
	}
	a.sums.add(change, &a.seen)
	if a.sums.phase != "" {
		return
	}
	a.young.add(change, &a.seen)
	age := now.Sub(a.began)
	if a.young.begun == 0 {
		a.young.begun = age
	}
	if a.sums.begun < time.Minute && age >= 2*a.young.begun {
		a.sums, a.young = a.young, newSum()
	}
}

// states counts what looks found.
type states struct {
	looks, busy int64 // busy: any thread of the main process ran
	of          map[procs.ID]stateCount
}

type stateCount struct{ running, disk, other int64 }

func (s *states) note(id procs.ID, state byte) {
	if s.of == nil {
		s.of = map[procs.ID]stateCount{}
	}
	c := s.of[id]
	switch state {
	case 'R':
		c.running++
	case 'D':
		c.disk++
	case 0, 'Z', 'X':
		return
	default:
		c.other++
	}
	s.of[id] = c
}
