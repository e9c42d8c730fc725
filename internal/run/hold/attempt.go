package hold

import (
	"os"
	"sync"
	"syscall"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/procs"
	"stoker/internal/run/stream"
)

// start begins one attempt. A command that cannot be started is an attempt that
// ended at once with the exit status that a shell gives.
func (h *holder) start(c Command) {
	if h.snapshot().Running || len(c.Argv) == 0 {
		return
	}
	ooms := oomKills()
	s := State{Holder: h.snapshot().Holder, Attempt: c.Attempt, Began: time.Now(), Output: h.out.End()}
	ch, err := spawn(h.Spec, c)
	if err != nil {
		s.Ended, s.Code, s.Error = s.Began, 126, err.Error()
		if errs.Is(err, errs.NotFound) {
			s.Code = 127
		}
		h.record(Failed, "exit", s, nil)
		return
	}
	s.Running, s.Child = true, procs.Identify(ch.cmd.Process.Pid)
	h.record(Began, "began", s, ch)
	go h.watch(ch, ooms)
}

// watch drains the child's output, waits for its end and records it.
func (h *holder) watch(ch *child, ooms int64) {
	ended := make(chan struct{})
	var result *os.ProcessState
	var at time.Time
	go func() {
		defer close(ended)
		result, _ = ch.cmd.Process.Wait()
		at = time.Now()
	}()
	var pumps sync.WaitGroup
	for src, out := range ch.outs {
		pumps.Go(func() {
			if err := pump(out, func(p []byte) { h.take(stream.Source(src), p) }, ended); err != nil {
				_ = h.journal.Append(time.Now(), "output-lost", map[string]string{"error": err.Error()}, false)
			}
		})
	}
	pumps.Wait()
	<-ended
	_ = h.raw.Sync()
	s := h.snapshot()
	s.Running, s.Ended = false, at
	s.Code, s.Signal = exitStatus(result)
	s.OOM, s.Left = oomKills() > ooms, len(procs.Tree(ch.cmd.Process.Pid))
	h.record(Exited, "exit", s, nil)
	ch.close()
}

// record journals a start or an end and waits for the disk, so that what the
// journal says survives a power loss; only then are others told.
func (h *holder) record(kind byte, name string, s State, current *child) {
	_ = h.journal.Append(time.Now(), name, s, true)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state, h.child = s, current
	h.events = append(h.events, event{kind, h.out.End(), s})
	close(h.changed)
	h.changed = make(chan struct{})
}

// take is where every byte of output comes by. A full disk costs the log, never
// the run.
func (h *holder) take(src stream.Source, p []byte) {
	h.writing.Lock()
	defer h.writing.Unlock()
	now, off := time.Now(), h.raw.End()
	_, _ = h.raw.Write(p)
	if now.Sub(h.stamped) >= timesEvery {
		h.stamped = now
		_, _ = h.times.Write(timesRecord(off, now))
	}
	h.out.Append(off, now, src, p)
}

func (h *holder) closeChild() {
	if ch := h.current(); ch != nil {
		ch.close()
	}
}

// exitStatus returns what a shell's $? would be, and the signal if one killed.
func exitStatus(p *os.ProcessState) (code, sig int) {
	if p == nil {
		return 255, 0
	}
	if ws, ok := p.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), int(ws.Signal())
	}
	return p.ExitCode(), 0
}

// oomKills is the number of processes that the kernel has killed in this
// cgroup for want of memory; 0 where that is not counted.
func oomKills() int64 { return procs.OOMKills(os.Getpid()) }
