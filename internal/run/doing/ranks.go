package doing

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stoker/internal/run/procs"
)

// ranks are the processes of a distributed run on this machine, as torchrun,
// accelerate and mpirun's wrappers mark them by RANK and LOCAL_WORLD_SIZE.
type ranks struct {
	found []rank // by rank
	local int    // how many there should be, 0 unknown
}

type rank struct {
	n       int
	process procs.Info
}

func ranksOf(tree []procs.Info) ranks {
	var r ranks
	of := map[int]string{}
	for _, p := range tree {
		of[p.PID], _ = procs.Variable(p.PID, "RANK")
	}
	for _, p := range tree {
		n, err := strconv.Atoi(of[p.PID])
		if err != nil || of[p.Parent] == of[p.PID] { // none, or a worker of its rank
			continue
		}
		r.found = append(r.found, rank{n, p})
		size, _ := procs.Variable(p.PID, "LOCAL_WORLD_SIZE")
		r.local, _ = strconv.Atoi(size)
	}
	slices.SortFunc(r.found, func(a, b rank) int { return a.n - b.n })
	return r
}

// missing names ranks that have ended while others wait for them.
func (r ranks) missing() string {
	if len(r.found) == 0 || len(r.found) >= r.local {
		return ""
	}
	there := map[int]bool{}
	for _, k := range r.found {
		there[k.n] = true
	}
	from := r.found[0].n / r.local * r.local // ranks of one machine are numbered in a row
	var gone []string
	for n := from; n < from+r.local; n++ {
		if !there[n] {
			gone = append(gone, strconv.Itoa(n))
		}
	}
	if len(gone) == 1 {
		return "rank " + gone[0] + " has ended and the others wait for it"
	}
	return "ranks " + strings.Join(gone, ", ") + " have ended and the others wait for them"
}

// states says which ranks do something else than most.
func (r ranks) states() string {
	if len(r.found) < 2 {
		return ""
	}
	running := 0
	var still []string
	for _, k := range r.found {
		if k.process.State == 'R' {
			running++
			continue
		}
		still = append(still, fmt.Sprintf("rank %d (process %d) %s", k.n, k.process.PID, state(k.process)))
	}
	text := fmt.Sprintf("%d of %d ranks run", running, len(r.found))
	if running > 0 && len(still) > 0 && len(still) <= 3 {
		text += ", " + strings.Join(still, ", ")
	}
	return text
}
