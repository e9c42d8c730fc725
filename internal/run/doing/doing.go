// Package doing says what the processes of a run that stands still are at: which
// run, sleep or wait for the disk, what the GPUs do, and whether a rank of a
// distributed run is missing. It only reads /proc and asks nvidia-smi.
package doing

import (
	"fmt"
	"strings"
	"time"

	"stoker/internal/run/procs"
)

// Looker looks at one run, again and again.
type Looker struct {
	cpu  time.Duration
	at   time.Time
	gpus gpus
}

// Look describes the process pid and its descendants in one line. The processor
// time is that since the look before, and nvidia-smi, which may take seconds, is
// asked beside and its answer is in a later look: the first look tells less.
func (l *Looker) Look(now time.Time, pid int) string {
	tree := procs.Tree(pid)
	if len(tree) == 0 {
		return "its processes are gone"
	}
	share, known := l.measure(now, tree)
	cards := l.gpus.of(tree)
	ranks := ranksOf(tree)
	var parts []string
	if text := ranks.missing(); text != "" {
		parts = append(parts, text)
	}
	parts = append(parts, first(tree[0]))
	if text := ranks.states(); text != "" {
		parts = append(parts, text)
	} else if n := len(tree) - 1; n > 0 {
		running, disk := states(tree[1:])
		parts = append(parts, fmt.Sprintf("%d other processes: %d running, %d waiting for the disk", n, running, disk))
	}
	if known {
		parts = append(parts, fmt.Sprintf("together they use %.0f %% of a core", 100*share))
	}
	if text := gpuText(cards); text != "" {
		parts = append(parts, text)
	}
	if len(ranks.found) > 1 && busy(cards) {
		parts = append(parts, "GPUs that are busy without a step are usual where a collective (NCCL) waits for a rank: NCCL_DEBUG=INFO tells more")
	}
	return strings.Join(parts, "; ")
}

// measure returns how much of a core the run used since the look before.
func (l *Looker) measure(now time.Time, tree []procs.Info) (share float64, known bool) {
	var cpu time.Duration
	for _, p := range tree {
		cpu += p.CPU
	}
	if known = !l.at.IsZero() && now.After(l.at); known {
		share = max(0, (cpu-l.cpu).Seconds()/now.Sub(l.at).Seconds())
	}
	l.cpu, l.at = cpu, now
	return share, known
}

func first(p procs.Info) string {
	return fmt.Sprintf("process %d (%s) %s", p.PID, p.Name, state(p))
}

// state is what a process does, with the kernel function that it sleeps in.
func state(p procs.Info) string {
	text := "sleeps"
	switch p.State {
	case 'R':
		return "runs"
	case 'D':
		text = "waits for the disk"
	case 'T', 't':
		text = "is stopped"
	case 'Z':
		text = "has ended and nobody waits for it"
	}
	if at := procs.WaitChannel(p.PID); at != "" {
		text += " in " + at
	}
	return text
}

func states(tree []procs.Info) (running, disk int) {
	for _, p := range tree {
		switch p.State {
		case 'R':
			running++
		case 'D':
			disk++
		}
	}
	return running, disk
}
