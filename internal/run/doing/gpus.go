package doing

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"stoker/internal/run/procs"
)

// gpu is one GPU as nvidia-smi last told of it.
type gpu struct {
	uuid, index string
	util        float64 // percent of the time in which a kernel ran
}

// gpus asks nvidia-smi in the background: with a hung driver it never answers.
type gpus struct {
	mu     sync.Mutex
	asking bool
	cards  []gpu
	users  map[int][]string // pid -> uuids
}

const askFor = 10 * time.Second

// of returns the GPUs that processes of the tree compute on, or all where that is
// not told (inside a container); it asks anew for the next time.
func (g *gpus) of(tree []procs.Info) []gpu {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.asking {
		if tool, err := exec.LookPath("nvidia-smi"); err == nil {
			g.asking = true
			go g.ask(tool)
		}
	}
	used := map[string]bool{}
	for _, p := range tree {
		for _, uuid := range g.users[p.PID] {
			used[uuid] = true
		}
	}
	if len(used) == 0 {
		return g.cards
	}
	var own []gpu
	for _, c := range g.cards {
		if used[c.uuid] {
			own = append(own, c)
		}
	}
	return own
}

func (g *gpus) ask(tool string) {
	ctx, cancel := context.WithTimeout(context.Background(), askFor)
	defer cancel()
	var cards []gpu
	for _, f := range table(ctx, tool, "--query-gpu=uuid,index,utilization.gpu") {
		if util, err := strconv.ParseFloat(f[2], 64); err == nil {
			cards = append(cards, gpu{f[0], f[1], util})
		}
	}
	users := map[int][]string{}
	for _, f := range table(ctx, tool, "--query-compute-apps=gpu_uuid,pid,used_memory") {
		if pid, err := strconv.Atoi(f[1]); err == nil {
			users[pid] = append(users[pid], f[0])
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cards, g.users, g.asking = cards, users, false
}

// table returns the lines of three fields that nvidia-smi prints.
func table(ctx context.Context, tool, query string) (rows [][]string) {
	out, err := exec.CommandContext(ctx, tool, query, "--format=csv,noheader,nounits").Output()
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Split(strings.TrimSpace(line), ", "); len(f) == 3 {
			rows = append(rows, f)
		}
	}
	return rows
}

// busy reports whether every GPU runs kernels all the time.
func busy(cards []gpu) bool {
	for _, c := range cards {
		if c.util < 90 {
			return false
		}
	}
	return len(cards) > 0
}

// gpuText is "GPU 0 is at 3 %", or all of them.
func gpuText(cards []gpu) string {
	if len(cards) == 0 {
		return ""
	}
	var each []string
	for _, c := range cards {
		each = append(each, fmt.Sprintf("GPU %s is at %.0f %%", c.index, c.util))
	}
	if len(each) > 8 {
		each = append(each[:8], "...")
	}
	return strings.Join(each, ", ")
}
