package account

import (
	"bufio"
	"context"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"stoker/internal/run/procs"
)

// gpus reads what nvidia-smi, NVML's own tool, says about the GPUs. It is asked as
// a process of its own: the library is only there where the driver is, and a hung
// driver then holds up nobody else.
type gpus struct {
	mu    sync.Mutex
	cards map[string]*card // by uuid
	pause bool             // what is seen now does not count
	users map[int][]string // pid -> uuids of the GPUs that it computes on
}

type card struct {
	index, name         string
	looks               float64
	util, watts, joules float64 // sums over looks; joules: over time
	memory              float64 // newest, bytes
	last                time.Time
}

// gpuFields are the columns that are asked for, in the order of card.add.
const gpuFields = "uuid,index,name,utilization.gpu,memory.used,power.draw"

// usersEvery is how often it is asked which process uses which GPU.
const usersEvery = 30 * time.Second

// follow runs nvidia-smi, where there is one, until ctx ends. When it ends by itself
// nothing more is known.
func (g *gpus) follow(ctx context.Context) {
	tool, err := exec.LookPath("nvidia-smi")
	if err != nil {
		return
	}
	cmd := exec.CommandContext(ctx, tool, "--query-gpu="+gpuFields, "--format=csv,noheader,nounits", "--loop-ms=1000")
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() { g.askUsers(ctx, tool) })
	defer func() {
		cancel()
		wait.Wait()
		_ = cmd.Wait() // it ended, or was ended by ctx
	}()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		g.add(lines.Text(), time.Now())
	}
}

// add takes one line about one GPU. What a GPU cannot tell is "[N/A]".
func (g *gpus) add(line string, now time.Time) {
	f := strings.Split(line, ", ")
	if len(f) != 6 {
		return
	}
	number := func(i int) float64 { v, _ := strconv.ParseFloat(strings.TrimSpace(f[i]), 64); return v }
	util, err := strconv.ParseFloat(strings.TrimSpace(f[3]), 64)
	if err != nil || util < 0 || util > 100 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cards == nil {
		g.cards = map[string]*card{}
	}
	c := g.cards[f[0]]
	if c == nil {
		c = &card{index: f[1], name: f[2]}
		g.cards[f[0]] = c
	}
	if !g.pause {
		c.looks++
		c.util += util / 100
		c.watts += number(5)
	}
	c.memory = number(4) * (1 << 20)
	if !c.last.IsZero() {
		c.joules += number(5) * min(now.Sub(c.last).Seconds(), 10)
	}
	c.last = now
}

// count says whether what is seen from now on counts; anew forgets what did so far.
func (g *gpus) count(on, anew bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pause = !on
	for _, c := range g.cards {
		if anew {
			c.looks, c.util, c.watts = 0, 0, 0
		}
	}
}

// askUsers keeps up which process computes on which GPU.
func (g *gpus) askUsers(ctx context.Context, tool string) {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		out, err := exec.CommandContext(ctx, tool, "--query-compute-apps=pid,gpu_uuid", "--format=csv,noheader").Output()
		if err == nil {
			g.setUsers(string(out))
		}
		timer.Reset(usersEvery)
	}
}

func (g *gpus) setUsers(text string) {
	users := map[int][]string{}
	for line := range strings.Lines(text) {
		pid, uuid, ok := strings.Cut(strings.TrimSpace(line), ", ")
		if n, err := strconv.Atoi(pid); err == nil && ok {
			users[n] = append(users[n], uuid)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.users = users
}

// mean sums up the GPUs of a process: those it computes on as the driver sees it,
// else those that its CUDA_VISIBLE_DEVICES names, else all that did anything (in a
// container the driver knows the process by another number). nil where there are
// none.
func (g *gpus) mean(pid int) *GPU {
	g.mu.Lock()
	defer g.mu.Unlock()
	var chosen []*card
	uses := g.users[pid]
	visible := visibleDevices(pid)
	for uuid, c := range g.cards {
		switch {
		case c.looks == 0:
		case len(uses) > 0 && !slices.Contains(uses, uuid):
		case len(uses) == 0 && visible != nil && !slices.Contains(visible, c.index) && !slices.Contains(visible, uuid):
		case len(uses) == 0 && visible == nil && c.util == 0 && len(g.cards) > 1:
		default:
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil
	}
	slices.SortFunc(chosen, func(a, b *card) int { return strings.Compare(a.index, b.index) })
	sum := GPU{Name: chosen[0].name, Count: len(chosen), IdleShare: 1}
	for _, c := range chosen {
		sum.Util += c.util / c.looks / float64(len(chosen))
		sum.IdleShare = min(sum.IdleShare, 1-c.util/c.looks)
		sum.Memory += c.memory
		sum.Watts += c.watts / c.looks
		sum.Joules += c.joules
	}
	return &sum
}

// visibleDevices reads CUDA_VISIBLE_DEVICES of a process; nil where it is not set or
// may not be seen.
func visibleDevices(pid int) []string {
	if list, ok := procs.Variable(pid, "CUDA_VISIBLE_DEVICES"); ok {
		return strings.Split(list, ",")
	}
	return nil
}
